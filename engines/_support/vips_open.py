"""Opening pictures with libvips: how many and how large by their headers, then one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyvips

from engines._support import jpeg_file, libheif
from engines._support.child import Refused
from engines._support.exif import HEAD, upright
from engines._support.picture_limits import check_size, check_together, too_large
from engines._support.picture_order import ANIMATED, FRAMES, Order, Size

LOADERS = {
    "avif": "heifload",
    "gif": "gifload",
    "jpg": "jpegload",
    "png": "pngload",
    "tiff": "tiffload",
    "webp": "webpload",
}
"""libvips' readers: always named, so that no content chooses its own."""
_FAILS = {"jpg": "none", "tiff": "error"}
"""Half a photograph is worth something, and libjpeg gives what is there; libtiff says less than others."""
READ = {*LOADERS, "heic"}
PARTIAL = "The file is damaged: part of the picture may be missing."
OF_MANY = ("page-height", "n-pages", "delay", "gif-delay", "loop", "gif-loop")
"""What is said of an animation, and is not true of one of its frames."""
_SHRINKS = (8, 4, 2)
_GIF_END = b";"


def _is_complete_gif(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-min(64, path.stat().st_size), 2)
        return file.read().rstrip(b"\0\r\n").endswith(_GIF_END)


_COMPLETE = {"gif": _is_complete_gif, "jpg": jpeg_file.is_complete}
"""Formats of which their readers give what is there, and how to tell that it is not all."""


class Opening:
    """The pictures of one file."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._heif: libheif.File | None = None
        self.partial = False
        """Whether something was missing, though not enough to show nothing."""
        self.timing: dict[str, Any] = {}
        """How long the frames of an animation are shown, and how often all of them."""
        self.sizes = self._heif_sizes() if order.source_format == "heic" else self._look()
        for size in self.sizes:
            check_size(size)
        if order.together or order.source_format in ANIMATED:
            check_together(self.sizes)

    def pictures(self) -> Iterator[tuple[pyvips.Image, Size]]:
        """Give each picture with its full size when upright; it may come smaller when less will do."""
        order = self._order
        if order.source_format == "heic":
            yield read_heic(order.source), self.sizes[0]
        elif order.source_format in ANIMATED:
            yield from self._frames()
        else:
            for number, size in enumerate(self.sizes):
                turned = order.options["auto_orient"] and self._lies(number)
                full = size[::-1] if turned else size
                yield self._page(number, full, turned=turned), full

    def _heif_sizes(self) -> list[Size]:
        try:
            with libheif.File(self._order.source) as file:
                return [(file.width, file.height)]
        except libheif.Failed as error:
            raise Refused("OpenFailed") from error

    def _look(self) -> list[Size]:
        order = self._order
        head = self._load()
        many = head.get("n-pages") if "n-pages" in head.get_fields() else 1
        if order.source_format not in {*ANIMATED, "tiff"}:
            many = 1
        many = min(many, order.options.get("count") or many)
        if many > FRAMES:
            raise too_large()
        if order.source_format in _COMPLETE:
            self.partial = not _COMPLETE[order.source_format](order.source)
        if order.source_format == "tiff":
            return [_size(self._load(page=number)) for number in range(many)]
        self.timing = {name: head.get(name) for name in ("delay", "loop") if name in head.get_fields()}
        return [_size(head)] * many

    def _lies(self, number: int) -> bool:
        page = self._load(page=number) if number else self._load()
        return "orientation" in page.get_fields() and page.get("orientation") >= 5

    def _page(self, number: int, full: Size, *, turned: bool) -> pyvips.Image:
        # Rows one after the other take no memory, but what lies must be held to be turned.
        options: dict[str, Any] = {} if turned else {"access": "sequential"}
        if number:
            options["page"] = number
        if self._order.source_format == "jpg":
            options["shrink"] = self._shrink(full)
        return self._load(**options)

    def _shrink(self, full: Size) -> int:
        # libjpeg decodes to a half, a quarter or an eighth in a fraction of the time.
        (width, height), _ = self._order.box(full)
        ratio = min(full[0] / width, full[1] / height)
        return next((shrink for shrink in _SHRINKS if shrink <= ratio), 1)

    def _frames(self) -> Iterator[tuple[pyvips.Image, Size]]:
        width, height = self.sizes[0]
        roll = self._load(n=len(self.sizes))
        for number in range(len(self.sizes)):
            yield single(roll.crop(0, number * height, width, height)), (width, height)

    def _load(self, **options: Any) -> pyvips.Image:
        return load(self._order.source, self._order.source_format, **options)


def load(path: Path, kind: str, **options: Any) -> pyvips.Image:
    """Open a file of a kind that libvips reads itself; only its header is read."""
    return getattr(pyvips.Image, LOADERS[kind])(f"{path}", fail_on=_FAILS.get(kind, "truncated"), **options)


def read_first(path: Path, kind: str) -> pyvips.Image:
    """Read the first picture of a file, upright."""
    if kind == "heic":
        return read_heic(path)
    picture = load(path, kind)
    check_size(_size(picture))
    return single(picture.autorot())


def single(picture: pyvips.Image) -> pyvips.Image:
    """Return a picture that does not say it were one of many."""
    picture = picture.copy()
    for name in {*OF_MANY}.intersection(picture.get_fields()):
        picture.remove(name)
    return picture


def read_heic(path: Path) -> pyvips.Image:
    """Read the main picture of a HEIC file by libheif: the libvips of PyPI has no decoder for it."""
    try:
        with libheif.File(path) as file:
            check_size((file.width, file.height))
            found = file.decode()
    except libheif.Failed as error:
        raise Refused("OpenFailed") from error
    bands = 4 if found.alpha else 3
    bare = pyvips.Image.new_from_memory(found.data, found.width, found.height, bands, "uchar")
    picture = bare.copy(interpretation="srgb")
    exif = found.exif and upright(found.exif)
    if exif and len(exif) < 65_000:
        noted = _noted(exif)
        for name in noted.get_fields():
            if name.startswith("exif-") or name == "orientation":
                picture.set_type(noted.get_typeof(name), name, noted.get(name))
    for name, data in (("icc-profile-data", found.icc), ("xmp-data", found.xmp)):
        if data:
            picture.set_type(pyvips.GValue.blob_type, name, data)
    return picture


def _noted(exif: bytes) -> pyvips.Image:
    # libvips reads EXIF data only where a file has it.
    plain = pyvips.Image.black(1, 1).jpegsave_buffer(keep="none")
    segment = exif if exif.startswith(HEAD) else HEAD + exif
    part = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment
    return pyvips.Image.jpegload_buffer(plain[:2] + part + plain[2:])


def _size(picture: pyvips.Image) -> Size:
    return picture.width, picture.height
