"""One ZIP of several files, written as it is read: any size, in a little memory."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from jobs.contract import formats

from .limits import CHUNK


def write(target: Path, members: Sequence[tuple[str, Path]], *, advance: Callable[[int], None]) -> None:
    """Pack the files under their paths, all different; what is packed already is stored as it is.

    :param advance: is told how many bytes have been read, piece by piece.
    """
    now = time.localtime()[:6]
    with zipfile.ZipFile(target, "x") as bundle:
        for name, path in members:
            entry = zipfile.ZipInfo(name, date_time=now)
            entry.external_attr = 0o644 << 16
            entry.file_size = path.stat().st_size
            entry.compress_type = _method(name)
            # zipfile turns to ZIP64 by itself where the size, known beforehand, asks for it.
            with bundle.open(entry, "w") as inside, path.open("rb") as file:
                for data in iter(partial(file.read, CHUNK), b""):
                    inside.write(data)
                    advance(len(data))


def _method(name: str) -> int:
    return zipfile.ZIP_STORED if formats.is_packed(formats.of(name)) else zipfile.ZIP_DEFLATED
