"""What a file would cost the engine that opens it, held against the limits before one starts."""

from __future__ import annotations

import zlib

from jobs.contract import limits
from jobs.contract.errors import FileTooLarge, OpenFailed

from . import pictures, zips
from .finding import Finding
from .window import HEAD, Looked, Spent, Unreadable, Window

GRACE_BYTES = 64 * 1024 * 1024
"""Unpacked, a package of this size needs no good ratio: a sheet of zeros packs a thousand times."""
_PACKAGES = {
    *("zip", "docx", "docm", "xlsx", "xlsm", "pptx", "pptm", "odt", "ods", "odp", "odg", "epub"),
}
_DIRECTORY_BYTES = 64 * 1024 * 1024
_SMALLEST_LOCAL = 30


def check(looked: Looked, finding: Finding, *, taken: str, film: bool = False) -> None:
    """Refuse a file that its own headers say is larger than an engine may be given.

    :param taken: the format it is taken for, which counts where its content does not tell.
    :param film: its pictures are read one after the other, however many there are.
    :raises FileTooLarge: when it is.
    :raises OpenFailed: when its members lie over each other, as no honest archive's do.
    :raises OSError: when it cannot be read.
    """
    kind = finding.format if finding.certain and finding.format else taken
    if finding.format in _PACKAGES:
        _package(looked)
    elif kind in {"svg", "svgz"}:
        _drawing(looked, packed=finding.format == "svgz")
    else:
        with Window(looked) as window:
            size = pictures.size(window, kind)
        if size:
            width, height, frames = size
            limits.check_picture(width, height, 1 if film else frames)


def frames(looked: Looked, kind: str) -> int:
    """Return how many frames or pages a picture of a format says that it has; 1 where it does not tell.

    :raises OSError: when it cannot be read.
    """
    with Window(looked) as window:
        size = pictures.size(window, kind)
    return size[2] if size else 1


def _package(looked: Looked) -> None:
    with Window(looked, budget=_DIRECTORY_BYTES) as window:
        try:
            directory = zips.read(window)
        except Spent:
            raise FileTooLarge("The list of what the file holds is larger than allowed.") from None
        except Unreadable:
            return  # broken: the engine says so
        size = window.size
    if directory.claimed > limits.ARCHIVE_ENTRIES:
        raise FileTooLarge(f"The file holds more than the {limits.ARCHIVE_ENTRIES:,} entries allowed.")
    unpacked = sum(entry.unpacked for entry in directory.entries)
    if unpacked > limits.ARCHIVE_BYTES:
        raise FileTooLarge(
            f"The file would unpack to {unpacked:,} bytes; at most {limits.ARCHIVE_BYTES:,} are allowed."
        )
    if unpacked > max(GRACE_BYTES, limits.ARCHIVE_RATIO * size):
        raise FileTooLarge(
            f"The file would unpack to {unpacked // max(1, size):,} times its size; at most"
            f" {limits.ARCHIVE_RATIO:,} times are allowed."
        )
    if _overlaps(directory):
        raise OpenFailed("The file is damaged: its parts lie over each other.")


def _overlaps(directory: zips.Directory) -> bool:
    places = sorted((entry.offset, entry.packed, len(entry.name)) for entry in directory.entries)
    starts = [*(offset for offset, _, _ in places[1:]), directory.start]
    return any(
        offset + _SMALLEST_LOCAL + packed > following
        for (offset, packed, _), following in zip(places, starts, strict=False)
    )


def _drawing(looked: Looked, *, packed: bool) -> None:
    most = limits.DRAWING_BYTES
    # The whole of it may be read, and a little is charged for each piece.
    with Window(looked, budget=2 * most) as window:
        too_large = window.size > most or (packed and _grows_beyond(window, most))
    if too_large:
        raise FileTooLarge(f"The drawing has more than the {most:,} bytes allowed.")


def _grows_beyond(window: Window, most: int) -> bool:
    """Tell whether a gzip file holds more; it is unpacked piece by piece, and not beyond."""
    unpacker, total, at = zlib.decompressobj(zlib.MAX_WBITS | 16), 0, 0
    while total <= most:
        data = unpacker.unconsumed_tail
        if not data:
            data = window.some(at, HEAD)
            at += len(data)
        if not data or unpacker.eof:
            break
        try:
            total += len(unpacker.decompress(data, HEAD))
        except zlib.error:
            break  # broken: the engine says so
    return total > most
