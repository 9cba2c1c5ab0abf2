"""ffmpeg on an Nvidia graphics card: videos to H.264, H.265 and AV1, many times as fast."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from jobs.contract import Operation, Option

from . import ffmpeg
from ._support.cells import GRAPHICS
from ._support.ffmpeg_containers import VIDEO_CONTAINERS
from ._support.ffmpeg_conversion import convert_video
from ._support.ffmpeg_nvenc import CARDS, TOOL, nvenc_arguments
from ._support.process import Process

TARGETS = frozenset(name for name, container in VIDEO_CONTAINERS.items() if container.video[0] in CARDS)
"""What is by default one of the card's codecs, so that a task gives the same where no card is."""


def _on_card(record: Operation) -> Operation:
    assert isinstance(record.run, Process)
    return replace(
        record,
        engine="ffmpeg_nvidia",
        queue="ffmpeg_nvidia",
        help=f"{record.help.removesuffix('.')} on a graphics card.",
        run=replace(record.run, plan=partial(convert_video, encode=nvenc_arguments), profile=GRAPHICS),
        options=tuple(map(_of_card, record.options)),
        # The processor makes smaller files of the same quality, so a card is for those who ask for it.
        cost=2.0,
        fallback="ffmpeg",
        tool=TOOL,
    )


def _of_card(option: Option) -> Option:
    if option.name != "video_codec":
        return option
    codecs = tuple(codec for codec in option.values if codec in CARDS)
    return replace(option, values=codecs, help="How pictures are encoded.")


OPERATIONS = tuple(
    _on_card(record)
    for record in ffmpeg.OPERATIONS
    if record.name == "convert" and any(target in TARGETS for _, target in record.conversions)
)
