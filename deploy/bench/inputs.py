"""The files the benchmark works on, made by the tools themselves."""

from __future__ import annotations

import base64
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


def small_image(folder: Path) -> Path:
    """Return a JPEG such as a web page has."""
    made = folder / "small.jpg"
    _run("/usr/bin/convert", "-size", "320x240", "plasma:tomato-steelblue", f"{made}")
    return made


def pages_html(folder: Path, count: int) -> Path:
    """Return a web page that prints on so many sheets, with text, a table and a picture on each."""
    made = folder / f"pages-{count}.html"
    picture = base64.b64encode(small_image(folder).read_bytes()).decode()
    words = "Whatever is below is like that which is above, to accomplish the wonders of the one thing. "
    cells = "".join(f"<tr><td>{row}</td><td>{row * row}</td></tr>" for row in range(6))
    sheet = (
        "<h1>Sheet {number}</h1>"
        + f"<p>{words * 8}</p>" * 3
        + f'<table border="1">{cells}</table><img width="320" src="data:image/jpeg;base64,{picture}">'
    )
    after = '<div style="page-break-after: always"></div>'
    body = after.join(sheet.format(number=number) for number in range(1, count + 1))
    made.write_text(f"<!doctype html><title>Sheets</title><body>{body}</body>")
    return made


def scan(folder: Path, source: Path) -> Path:
    """Return a PDF of pictures of another one's pages."""
    made = folder / "scan.pdf"
    _run("pdftoppm", "-png", "-r", "150", f"{source}", f"{folder / 'scanned'}")
    # The library that ocrmypdf brings along.
    _run("/usr/bin/python3", "-m", "img2pdf", *map(str, sorted(folder.glob("scanned*.png"))), "-o", f"{made}")
    return made


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
