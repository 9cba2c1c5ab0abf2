"""Unpacks what servers pack although they were asked not to, in pieces: a bomb costs no memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from jobs.contract.errors import DownloadFailed

from .limits import CHUNK

PACKED = (".gz", ".tgz", ".svgz")
"""How the names of files end that are packed themselves, whatever is said of their encoding."""
# zlib's word for "gzip or zlib, whichever it is".
_EITHER = zlib.MAX_WBITS | 32


def inflated(chunks: Iterable[bytes], packed: str) -> Iterator[bytes]:
    """Yield the unpacked bytes of a body with this ``Content-Encoding``.

    :raises DownloadFailed: when it is damaged, or of a kind nobody asked for.
    """
    if packed not in {"gzip", "x-gzip", "deflate"}:
        raise DownloadFailed("The server sent the file in an encoding it was not asked for.")
    unpacker = zlib.decompressobj(_EITHER)
    began = False
    try:
        for chunk in chunks:
            data = chunk
            while data:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(_EITHER)
                began = True
                yield unpacker.decompress(data, CHUNK)
                data = unpacker.unconsumed_tail or unpacker.unused_data
    except zlib.error as error:
        raise DownloadFailed("The server sent a damaged file.") from error
    if began and not unpacker.eof:
        raise DownloadFailed("The server sent a damaged file.")
