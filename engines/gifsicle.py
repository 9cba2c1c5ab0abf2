"""gifsicle: smaller GIF animations, in bytes and in pixels, with the colours they have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jobs.contract import Command, Operation, Option, Tool, Work
from jobs.contract.errors import OpenFailed, TaskError

from ._support.optimized import Optimized
from ._support.picture_options import SIZE
from ._support.picture_size import Size, box
from ._support.process import Process

LOSS_PER_PERCENT = 2


def probe(work: Work) -> Command:
    """Ask how large the animation is."""
    return Command(argv=["gifsicle", "--no-warnings", "--info", "--", f"{work.input}"])


def read(printed: str) -> Mapping[str, Any]:
    """Read the size from what the probe printed."""
    found = re.search(r"logical screen (\d+)x(\d+)", printed)
    return {"size": (int(found[1]), int(found[2])) if found else (0, 0)}


def resize(work: Work) -> list[Command]:
    """Plan the animation at another size."""
    size: Size = work.facts["size"]
    if 0 in size:
        raise OpenFailed
    options = work.options
    scaled, cut = box(size, (options["width"], options["height"]), options["fit"])
    argv = ["gifsicle", "--no-warnings", "-O2"]
    if cut != scaled:
        # It cuts first, in the pixels there are.
        ratios = (part / whole for part, whole in zip(cut, scaled, strict=True))
        kept = [max(1, round(whole * ratio)) for whole, ratio in zip(size, ratios, strict=True)]
        left, top = ((whole - part) // 2 for whole, part in zip(size, kept, strict=True))
        argv += ["--crop", f"{left},{top}+{kept[0]}x{kept[1]}"]
    if cut != size:
        argv += ["--resize-method", "mix", "--resize-colors", "256", "--resize", f"{cut[0]}x{cut[1]}"]
    return [_command(work, argv)]


def smaller(work: Work) -> list[Command]:
    """Plan better compression, and loss where a quality was asked for."""
    quality = work.options["quality"]
    argv = ["gifsicle", "--no-warnings", "-O3", "--no-comments", "--no-names", "--no-extensions"]
    argv += [f"--lossy={(100 - quality) * LOSS_PER_PERCENT}"] if quality else []
    return [_command(work, argv)]


def _command(work: Work, argv: list[str]) -> Command:
    return Command(argv=[*argv, "-o", f"{work.output}", "--", f"{work.input}"], outputs=(work.output,))


def explain(words: str) -> TaskError | None:
    """Say what gifsicle's words mean."""
    return OpenFailed() if re.search(r"not in GIF format|read error|no frames|unexpected", words) else None


TOOL = Tool(name="gifsicle", argv=("gifsicle", "--version"), pattern=r"Gifsicle (\d+(?:\.\d+)+)")
OPERATIONS = (
    Operation(
        name="convert",
        engine="gifsicle",
        queue="gifsicle",
        help="Resize a GIF animation.",
        run=Process(resize, explain, probe=probe, read=read),
        conversions=frozenset({("gif", "gif")}),
        options=SIZE,
        cost=1.2,
        tool=TOOL,
    ),
    Operation(
        name="optimize",
        engine="gifsicle",
        queue="gifsicle",
        help="Make a GIF animation smaller.",
        run=Optimized(Process(smaller, explain)),
        conversions=frozenset({("gif", None)}),
        options=(
            Option(
                name="quality",
                help="How good it has to look at most, in percent; nothing is lost when not given.",
                type="integer",
                minimum=1,
                maximum=100,
            ),
        ),
        tool=TOOL,
    ),
)
