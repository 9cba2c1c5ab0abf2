"""librsvg's rsvg-convert: SVG drawings to PDF, PostScript, PNG."""

from __future__ import annotations

from jobs.contract import Command, Operation, Option, Tool, Work, pairs

from ._support.drawings import DENSITY, HEIGHT, WIDTH, box, explain, probe, read, reading
from ._support.process import Process
from ._support.watermark_options import COLOUR

DRAWINGS = {"svg", "svgz"}


def draw(work: Work) -> list[Command]:
    """Plan a drawing that stays one: on a page of its size, or of the size asked for."""
    argv = _argv(work)
    width, height = work.options["width"], work.options["height"]
    argv += [f"--{name}={value}" for name, value in (("width", width), ("height", height)) if value]
    if not (width and height and work.options["fit"] == "scale"):
        argv.append("--keep-aspect-ratio")
    return [Command(argv=reading(work.input, *argv), outputs=(work.output,))]


def render(work: Work) -> list[Command]:
    """Plan a picture of a drawing whose size is known."""
    (width, height), shown = box(work.facts["size"], work.options)
    argv = [*_argv(work), f"--width={width}", f"--height={height}"]
    if shown != (width, height):
        argv += [f"--page-width={shown[0]}", f"--page-height={shown[1]}"]
        argv += [f"--left={-((width - shown[0]) // 2)}", f"--top={-((height - shown[1]) // 2)}"]
    return [Command(argv=reading(work.input, *argv), outputs=(work.output,))]


def _argv(work: Work) -> list[str]:
    argv = ["rsvg-convert", f"--format={work.output_format}", f"--output={work.output}"]
    if background := work.options["background"]:
        argv.append(f"--background-color={background}")
    return argv


def _fit(*values: str) -> Option:
    crop = " crop fills both and cuts what is over;" if "crop" in values else ""
    return Option(
        name="fit",
        help=f"max fits the drawing into width and height;{crop} scale forces both.",
        type="enum",
        default="max",
        values=values,
    )


BACKGROUND = Option(
    name="background",
    help="Colour to put behind the drawing; none when not given.",
    pattern=COLOUR,
    example="#ff8800",
)
TOOL = Tool(name="rsvg", argv=("rsvg-convert", "--version"))

OPERATIONS = (
    Operation(
        name="convert",
        engine="rsvg",
        queue="rsvg",
        help="Turn SVG drawings into PDF and PostScript, as drawings.",
        run=Process(draw, explain=explain),
        conversions=pairs(DRAWINGS, {"pdf", "ps", "eps"}),
        options=(WIDTH, HEIGHT, _fit("max", "scale"), BACKGROUND),
        tool=TOOL,
    ),
    Operation(
        name="convert",
        engine="rsvg",
        queue="rsvg",
        help="Draw everything in an SVG anew, as shapes only.",
        run=Process(draw, explain=explain),
        conversions=pairs(DRAWINGS, {"svg"}),
        options=(WIDTH, HEIGHT, _fit("max", "scale"), BACKGROUND),
        cost=1.5,  # words become shapes, which Inkscape keeps as words
        tool=TOOL,
    ),
    Operation(
        name="convert",
        engine="rsvg",
        queue="rsvg",
        help="Make a PNG of an SVG drawing.",
        run=Process(render, explain=explain, probe=probe, read=read),
        conversions=pairs(DRAWINGS, {"png"}),
        options=(WIDTH, HEIGHT, _fit("max", "crop", "scale"), DENSITY, BACKGROUND),
        cost=1.1,  # ImageMagick draws with the same library, in a child that is warm, and has more options
        tool=TOOL,
    ),
)
