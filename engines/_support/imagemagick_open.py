"""Opening pictures: how many and how large before a pixel is decoded, then one after the other."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wand.api import library
from wand.exceptions import CorruptImageWarning, WandException
from wand.image import Image

from engines._support import jpeg_file, libheif, librsvg
from engines._support.child import Refused
from engines._support.exif import upright
from engines._support.picture_limits import check_size, check_together, too_large
from engines._support.picture_order import (
    ANIMATED,
    CODERS,
    DRAWINGS,
    DRAWN_SIDE,
    HEIF,
    SIDE,
    Order,
    Size,
)

PARTIAL = "The file is damaged: part of the picture may be missing."
_LIMIT = re.compile(r"exceeds limit|exceeds? .*limit|resources exhausted|limit exceeded|list.?length", re.I)
_TURNED = {"left_top", "right_top", "right_bottom", "left_bottom"}


class Opening:
    """The pictures of one file."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._turned = False
        self.partial = False
        """Whether something was missing, though not enough to show nothing."""
        if order.source_format in DRAWINGS:
            self.sizes = [_drawing_size(order)]
        elif order.source_format in HEIF:
            self.sizes = [_heif_size(order.source)]
        else:
            self.sizes = self._look()

    def pictures(self) -> Iterator[tuple[Image, Size]]:
        """Give each picture with its full size; it may come smaller when less will do."""
        order = self._order
        if order.source_format in DRAWINGS:
            yield draw(order), self.sizes[0]
        elif order.source_format in HEIF:
            yield read_heif(order.source), self.sizes[0]
        elif order.source_format == "gif" or (order.source_format == "webp" and len(self.sizes) > 1):
            yield from self._frames()
        else:
            for number, size in enumerate(self.sizes):
                with self._read(f"[{self._index(number)}]", hint=size) as picture:
                    turned = picture.orientation in _TURNED and order.options["auto_orient"]
                    yield picture, size[::-1] if turned else size

    def _look(self) -> list[Size]:
        order = self._order
        with reading(), Image() as picture:
            _settle(picture, library.MagickPingImage(picture.wand, _name(order).encode()))
            self._turned = picture.orientation in _TURNED
            sizes = []
            for index in range(picture.iterator_length()):
                picture.iterator_set(index)
                sizes.append(_canvas(picture) if order.source_format in ANIMATED else picture.size)
        sizes = self._wanted(sizes)
        held = order.together or order.source_format in ANIMATED
        for size in sizes:
            check_size(size)
        if order.source_format == "jpg":
            self.partial = not jpeg_file.is_complete(order.source)
        if held:
            check_together(sizes)
        return sizes

    def _wanted(self, sizes: list[Size]) -> list[Size]:
        if self._order.source_format == "ico":
            self._largest = max(range(len(sizes)), key=lambda index: sizes[index])
            return [sizes[self._largest]]
        if self._order.source_format not in {*ANIMATED, "tiff"}:
            return sizes[:1]
        return sizes[: self._order.options.get("count")]

    def _index(self, number: int) -> int:
        return self._largest if self._order.source_format == "ico" else number

    def _frames(self) -> Iterator[tuple[Image, Size]]:
        with self._read(f"[0-{len(self.sizes) - 1}]") as animation:
            animation.coalesce()
            for index in range(animation.iterator_length()):
                animation.iterator_set(index)
                with animation.image_get() as frame:
                    yield frame, self.sizes[0]

    def _read(self, part: str, hint: Size | None = None) -> Image:
        order = self._order
        picture = Image()
        if hint and order.source_format == "jpg" and order.resizes:
            turned = self._turned and order.options["auto_orient"]
            (width, height), _ = order.box(hint[::-1] if turned else hint)
            # libjpeg decodes to a half, a quarter or an eighth in a fraction of the time.
            picture.options["jpeg:size"] = f"{height}x{width}" if turned else f"{width}x{height}"
        with reading():
            done = library.MagickReadImage(picture.wand, f"{_name(order)}{part}".encode())
            self.partial |= _settle(picture, done)
        return picture


