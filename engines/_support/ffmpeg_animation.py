"""Videos as animated images: the plans."""

from __future__ import annotations

from typing import Any

from jobs.contract import Command, Work

from .ffmpeg_command import command, length, open_input, trimmed
from .ffmpeg_conversion import edited, prepare
from .ffmpeg_media import video_of


def convert_gif(work: Work) -> list[Command]:
    """Plan a GIF in two passes: its colours first, then its frames, so that no frame waits in memory."""
    import ffmpeg

    palette = work.output_dir / "palette.png"
    frames = _frames(work).split()
    colours = frames[0].filter("palettegen", stats_mode="diff")
    # The palette comes at the very end; what goes nowhere tells how far we are.
    first = ffmpeg.merge_outputs(
        ffmpeg.output(colours, f"{palette}", **{"format": "image2", "update": 1, "frames:v": 1}),
        ffmpeg.output(frames[1], "-", format="null"),
    )
    chosen = ffmpeg.input(f"{palette}")["v:0"]
    drawn = ffmpeg.filter([_frames(work), chosen], "paletteuse", dither="bayer", diff_mode="rectangle")
    second = ffmpeg.output(drawn, f"{work.output}", format="gif", loop=0, **trimmed(work))
    return [
        *prepare(work, even=False),
        command(first, outputs=(palette,), lasting=length(work), verb="Choosing colours,"),
        command(second, outputs=(work.output,), lasting=length(work)),
    ]


def convert_webp(work: Work) -> list[Command]:
    """Plan an animated WebP."""
    import ffmpeg

    quality = work.options.get("quality")
    arguments = {
        "c:v": "libwebp_anim",
        "format": "webp",
        "loop": 0,
        "quality": 75 if quality is None else quality,
        # Its default takes twice the time for a few percent.
        "compression_level": 3,
    }
    graph = ffmpeg.output(_frames(work), f"{work.output}", **arguments, **trimmed(work))
    return [*prepare(work, even=False), command(graph, outputs=(work.output,), lasting=length(work))]


def _frames(work: Work) -> Any:
    stream = open_input(work.input, work)[f"{video_of(work).index}"]
    return edited(stream, work, fps=work.options.get("fps") or 10, even=False)
