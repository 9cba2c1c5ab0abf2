"""Subtitle files: to each other's formats, and to UTF-8 from whatever their letters are written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jobs.contract import Command, Work

from . import encodings
from .ffmpeg_command import command
from .ffmpeg_media import SUBTITLE_DEMUXERS, hardened
from .process import Look

FORMATS = {"srt": "srt", "ass": "ass", "ssa": "ass", "vtt": "webvtt"}
"""With their muxers."""


def convert_subtitles(work: Work) -> list[Command]:
    """Plan a subtitle file of another format."""
    import ffmpeg

    commands, [path] = in_utf8(work, work.inputs)
    source = ffmpeg.input(**hardened(path, demuxers=SUBTITLE_DEMUXERS))
    graph = ffmpeg.output(source["s:0"], f"{work.output}", format=FORMATS[work.output_format])
    return [*commands, command(graph, outputs=(work.output,))]


def look_at(paths: Sequence[Path]) -> list[Look]:
    """Return the looks at how the letters of subtitle files are written; ``in_utf8`` needs them."""
    start = ["od", "-An", "-v", "-tx1", f"-N{encodings.LOOKED_AT}"]
    return [(Command(argv=[*start, f"{path}"], quiet=True), partial(_read, path)) for path in paths]


def _read(path: Path, printed: str) -> Mapping[str, Any]:
    return {_key(path): charset_of(bytes.fromhex(printed))}


def _key(path: Path) -> str:
    return f"charset of {path}"


def in_utf8(work: Work, paths: Sequence[Path]) -> tuple[list[Command], list[Path]]:
    """Return what makes files of UTF-8 where they are not, and where those are."""
    commands, read = [], []
    for number, path in enumerate(paths):
        charset = work.options.get("charset") or work.facts.get(_key(path))
        made = work.output_dir / f"utf8-{number}{path.suffix}"
        if charset:
            argv = ["iconv", "-f", charset, "-t", "UTF-8", "-o", f"{made}", "--", f"{path}"]
            commands.append(Command(argv=argv, outputs=(made,), weight=0.01))
        read.append(made if charset else path)
    return commands, read


def charset_of(head: bytes) -> str | None:
    """Return what the letters of a text that begins so are written in, as iconv calls it; None for UTF-8."""
    try:
        name = encodings.of_head(head)
    except encodings.NoText:
        # The reader of subtitles says so, and better.
        return None
    if name.startswith("utf-8"):
        return None
    # These mean nothing in it, and iconv would end there.
    if name == "cp1252" and any(byte in head for byte in b"\x81\x8d\x8f\x90\x9d"):
        return "ISO-8859-1"
    return name.replace("-le", "le").replace("-be", "be").replace("_", "-").upper()
