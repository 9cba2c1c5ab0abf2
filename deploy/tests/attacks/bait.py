"""Secrets where no engine may look, and the means to find them again in whatever came out."""

from __future__ import annotations

import base64
import io
import secrets
import shutil
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from pypdf import PdfReader

COLOUR = (201, 13, 117)
"""Of the secret pictures: nothing else in the suite has it."""


@dataclass
class Bait:
    """Files outside every sandbox, readable for whoever runs as the service, or for everybody."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="athanor-bait-", dir="/tmp")))
    stem: str = field(default_factory=lambda: f"kq{secrets.token_hex(5)}")
    """What every secret text begins with."""
    http: str = ""
    """Where nobody may ask for anything."""
    store: Path = Path()
    """Another customer's file in the file store."""
    work: Path = Path()
    """A file in another task's work folder."""

    def __post_init__(self) -> None:
        self.folder.chmod(0o777)
        self.world = self._write("world.txt", f"{self.stem}world", 0o644)
        self.root = self._write("root.txt", f"{self.stem}root", 0o600)
        self.page = self._write("page.html", f"<p>{self.stem}page</p>", 0o644)
        square = '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400">'
        fill = "#{:02x}{:02x}{:02x}".format(*COLOUR)
        self.svg = self._write("square.svg", f'{square}<rect width="400" height="400" fill="{fill}"/></svg>')
        self.png = self.folder / "square.png"
        Image.new("RGB", (400, 400), COLOUR).save(self.png)
        self.marker = self.folder / "executed"

    def _write(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    @property
    def texts(self) -> tuple[Path, ...]:
        """Every secret text, by where it lies."""
        return (self.world, self.root, self.store, self.work)

    def strays(self) -> list[str]:
        """Return what somebody else made in our folder."""
        ours = {path.name for path in (self.world, self.root, self.page, self.svg, self.png)}
        return sorted(path.name for path in self.folder.iterdir() if path.name not in ours)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def traces(self, data: bytes) -> list[str]:
        """Return the ways in which a secret can be read in a file; none is what we want."""
        return [way for way, part in _readings(data) if self._is_in(part)]

    def _is_in(self, data: bytes) -> bool:
        stem = self.stem.encode()
        wide = (self.stem.encode("utf-16-le"), self.stem.encode("utf-16-be"))
        coded = [base64.b64encode(b"x" * skip + stem)[4:-4] for skip in range(3)]
        spellings = (stem, stem.hex().encode(), *wide, *coded, b"root:x:0:0:")
        lowered = data.lower()
        return any(spelling in data or spelling.lower() in lowered for spelling in spellings)


def shows(data: bytes, colour: tuple[int, int, int] = COLOUR) -> bool:
    """Tell whether a picture, or a page of a PDF, has the colour of the secret pictures."""
    return any(_has(picture, colour) for picture in _pictures(data))


def _has(picture: Image.Image, colour: tuple[int, int, int]) -> bool:
    small = picture.convert("RGB")
    small.thumbnail((600, 600), Image.Resampling.NEAREST)
    pixels = small.tobytes()
    # JPEG and colour profiles move a colour a little.
    near = sum(
        all(abs(pixels[at + part] - colour[part]) < 14 for part in range(3))
        for at in range(0, len(pixels), 3)
    )
    return near >= 4


def _pictures(data: bytes) -> Iterator[Image.Image]:
    if data.startswith(b"%PDF"):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "in.pdf")
            source.write_bytes(data)
            subprocess.run(
                ["pdftoppm", "-r", "36", "-l", "4", f"{source}", f"{folder}/page"],
                check=True,
                capture_output=True,
                timeout=60,
            )
            for page in sorted(Path(folder).glob("page*.ppm")):
                yield Image.open(page)
        return
    try:
        yield Image.open(io.BytesIO(data))
    except OSError:
        return


def _readings(data: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield a file as it is, and as its readers see it."""
    yield "as it is", data
    if data.startswith(b"%PDF"):
        yield from _pdf(data)
    if data.startswith(b"PK") and depth < 3:
        yield from _members(data, depth)
    if data.startswith(b"\x89PNG"):
        yield "its text", "".join(f"{value}" for value in Image.open(io.BytesIO(data)).info.values()).encode()


def _pdf(data: bytes) -> Iterator[tuple[str, bytes]]:
    reader = PdfReader(io.BytesIO(data))
    for number, page in enumerate(reader.pages[:20], 1):
        yield f"page {number}", "".join(page.extract_text().split()).encode()
    for start in _starts(data, b"stream"):
        try:
            yield "a stream", zlib.decompressobj().decompress(data[start:].lstrip(b"\r\n"), 10_000_000)
        except zlib.error:
            continue


def _starts(data: bytes, word: bytes) -> Iterator[int]:
    at = -1
    while (at := data.find(word, at + 1)) >= 0:
        if data[at - 3 : at] != b"end":
            yield at + len(word)


def _members(data: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            yield f"the name {name}", name.encode()
            for way, part in _readings(archive.read(name), depth + 1):
                yield f"{name}: {way}", part
