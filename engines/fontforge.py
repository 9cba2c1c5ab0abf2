"""FontForge: fonts from one format to another."""

from __future__ import annotations

import re
from pathlib import Path

from jobs.contract import Command, Operation, Tool, Work, pairs
from jobs.contract.errors import OpenFailed, TaskError

from ._support import eot_file
from ._support.process import Process

SCRIPT = (
    "Open($1); n = 0; SelectWorthOutputting(); foreach n = n + 1; endloop;"
    ' if (n == 0) Error("Without glyphs") endif; Generate($2)'
)
"""All the script there is: of a font only its name comes in, which is ours, as an argument."""
SOURCES = {"eot", "otf", "pfb", "ttf", "woff", "woff2"}
TARGETS = {"eot", "otf", "svg", "ttf", "woff"}
_EOT = Path(eot_file.__file__).read_bytes()


def convert(work: Work) -> list[Command]:
    """Plan the font in another format; the wrapper that EOT is, FontForge does not know."""
    commands = []
    source = work.input
    if work.input_format == "eot":
        commands.append(_wrapper("unwrap", source, work.output_dir / "bare.ttf"))
    elif work.output_format == "eot" and work.input_format != "ttf":
        commands.append(generate(source, work.output_dir / "bare.ttf"))
    if commands:
        [source] = commands[0].outputs
    if work.output_format == "eot":
        return [*commands, _wrapper("wrap", source, work.output)]
    return [*commands, generate(source, work.output)]


def generate(source: Path, target: Path) -> Command:
    """Plan one font of another, in the format its name ends in."""
    argv = ["fontforge", "-lang=ff", "-c", SCRIPT, f"{source}", f"{target}"]
    return Command(argv=argv, outputs=(target,))


def _wrapper(way: str, source: Path, target: Path) -> Command:
    argv = ["/usr/bin/python3", "-I", "-S", "-", way, f"{source}", f"{target}"]
    return Command(argv=argv, stdin=_EOT, outputs=(target,))


def explain(words: str) -> TaskError | None:
    """Say what the tools' words mean for the customer."""
    if said := re.search(r"^EOT: (.+)$", words, re.MULTILINE):
        return OpenFailed(said[1])
    if "Without glyphs" in words:
        return OpenFailed("The font is damaged: there are no glyphs in it.")
    return OpenFailed() if "is not in a known format" in words or "Failed to open" in words else None


TOOL = Tool(name="fontforge", argv=("fontforge", "-version"), pattern=r"fontforge (\d{8})")


def _record(sources: set[str], targets: set[str], *, cost: float, final: bool = False) -> Operation:
    return Operation(
        name="convert",
        engine="fontforge",
        queue="fontforge",
        help="Convert fonts.",
        run=Process(convert, explain=explain),
        conversions=pairs(sources, targets),
        cost=cost,
        final=final,
        tool=TOOL,
    )


OPERATIONS = (
    _record(SOURCES - {"woff2"}, TARGETS - {"svg"}, cost=1.0),
    _record({"woff2"}, TARGETS - {"ttf", "otf", "svg"}, cost=1.0),
    # It holds glyphs, and draws none.
    _record(SOURCES, {"svg"}, cost=1.0, final=True),
    # What woff2's own tools do without touching the font.
    _record({"woff2"}, {"ttf", "otf"}, cost=1.2),
    _record(SOURCES, {"woff2"}, cost=1.2),
)
