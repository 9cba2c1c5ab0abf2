"""command: the customer's own command line of ffmpeg, ImageMagick or GraphicsMagick."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.contract import Inputs, Operation, Option, Tool, limits

from ._support.commanding import Commanding, split

POLICIES = "{code}/engines/_support"
IMAGEMAGICK = {"MAGICK_CONFIGURE_PATH": f"{POLICIES}/imagemagick-policy:{POLICIES}/command-policy"}
GRAPHICSMAGICK = {
    "MAGICK_CONFIGURE_PATH": f"{POLICIES}/command-policy",
    "MAGICK_LIMIT_MEMORY": "1GB",
    "MAGICK_LIMIT_MAP": "2GB",
    "MAGICK_LIMIT_DISK": "2GB",
    "MAGICK_LIMIT_FILES": "256",
    "OMP_NUM_THREADS": "2",
}


def _arguments(line: str) -> str:
    split(line)
    return line


ARGUMENTS = Option(
    name="arguments",
    help="The arguments, in one line with quotes where they are needed. The files of an input task are at"
    " /input/{task name}/, what is written below /output/ is the result.",
    required=True,
    check=_arguments,
)
CAPTURE_OUTPUT = Option(
    name="capture_output",
    help="Give what the command prints as the result's output.",
    type="boolean",
    default=False,
)


def _command(
    engine: str, commands: tuple[str, ...], tool: Tool, *, seconds: int, environment: Mapping[str, str]
) -> Operation:
    return Operation(
        name="command",
        engine=engine,
        queue=engine,
        help=f"Run {' or '.join(commands)} with arguments of your own.",
        run=Commanding(environment=environment),
        inputs=Inputs.ALL,
        conversions=frozenset({(None, None)}),
        options=(
            Option(name="command", help="The program to run.", type="enum", required=True, values=commands),
            ARGUMENTS,
            CAPTURE_OUTPUT,
        ),
        by_engine=True,
        max_seconds=seconds,
        tool=tool,
    )


OPERATIONS = (
    _command(
        "ffmpeg",
        ("ffmpeg", "ffprobe"),
        Tool(name="ffmpeg", argv=("ffmpeg", "-version"), pattern=r"version (?:n)?(\d+(?:\.\d+)+)"),
        seconds=limits.ENGINE_SECONDS_LARGE,
        environment={},
    ),
    _command(
        "imagemagick",
        ("convert", "identify"),
        Tool(name="ImageMagick", argv=("/usr/bin/convert", "-version")),
        seconds=limits.ENGINE_SECONDS,
        environment=IMAGEMAGICK,
    ),
    _command(
        "graphicsmagick",
        ("gm",),
        Tool(name="GraphicsMagick", argv=("gm", "version")),
        seconds=limits.ENGINE_SECONDS,
        environment=GRAPHICSMAGICK,
    ),
)
