"""Whether a file is what it is called, asked of readers that did not make it."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

from jobs.contract import detection, formats

IMAGES = {"avif", "bmp", "gif", "ico", "jp2", "jpg", "pcx", "pgm", "png", "ppm", "psd", "tga", "tiff", "webp"}
ZIPS = {"cbz", "docx", "epub", "htmlz", "odg", "odp", "ods", "odt", "pptx", "txtz", "xlsx", "zip"}
SECONDS = 60


def objection(path: Path, format_: str) -> str:
    """Return what is wrong with a file that is said to be of this format; empty when nothing is."""
    if not path.stat().st_size:
        return "it is empty"
    reader = _READERS.get(format_) or _GROUP_READERS.get(formats.group(format_)) or _detected
    try:
        return reader(path, format_)
    except Exception as error:  # noqa: BLE001 - whatever a reader raises is an objection
        return f"{type(error).__name__}: {error}"[:300]


def _image(path: Path, _format: str) -> str:
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        return "" if image.width and image.height else "it has no size"


def _pdf(path: Path, _format: str) -> str:
    said = subprocess.run(["pdfinfo", path], capture_output=True, text=True, timeout=SECONDS, check=False)
    locked = "Incorrect password" in said.stderr
    return "" if locked or "Pages:" in said.stdout else said.stderr


def _media(path: Path, _format: str) -> str:
    argv = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", f"{path}"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
    return "" if json.loads(said.stdout or "{}").get("streams") else said.stderr or "it has no streams"


def _zip(path: Path, format_: str) -> str:
    with zipfile.ZipFile(path) as archive:
        broken = archive.testzip()
    return f"{broken} in it is broken" if broken else _detected(path, format_)


def _text(path: Path, _format: str) -> str:
    path.read_bytes().decode("utf-8")
    return ""


def _detected(path: Path, format_: str) -> str:
    return "" if detection.fits(path, format_) else f"it is {detection.detect(path).format or 'unknown'}"


Reader = Callable[[Path, str], str]
_READERS: dict[str, Reader] = {
    **dict.fromkeys(IMAGES, _image),
    **dict.fromkeys(ZIPS, _zip),
    **dict.fromkeys(("csv", "html", "md", "rst", "svg", "tex", "tsv", "txt"), _text),
    "pdf": _pdf,
}
_GROUP_READERS: dict[str, Reader] = {"audio": _media, "video": _media}
