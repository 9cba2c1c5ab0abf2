"""ffmpeg command lines around a graph: global options, trims, true progress."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.contract import Command, Work
from jobs.contract.errors import ConversionFailed
from jobs.contract.operation import LineReader

from .ffmpeg_media import DEMUXERS, MAX_ALLOC, hardened, media_of

PROGRAM = (
    *("ffmpeg", "-nostdin", "-hide_banner", "-y", "-max_alloc", MAX_ALLOC),
    *("-abort_on", "empty_output"),
    *("-progress", "pipe:1", "-nostats"),
)

RUN_UP_SECONDS = 20
_WITHOUT_INDEX = {"mpegts", "mpeg"}


def seconds(text: str) -> float:
    """Return a position such as ``1:02:03.5`` or ``83`` in seconds."""
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total


def trim(work: Work) -> tuple[float, float | None]:
    """Return where to start and for how many seconds; None to the end.

    :raises ConversionFailed: when nothing would be left.
    """
    start = seconds(work.options.get("trim_start") or "0")
    end = work.options.get("trim_end")
    duration = media_of(work).duration
    if duration and start >= duration:
        raise ConversionFailed(f"The trim_start lies behind the end of the file, at {duration:.2f} seconds.")
    if not end:
        return start, None
    if seconds(end) <= start:
        raise ConversionFailed("The trim_end must be later than the trim_start.")
    return start, seconds(end) - start


def length(work: Work) -> float | None:
    """Return how many seconds the output will last; None when the input does not say."""
    start, wanted = trim(work)
    duration = media_of(work).duration
    left = duration - start if duration else None
    return min(wanted, left) if wanted and left else wanted or left


def seek(work: Work, position: float) -> tuple[float, float]:
    """Return how far to jump in the input, and how much to decode and drop after that.

    Where a format has no index a jump may land behind the keyframe, so it is made short of the position.
    """
    if media_of(work).format in _WITHOUT_INDEX:
        jump = max(0.0, position - RUN_UP_SECONDS)
        return jump, position - jump
    return position, 0.0


def open_input(path: Path, work: Work, *, demuxers: str = DEMUXERS) -> Any:
    """Return the graph's node for an input of a work that is trimmed; ``trimmed`` is the other half."""
    import ffmpeg

    start, lasting = trim(work)
    jump, rest = seek(work, start)
    given: dict[str, Any] = hardened(path, demuxers=demuxers)
    if jump:
        given["ss"] = _decimal(jump)
    if lasting:
        given["t"] = _decimal(lasting + rest)
    return ffmpeg.input(**given)


def trimmed(work: Work) -> dict[str, str]:
    """Return the output options that finish what ``open_input`` began."""
    _, rest = seek(work, trim(work)[0])
    return {"ss": _decimal(rest)} if rest else {}


def _decimal(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def command(
    graph: Any,
    *,
    outputs: tuple[Path, ...] = (),
    output_glob: str = "",
    lasting: float | None = None,
    weight: float = 1.0,
    verb: str = "Encoding",
) -> Command:
    """Return the child process that computes a graph of ffmpeg-python's.

    :param lasting: how many seconds of output it makes, where that is known.
    :param verb: what the customer is told it does.
    """
    import ffmpeg

    return Command(
        argv=ffmpeg.compile(graph, cmd=list(PROGRAM)),
        outputs=outputs,
        output_glob=output_glob,
        progress=functools.partial(progress, lasting, verb),
        weight=weight,
    )


def progress(lasting: float | None, verb: str = "Encoding") -> LineReader:
    """Return a reader of ffmpeg's own report, for an output of so many seconds."""

    def percent(line: str) -> float | tuple[float, str] | None:
        found = re.fullmatch(r"out_time_us=(\d+)\s*", line)
        if not found:
            return 100.0 if line.strip() == "progress=end" else None
        done = int(found[1]) / 1_000_000
        if not lasting:
            return 0.0, f"{verb}, {_clock(done)} so far"
        return min(99.0, 100 * done / lasting), f"{verb} {_clock(min(done, lasting))} of {_clock(lasting)}"

    return percent


def _clock(position: float) -> str:
    minutes, rest = divmod(int(position), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return ffmpeg's output options of all parts together, those without a value left out."""
    return {key: value for part in parts for key, value in part.items() if value is not None}