def draw(order: Order) -> Image:
    """Draw an SVG at the size asked for; without one, at its own, scaled by ``pixel_density``."""
    try:
        with librsvg.Drawing(order.source.read_bytes()) as drawing:
            return picture_of(drawing.draw(*_drawing_size(order)))
    except librsvg.Undrawable as error:
        raise Refused("OpenFailed") from error


def picture_of(pixels: librsvg.Pixels) -> Image:
    """Return what was drawn as a picture."""
    picture = Image(
        blob=pixels.data, format="bgra", width=pixels.width, height=pixels.height, depth=8, colorspace="srgb"
    )
    picture.alpha_channel = "disassociate"  # which also turns it off
    picture.alpha_channel = "activate"
    return picture


def read_heif(path: Path) -> Image:
    """Read the main picture of a HEIC or AVIF file."""
    try:
        with libheif.File(path) as file:
            found = file.decode()
    except libheif.Failed as error:
        raise Refused("OpenFailed") from error
    kind = "rgba" if found.alpha else "rgb"
    picture = Image(blob=found.data, format=kind, width=found.width, height=found.height, depth=8)
    for name, data in (("icc", found.icc), ("exif", found.exif and upright(found.exif)), ("xmp", found.xmp)):
        if data:
            picture.profiles[name] = data
    return picture


def _heif_size(path: Path) -> Size:
    try:
        with libheif.File(path) as file:
            size = file.width, file.height
    except libheif.Failed as error:
        raise Refused("OpenFailed") from error
    check_size(size)
    return size


def _drawing_size(order: Order) -> Size:
    try:
        with librsvg.Drawing(order.source.read_bytes()) as drawing:
            width, height = drawing.size
    except librsvg.Undrawable as error:
        raise Refused("OpenFailed") from error
    scale = (order.options.get("pixel_density") or 96) / 96
    own = (max(1, round(min(width, SIDE) * scale)), max(1, round(min(height, SIDE) * scale)))
    size, _ = order.box(own, grows=True)
    check_size(size, DRAWN_SIDE)
    return size


@contextmanager
def reading() -> Iterator[None]:
    """Tell a damaged file from one that is too large."""
    try:
        yield
    except WandException as error:
        raise refusal(error) or Refused("OpenFailed") from error


def refusal(error: Exception) -> Refused | None:
    """Return the refusal for a limit that was passed; None for any other failure."""
    return too_large() if _LIMIT.search(f"{error}") else None


def _settle(picture: Image, done: int) -> bool:
    # Some readers fail without a word, some with a picture of no size. True: there was a doubt.
    said = picture.get_exception()
    if isinstance(said, Exception) and not isinstance(said, Warning):
        raise said
    if not done or 0 in picture.size:
        raise Refused("OpenFailed")
    return isinstance(said, CorruptImageWarning)


def _name(order: Order) -> str:
    return f"{CODERS[order.source_format]}:{order.source}"


def _canvas(picture: Image) -> Size:
    width, height, x, y = (ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_ssize_t(), ctypes.c_ssize_t())
    library.MagickGetImagePage(picture.wand, *(ctypes.byref(value) for value in (width, height, x, y)))
    return max(width.value, picture.width), max(height.value, picture.height)


def read_first(path: Path, kind: str) -> Image:
    """Read the first picture of a file that belongs to an option."""
    if kind in HEIF:
        _heif_size(path)
        return read_heif(path)
    name = f"{CODERS[kind]}:{path}[0]".encode()
    with reading(), Image() as header:
        _settle(header, library.MagickPingImage(header.wand, name))
        check_size(header.size)
    picture = Image()
    with reading():
        _settle(picture, library.MagickReadImage(picture.wand, name))
    return picture
