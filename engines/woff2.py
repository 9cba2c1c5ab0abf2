"""woff2's tools: fonts into WOFF2 and out of it, as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.contract import Command, Operation, Tool, Work, pairs
from jobs.contract.errors import OpenFailed, TaskError

from . import fontforge
from ._support.process import Process

KINDS = {"00010000": "ttf", "74727565": "ttf", "4f54544f": "otf"}
"""What the first bytes of a font say of its shapes."""


def pack(work: Work) -> list[Command]:
    """Plan the font in WOFF2, which the tool puts beside what it is given."""
    return _beside(work, "woff2_compress", work.output_dir / f"in.{work.input_format}", "woff2")


def probe(work: Work) -> Command:
    """Ask what kind of font is in it."""
    return Command(argv=["woff2_info", f"{work.input}"])


def read(printed: str) -> Mapping[str, Any]:
    """Read what the probe printed."""
    found = re.search(r"^flavor\s+0x([0-9a-f]{8})$", printed, re.MULTILINE)
    return {"kind": KINDS.get(found[1] if found else "", "")}


def unpack(work: Work) -> list[Command]:
    """Plan the font that is in it, drawn anew only where shapes of the other kind are wanted."""
    packed = work.output_dir / "packed.woff2"
    commands = _beside(work, "woff2_decompress", packed, "ttf")
    [made] = commands[-1].outputs
    if work.facts["kind"] == work.output_format:
        argv = ["/usr/bin/mv", "--", f"{made}", f"{work.output}"]
        return [*commands, Command(argv=argv, outputs=(work.output,))]
    return [*commands, fontforge.generate(made, work.output)]


def _beside(work: Work, tool: str, copy: Path, ending: str) -> list[Command]:
    made = copy.with_suffix(f".{ending}")
    return [
        Command(argv=["/usr/bin/cp", "--", f"{work.input}", f"{copy}"], outputs=(copy,)),
        Command(argv=[tool, f"{copy}"], outputs=(made,)),
    ]


def explain(words: str) -> TaskError | None:
    """Say what the tools' words mean for the customer."""
    # They say little more than that they failed, of what is no font or a damaged one.
    return fontforge.explain(words) or OpenFailed()


# The tools do not tell their version; the library's file has it in its name.
TOOL = Tool(
    name="woff2", argv=("/usr/bin/ldd", "/usr/bin/woff2_compress"), pattern=r"libwoff2enc\.so\.([\d.]+)"
)


def _record(run: Process, sources: set[str], targets: set[str], text: str) -> Operation:
    return Operation(
        name="convert",
        engine="woff2",
        queue="woff2",
        help=text,
        run=run,
        conversions=pairs(sources, targets),
        tool=TOOL,
    )


OPERATIONS = (
    _record(Process(pack, explain=explain), {"ttf", "otf"}, {"woff2"}, "Pack fonts for the web."),
    _record(
        Process(unpack, explain=explain, probe=probe, read=read),
        *({"woff2"}, {"ttf", "otf"}, "Unpack fonts of the web."),
    ),
)
