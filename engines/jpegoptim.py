"""jpegoptim: smaller JPEG files, without loss or with as much as allowed."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.contract import Command, Context, Operation, Option, Result, Tool, Work
from jobs.contract.errors import OpenFailed, TaskError

from ._support import jpeg_file
from ._support.optimized import Optimized
from ._support.process import Process
from ._support.wrapped import Wrapped


@dataclass(frozen=True)
class StillUpright(Wrapped):
    """Takes the camera's notes away but for one: how the picture is to be turned."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: as the runner does.
        """
        result = self.run(work, context)
        turn = jpeg_file.orientation(work.input)
        if turn != 1:
            jpeg_file.set_orientation(result.files[0].path, turn)
        return result


def smaller(work: Work) -> list[Command]:
    """Plan better tables, a progressive order, and loss where a quality was asked for."""
    quality = work.options["quality"]
    argv = ["jpegoptim", "--force", "--all-progressive"]
    argv += ["--strip-com", "--strip-exif", "--strip-iptc", "--strip-xmp", "--strip-jfxx"]
    argv += [f"--max={quality}"] if quality else []
    argv += [f"--dest={work.output_dir}", "--", f"{work.input}"]
    return [Command(argv=argv, outputs=(work.output_dir / work.input.name,))]


def explain(words: str) -> TaskError | None:
    """Say what jpegoptim's words mean."""
    return OpenFailed() if "[ERROR]" in words or "[INVALID" in words else None


OPERATIONS = (
    Operation(
        name="optimize",
        engine="jpegoptim",
        aliases=frozenset({"mozjpeg"}),
        queue="jpegoptim",
        help="Make a JPEG file smaller. Metadata goes; the colour profile and how it is turned stay.",
        run=Optimized(StillUpright(Process(smaller, explain))),
        conversions=frozenset({("jpg", None)}),
        options=(
            Option(
                name="quality",
                help="How good it has to look at most, in percent; nothing is lost when not given.",
                type="integer",
                minimum=1,
                maximum=100,
            ),
        ),
        tool=Tool(name="jpegoptim", argv=("jpegoptim", "--version"), pattern=r"jpegoptim v(\d+(?:\.\d+)+)"),
    ),
)
