"""What the bytes of one request must come to, in the words of tus."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from jobs.contract.errors import ApiError, BadRequest


class ChecksumMismatch(ApiError):
    """What came is not what was sent; it was thrown away."""

    status = 460
    code = "CHECKSUM_MISMATCH"
    message = "The bytes do not have this checksum. Send them again."


class _Running(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4)


KINDS: Mapping[str, Callable[[], _Running]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32": _Crc32,
}


@dataclass(frozen=True)
class Checksum:
    """A checksum that was told, beside that of what has come so far."""

    running: _Running
    told: bytes

    @classmethod
    def read(cls, header: str | None) -> Checksum | None:
        """Read the header ``Upload-Checksum``; None without it.

        :raises BadRequest: when it is of a kind that we do not know.
        """
        if header is None:
            return None
        name, _, text = header.strip().partition(" ")
        if name not in KINDS:
            raise BadRequest(f"The Upload-Checksum must be one of {', '.join(KINDS)}.")
        return cls(KINDS[name](), decoded(text, "Upload-Checksum"))

    @property
    def fits(self) -> bool:
        """Whether all has come as it was sent."""
        return self.running.digest() == self.told


def decoded(text: str, header: str) -> bytes:
    """Return what stands in a header.

    :raises BadRequest: when it is not Base64.
    """
    try:
        return base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raise BadRequest(f"The {header} must be in Base64.") from None
