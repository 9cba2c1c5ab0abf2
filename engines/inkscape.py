"""Inkscape: drawings from one format to another, as drawings."""

from __future__ import annotations

from pathlib import Path

from jobs.contract import Command, Operation, Option, Tool, Work, pairs
from jobs.contract.errors import OpenFailed, TaskError

from ._support.drawings import DENSITY, HEIGHT, WIDTH, box, probe, read
from ._support.process import Process

SVG = {"svg", "svgz"}
OTHERS = {"emf", "wmf", "ai"}
VECTORS = ("eps", "pdf", "ps", "svg")
"""What its own option can turn words into shapes for."""
METAFILES = ("emf", "svgz", "wmf")
EXTENSIONS = Path("/usr/share/inkscape/extensions")


def convert(work: Work) -> list[Command]:
    """Plan a drawing in another format."""
    argv = _argv(work.output, work.output_format)
    if work.options.get("text_to_path"):
        argv.append("--export-text-to-path")
    return [Command(argv=[*argv, f"{work.input}"], outputs=(work.output,))]


def render(work: Work) -> list[Command]:
    """Plan a picture of a drawing; how large an SVG becomes is known."""
    argv = [*_argv(work.output, "png"), f"--export-dpi={work.options['pixel_density']}"]
    if "size" in work.facts:
        box(work.facts["size"], {**work.options, "fit": "scale"})
    argv += [f"--export-{name}={value}" for name in ("width", "height") if (value := work.options[name])]
    return [Command(argv=[*argv, f"{work.input}"], outputs=(work.output,))]


def outlines(work: Work) -> list[Command]:
    """Plan a DXF: words become shapes first, since it would leave them out.

    Its own writer is asked without it: around that it crashes on pages of letters.
    """
    shapes = work.output_dir / "shapes.svg"
    first = [*_argv(shapes, "svg"), "--export-text-to-path", f"{work.input}"]
    # Curves, circles and layers; lines that go on as one.
    second = ["/usr/bin/python3", f"{EXTENSIONS / 'dxf_outlines.py'}", "--POLY=true"]
    second += [f"--output={work.output}", f"{shapes}"]
    return [Command(argv=first, outputs=(shapes,)), Command(argv=second, outputs=(work.output,))]


def imported(work: Work) -> list[Command]:
    """Plan a drawing of a DXF: Inkscape's own reader, which wants a screen, is asked without it."""
    drawn = work.output_dir / "drawn.svg"
    argv = ["/usr/bin/python3", f"{EXTENSIONS / 'dxf_input.py'}", "--scalemethod=file"]
    first = Command(argv=[*argv, f"--output={drawn}", f"{work.input}"], outputs=(drawn,))
    second = [*_argv(work.output, work.output_format), "--export-area-drawing", f"{drawn}"]
    return [first, Command(argv=second, outputs=(work.output,))]


def _argv(output: Path, kind: str) -> list[str]:
    argv = ["inkscape", f"--export-type={kind}", f"--export-filename={output}"]
    return [*argv, "--export-plain-svg"] if kind == "svg" else argv


def explain(words: str) -> TaskError | None:
    """Say what Inkscape's words mean for the customer."""
    unread = ("cannot be opened", "Failed to open", "failed to create document", "Traceback (most recent")
    return OpenFailed() if any(text in words for text in unread) else None


TEXT_TO_PATH = Option(
    name="text_to_path",
    help="Turn words into shapes, so that no font is needed to show them.",
    type="boolean",
    default=False,
)
COST = 1.3
"""It starts slowly: where librsvg or LibreOffice does the same, they do it."""
TOOL = Tool(name="inkscape", argv=("inkscape", "--version"), pattern=r"Inkscape (\d+(?:\.\d+)+)")


def _record(run: Process, sources: set[str], targets: set[str], *options: Option, cost: float) -> Operation:
    return Operation(
        name="convert",
        engine="inkscape",
        queue="inkscape",
        help="Turn drawings into other formats for drawings, or into PNG.",
        run=run,
        conversions=pairs(sources, targets),
        options=options,
        cost=cost,
        tool=TOOL,
    )


OPERATIONS = (
    _record(Process(convert, explain=explain), SVG | OTHERS, set(VECTORS), TEXT_TO_PATH, cost=COST),
    _record(Process(convert, explain=explain), SVG | OTHERS, set(METAFILES), cost=COST),
    _record(
        Process(render, explain=explain, probe=probe, read=read),
        *(SVG, {"png"}, WIDTH, HEIGHT, DENSITY),
        cost=COST,
    ),
    _record(Process(render, explain=explain), OTHERS, {"png"}, WIDTH, HEIGHT, DENSITY, cost=COST),
    _record(Process(outlines, explain=explain), SVG | OTHERS, {"dxf"}, cost=COST),
    _record(Process(imported, explain=explain), {"dxf"}, {"svg"}, cost=COST),
)
