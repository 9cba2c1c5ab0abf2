"""The files the benchmark works on, made by the tools themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path


def photo(folder: Path) -> Path:
    """Return a JPEG of 12 megapixels with the detail of a photograph."""
    made = folder / "photo.jpg"
    _run(
        "/usr/bin/convert",
        "-size",
        "4000x3000",
        "plasma:tomato-steelblue",
        "-attenuate",
        "0.4",
        "+noise",
        "Gaussian",
        "-quality",
        "90",
        f"{made}",
    )
    return made


def clip(folder: Path) -> Path:
    """Return ten seconds of 1080p video with sound."""
    made = folder / "clip.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=30"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=440"]
    _run(
        "ffmpeg",
        "-y",
        "-v",
        "error",
        *picture,
        *sound,
        "-t",
        "10",
        "-pix_fmt",
        "yuv420p",
        "-preset",
        "veryfast",
        f"{made}",
    )
    return made


def repeated(document: Path, *, times: int) -> Path:
    """Return a PDF that has the pages of another one several times."""
    made = document.with_stem(f"{document.stem}-{times}")
    _run("qpdf", "--empty", "--pages", *([f"{document}"] * times), "--", f"{made}")
    return made


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
