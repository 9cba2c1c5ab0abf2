"""pngquant: smaller PNG files, with fewer colours where nobody sees it and the same where anybody would."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass

from jobs.contract import Command, Context, Operation, Option, Output, Result, Tool, Work, detection
from jobs.contract.errors import ConversionFailed, OpenFailed, TaskError

from ._support.optimized import Optimized
from ._support.process import Process
from ._support.wrapped import Wrapped

UNSEEN = "75-95"
"""The quality from which, and up to which, colours are left out when the customer names none."""


class TooFewColours(ConversionFailed):
    """The quality wanted needs more colours than a palette has."""


@dataclass(frozen=True)
class Quantized(Wrapped):
    """Does without loss what cannot be done well with it."""

    lossless: Process

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work; an animation, of which both programs keep one picture, comes back as it was.

        :raises TaskError: when it is no PNG, or the program fails.
        """
        if detection.frames(work.input, "png") > 1:
            shutil.copyfile(work.input, work.output)
            return Result(files=(Output(path=work.output),))
        try:
            return self.run(work, context)
        except TooFewColours:
            return self.lossless(work, context)


def fewer_colours(work: Work) -> list[Command]:
    """Plan a palette, whose quality is at most what was asked for."""
    quality = work.options["quality"]
    argv = ["pngquant", "-v", "--force", "--speed", "3", "--strip"]
    argv += ["--quality", f"0-{quality}" if quality else UNSEEN, "--output", f"{work.output}"]
    return [Command(argv=[*argv, "--", f"{work.input}"], outputs=(work.output,))]


def same_colours(work: Work) -> list[Command]:
    """Plan a better compression of the same pixels."""
    argv = ["optipng", "-quiet", "-force", "-o1", "-strip", "all", "-out", f"{work.output}"]
    return [Command(argv=[*argv, "--", f"{work.input}"], outputs=(work.output,))]


def explain(words: str) -> TaskError | None:
    """Say what the programs' words mean."""
    if re.search(r"exceeded limit of", words):
        return TooFewColours()
    if re.search(r"cannot decode image|Not a PNG|Can't read|Unrecognized image|errors found in input", words):
        return OpenFailed()
    return None


OPERATIONS = (
    Operation(
        name="optimize",
        engine="pngquant",
        queue="pngquant",
        help="Make a PNG file smaller. Metadata goes, and colours that nobody misses."
        " An animation stays as it is.",
        run=Optimized(Quantized(Process(fewer_colours, explain), Process(same_colours, explain))),
        conversions=frozenset({("png", None)}),
        options=(
            Option(
                name="quality",
                help="How good it has to look at most, in percent; as good as before when not given.",
                type="integer",
                minimum=1,
                maximum=100,
            ),
        ),
        tool=Tool(name="pngquant", argv=("pngquant", "--version")),
    ),
)
