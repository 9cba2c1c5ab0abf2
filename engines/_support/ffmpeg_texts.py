"""Subtitle files: to each other's formats, and to UTF-8 from whatever their letters are written in."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jobs.contract import Command, Work

from .ffmpeg_command import command
from .ffmpeg_media import SUBTITLE_DEMUXERS, hardened
from .process import Look

FORMATS = {"srt": "srt", "ass": "ass", "ssa": "ass", "vtt": "webvtt"}
"""With their muxers."""
_LOOKED_AT = 64 * 1024
_WIDE = ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


def convert_subtitles(work: Work) -> list[Command]:
    """Plan a subtitle file of another format."""
    import ffmpeg

    commands, [path] = in_utf8(work, work.inputs)
    source = ffmpeg.input(**hardened(path, demuxers=SUBTITLE_DEMUXERS))
    graph = ffmpeg.output(source["s:0"], f"{work.output}", format=FORMATS[work.output_format])
    return [*commands, command(graph, outputs=(work.output,))]


def look_at(paths: Sequence[Path]) -> list[Look]:
    """Return the looks at how the letters of subtitle files are written; ``in_utf8`` needs them."""
    start = ["od", "-An", "-v", "-tx1", f"-N{_LOOKED_AT}"]
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


def charset_of(text: bytes) -> str | None:
    """Return what letters are written in, as iconv calls it, by the beginning of a text; None for UTF-8."""
    for mark, name in _WIDE:
        if text.startswith(mark):
            return name
    half = len(text) // 2
    for name, empty in (("UTF-16LE", text[1::2]), ("UTF-16BE", text[0::2])):
        if half and empty.count(0) > half / 2:
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(text)
    except UnicodeDecodeError:
        pass
    else:
        return None
    above = [byte for byte in text if byte >= 0x80]
    letters = sum(byte >= 0xC0 for byte in above)
    # In Western languages few letters have accents; where most do, it is another alphabet.
    plain = sum(chr(byte).isalpha() for byte in text if byte < 0x80)
    if letters > plain:
        return "WINDOWS-1251"
    # These five mean nothing in Windows-1252, and iconv would end there.
    return "ISO-8859-1" if {0x81, 0x8D, 0x8F, 0x90, 0x9D}.intersection(above) else "WINDOWS-1252"
