"""libjxl's own programs: JPEG XL from pictures, and back, with transparency and colour profile."""

from __future__ import annotations

from itertools import product

from jobs.contract import Command, Operation, Tool, Work
from jobs.contract.errors import OpenFailed, TaskError

from ._support.picture_options import quality
from ._support.process import Process

TOOL = Tool(name="libjxl", argv=("cjxl", "--version"), pattern=r"v(\d+(?:\.\d+)+)")


def encode(work: Work) -> list[Command]:
    """Plan a JPEG XL file; of an animation an animation."""
    # A JPEG would be packed as it is, whatever the quality.
    argv = ["cjxl", "--quiet", "--lossless_jpeg=0", f"--quality={work.options['quality']}"]
    return [Command(argv=[*argv, f"{work.input}", f"{work.output}"], outputs=(work.output,))]


def decode(work: Work) -> list[Command]:
    """Plan a PNG or JPG of the picture, or of an animation's first."""
    argv = ["djxl", "--quiet"]
    argv += [f"--jpeg_quality={work.options['quality']}"] if work.output_format == "jpg" else []
    argv += ["--pixels_to_jpeg"] if work.output_format == "jpg" else []
    return [Command(argv=[*argv, f"{work.input}", f"{work.output}"], outputs=(work.output,))]


def explain(words: str) -> TaskError | None:
    """Say what the programs' words mean."""
    known = (
        "failed to decode",
        "Failed to decode",
        "Getting pixel data",
        "Decompress",
        "Reading image data failed",
    )
    return OpenFailed() if any(each in words for each in known) else None


def _conversion(run: Process, sources: set[str], targets: set[str]) -> Operation:
    return Operation(
        name="convert",
        engine="libjxl",
        queue="libjxl",
        help="Convert JPEG XL at its own size.",
        run=run,
        conversions=frozenset(product(sources, targets)),
        options=(quality(),),
        tool=TOOL,
    )


OPERATIONS = (
    _conversion(Process(encode, explain), {"gif", "jpg", "png"}, {"jxl"}),
    _conversion(Process(decode, explain), {"jxl"}, {"jpg", "png"}),
)
