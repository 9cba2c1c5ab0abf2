"""LibRaw: photos as cameras keep them, developed as the camera saw them, then shaped by libvips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

from jobs.contract import Command, Context, Operation, Option, Result, Tool, Work
from jobs.contract.errors import ConversionFailed, OpenFailed

from ._support.picture_options import COUNT, LOOK, SIZE, colorspace, quality
from ._support.process import Process
from ._support.resident import PYTHON
from ._support.watermark_options import OPTIONS as WATERMARK
from ._support.wrapped import Wrapped
from .vips import WARM

RAW = {
    *(
        "3fr",
        "arw",
        "cr2",
        "cr3",
        "crw",
        "dcr",
        "dng",
        "erf",
        "mos",
        "mrw",
        "nef",
        "orf",
        "pef",
        "raf",
        "raw",
    ),
    *("rw2", "x3f"),
}
DEEP = {"avif", "png", "tiff"}
"""Outputs that get the 16 bits a channel that there are."""


def develop(work: Work) -> list[Command]:
    """Plan a TIFF of the whole photo: the camera's white, upright, sRGB."""
    link = work.output_dir / f"{work.input.stem}.raw"
    # It writes beside what it reads, where it may not.
    beside = Command(argv=["ln", "-s", "--", f"{work.input}", f"{link}"], weight=0.01)
    argv = ["dcraw_emu", "-w", "-o", "1", "-g", "2.4", "12.92", "-T"]
    argv += ["-6"] if work.facts["deep"] else []
    # A quarter of the pixels is plenty for a small picture.
    argv += ["-h"] if "count" in work.options else []
    made = work.output_dir / f"{work.input.stem}.tiff"
    return [beside, Command(argv=[*argv, "-Z", "tiff", f"{link}"], outputs=(made,))]


@dataclass(frozen=True)
class Developed(Wrapped):
    """Develops a photo, then runs another runner on it."""

    develop: Process

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when it is no such photo, or as the runner does.
        """
        deep = {"deep": work.output_format in DEEP}
        alone = replace(work, output_format="tiff", related={}, facts=deep)
        try:
            [negative] = self.develop(alone, context).files
        except ConversionFailed:
            # It says so and ends well.
            raise OpenFailed from None
        result = self.run(replace(work, inputs=(negative.path,), input_format="tiff"), context)
        if negative.path not in {file.path for file in result.files}:
            negative.path.unlink()
        return result


RUN = Developed(WARM, Process(develop))
ASK = """
import ctypes, glob
version = ctypes.CDLL(max(glob.glob("/usr/lib/*/libraw.so.*"))).libraw_version
version.restype = ctypes.c_char_p
print(version().decode())
"""
"""Its programs do not tell their version."""
TOOL = Tool(name="libraw", argv=(PYTHON, "-c", ASK))


def _conversion(targets: set[str], *options: Option) -> Operation:
    return Operation(
        name="convert",
        engine="libraw",
        queue="libraw",
        help="Develop a camera's raw photo.",
        run=RUN,
        conversions=frozenset(product(RAW, targets)),
        options=(*SIZE, *LOOK, *options, *WATERMARK),
        tool=TOOL,
    )


OPERATIONS = (
    _conversion({"avif", "heic", "webp"}, quality(), colorspace("srgb", "gray")),
    _conversion({"png"}, colorspace("srgb", "gray")),
    _conversion({"jpg"}, quality(), colorspace("srgb", "gray", "cmyk")),
    _conversion({"tiff"}, colorspace("srgb", "gray", "cmyk")),
    Operation(
        name="thumbnail",
        engine="libraw",
        queue="libraw",
        help="Make a small image of a camera's raw photo.",
        run=RUN,
        conversions=frozenset(product(RAW, {"jpg", "png", "webp"})),
        options=(*SIZE, COUNT),
        tool=TOOL,
    ),
)
