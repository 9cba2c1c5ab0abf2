"""scour: smaller SVG drawings that look the same."""

from __future__ import annotations

from jobs.contract import Command, Operation, Tool, Work
from jobs.contract.errors import OpenFailed, TaskError

from ._support.optimized import Optimized
from ._support.process import Process


def smaller(work: Work) -> list[Command]:
    """Plan the same drawing without what editors leave in it."""
    argv = ["scour", "-q", "--enable-comment-stripping", "--enable-id-stripping", "--shorten-ids"]
    argv += ["--remove-metadata", "--remove-descriptive-elements", "--indent=none", "--no-line-breaks"]
    argv += ["-i", f"{work.input}", "-o", f"{work.output}"]
    return [Command(argv=argv, outputs=(work.output,))]


def explain(words: str) -> TaskError | None:
    """Say what scour's words mean."""
    return OpenFailed() if "ExpatError" in words or "not well-formed" in words else None


OPERATIONS = (
    Operation(
        name="optimize",
        engine="scour",
        queue="scour",
        help="Make an SVG drawing smaller: comments, metadata and what editors leave in it go.",
        run=Optimized(Process(smaller, explain)),
        conversions=frozenset({("svg", None)}),
        tool=Tool(name="scour", argv=("scour", "--version")),
    ),
)
