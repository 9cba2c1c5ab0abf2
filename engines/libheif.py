"""libheif's own programs: photos of phones to JPG and PNG, and back, where they are asked for."""

from __future__ import annotations

from itertools import product

from jobs.contract import Command, Operation, Tool, Work
from jobs.contract.errors import OpenFailed, TaskError

from ._support.picture_options import quality
from ._support.process import Process

SPEED = {"heic": "preset=ultrafast", "avif": "speed=8"}
"""Seconds where the usual settings take half a minute, for a file a tenth larger."""
TOOL = Tool(name="libheif", argv=("heif-enc", "-h"), pattern=r"libheif version: (\d+(?:\.\d+)+)")


def decode(work: Work) -> list[Command]:
    """Plan a JPG or PNG of the picture; of several in one file, each."""
    argv = ["heif-convert"]
    argv += ["-q", f"{work.options['quality']}"] if work.output_format == "jpg" else []
    glob = f"{work.output.stem}*.{work.output_format}"
    return [Command(argv=[*argv, f"{work.input}", f"{work.output}"], output_glob=glob)]


def encode(work: Work) -> list[Command]:
    """Plan a HEIC or AVIF file."""
    argv = ["heif-enc", "-q", f"{work.options['quality']}", "-p", SPEED[work.output_format]]
    argv += ["--avif"] if work.output_format == "avif" else []
    return [Command(argv=[*argv, "-o", f"{work.output}", f"{work.input}"], outputs=(work.output,))]


def explain(words: str) -> TaskError | None:
    """Say what the programs' words mean."""
    known = ("Could not read", "not an HEIF", "Not a PNG", "Not a JPEG", "libpng error", "Invalid input")
    return OpenFailed() if any(each in words for each in known) else None


def _conversion(run: Process, sources: set[str], targets: set[str]) -> Operation:
    return Operation(
        name="convert",
        engine="libheif",
        queue="libheif",
        help="Convert photos of phones at their own size.",
        run=run,
        conversions=frozenset(product(sources, targets)),
        options=(quality(),),
        cost=1.3,
        tool=TOOL,
    )


OPERATIONS = (
    _conversion(Process(decode, explain), {"avif", "heic"}, {"jpg", "png"}),
    _conversion(Process(encode, explain), {"jpg", "png"}, {"avif", "heic"}),
)
