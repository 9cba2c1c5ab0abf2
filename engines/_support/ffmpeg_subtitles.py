"""Subtitles of a video: left out, kept, added as a stream, or drawn into the pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.contract import Command, Work
from jobs.contract.errors import ConversionFailed

from .ffmpeg_command import command, open_input, seek, trim
from .ffmpeg_containers import CONTAINERS
from .ffmpeg_media import SUBTITLE_DEMUXERS, Subtitles, hardened, media_of
from .ffmpeg_texts import in_utf8, look_at
from .process import Look

OPTION = "subtitles"
_DRAWN = "subtitles.ass"


@dataclass
class Tracks:
    """Streams to put into the output beside picture and sound, with the output options for them."""

    streams: list[Any] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)


def looks(work: Work) -> list[Look]:
    """Return the looks at the customer's files, where they are used."""
    return look_at(work.related.get(OPTION, ())) if _mode(work) in {"soft", "hard"} else []


def prepare(work: Work) -> list[Command]:
    """Plan what must be done before: the customer's files become ones in UTF-8, and safe ones to draw.

    The filter that draws opens its file itself and knows no limits on formats and protocols.
    """
    import ffmpeg

    mode = _mode(work)
    if mode not in {"soft", "hard"} or not _given(work):
        return []
    commands, files = in_utf8(work, _given(work))
    if mode == "soft":
        return commands
    drawn = work.output_dir / _DRAWN
    source = ffmpeg.input(**hardened(files[0], demuxers=SUBTITLE_DEMUXERS))
    graph = ffmpeg.output(source["s:0"], f"{drawn}", format="ass")
    return [*commands, command(graph, outputs=(drawn,), weight=0.01)]


def draw(pictures: Any, work: Work) -> Any:
    """Add the filter that draws the subtitles, when asked to.

    :raises ConversionFailed: when there are none that can be drawn.
    """
    if _mode(work) != "hard":
        return pictures
    if _given(work):
        source: dict[str, Any] = {"filename": f"{work.output_dir / _DRAWN}"}
    else:
        source = {"filename": f"{work.input}", "si": _drawable(work).position}
    start, _ = seek(work, trim(work)[0])
    if not start:
        return pictures.filter("subtitles", **source)
    # A trimmed video starts at zero, its subtitles do not.
    shifted = pictures.filter("setpts", expr=f"PTS+{start:.6f}/TB").filter("subtitles", **source)
    return shifted.filter("setpts", expr=f"PTS-{start:.6f}/TB")


def tracks(source: Any, work: Work) -> Tracks:
    """Return the subtitle streams of the output.

    :raises ConversionFailed: when one cannot go into it.
    """
    mode = _mode(work)
    if mode in {"none", "hard"}:
        return Tracks()
    return _added(work) if mode == "soft" and _given(work) else _kept(source, work)


def is_drawn(work: Work) -> bool:
    """Tell whether the pictures are drawn on."""
    return _mode(work) == "hard"


def _mode(work: Work) -> str:
    return work.options.get("subtitles_mode") or "none"


def _given(work: Work) -> tuple[Path, ...]:
    files = tuple(work.related.get(OPTION, ()))
    if work.options.get(OPTION) and not files:
        raise ConversionFailed("The tasks named in subtitles have no file.")
    return files


def _language(work: Work) -> str:
    return (work.options.get("subtitles_language") or "").lower()


def _own(work: Work) -> list[Subtitles]:
    wanted = _language(work)
    found = [each for each in media_of(work).subtitles if not wanted or each.language == wanted]
    if wanted and not found:
        raise ConversionFailed(f"The file has no subtitles in the language {wanted}.")
    return found


def _drawable(work: Work) -> Subtitles:
    found = _own(work)
    if not found:
        raise ConversionFailed("There are no subtitles to draw: name a task with a file in subtitles.")
    text = [each for each in found if each.is_text]
    if not text:
        raise ConversionFailed(
            "The file's subtitles are pictures, which cannot be drawn. Use an SRT or ASS file."
        )
    return text[0]


def _added(work: Work) -> Tracks:
    result = Tracks()
    for number, path in enumerate(in_utf8(work, _given(work))[1]):
        result.streams.append(open_input(path, work, demuxers=SUBTITLE_DEMUXERS)["s:0"])
        result.arguments[f"c:s:{number}"] = CONTAINERS[work.output_format].subtitles
        if _language(work):
            result.arguments[f"metadata:s:s:{number}"] = f"language={_language(work)}"
    return result


def _kept(source: Any, work: Work) -> Tracks:
    result = Tracks()
    text_codec = CONTAINERS[work.output_format].subtitles
    for number, stream in enumerate(_own(work)):
        as_it_is = stream.codec == text_codec or (text_codec == "subrip" and stream.codec != "mov_text")
        if not as_it_is and not stream.is_text:
            raise ConversionFailed(
                f"The file's subtitles are pictures, which {work.output_format} cannot hold. Use mkv."
            )
        result.streams.append(source[f"{stream.index}"])
        result.arguments[f"c:s:{number}"] = "copy" if as_it_is else text_codec
    return result
