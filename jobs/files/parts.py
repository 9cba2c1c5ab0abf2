"""Files that reach a bucket of S3 in parts."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any

from jobs.contract.errors import FileStoreUnreachable

from . import lanes

log = logging.getLogger(__name__)

PART = 8 * 1024**2
"""How much is sent, or fetched, at once."""
MOST_PARTS = 10_000
COPY_PART = 256 * 1024**2
"""How much the bucket copies at once: it answers no sooner than it has."""


def ranges(size: int, part: int) -> Iterator[tuple[int, int, int]]:
    """Yield the parts of a file: their number from 1, where they begin, and their size."""
    part = max(part, math.ceil(size / MOST_PARTS))
    for number, first in enumerate(range(0, size, part), 1):
        yield number, first, min(part, size - first)


def send(client: Any, target: Mapping[str, str], data: bytes) -> None:
    """Store a small file at once; the bucket holds it against its digest."""
    # Bytes as they are would be copied once more, behind their headers.
    client.put_object(**target, Body=io.BytesIO(data), ContentMD5=_md5(data))


class Parts:
    """One file in parts. It is in the bucket when it is complete; what is left without that is aborted."""

    def __init__(self, client: Any, target: Mapping[str, str]) -> None:
        self._client = client
        begun = client.create_multipart_upload(**target)["UploadId"]
        self._upload = {**target, "UploadId": begun}
        self._is_open = True

    def send(self, number: int, data: bytes) -> dict[str, Any]:
        """Send a part; return what ``complete`` wants to know of it."""
        part = {"PartNumber": number, "Body": io.BytesIO(data), "ContentMD5": _md5(data)}
        answer = self._client.upload_part(**self._upload, **part)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def copy(self, part: tuple[int, int, int], source: Mapping[str, Any]) -> dict[str, Any]:
        """Let a part be copied from another object; return what ``complete`` wants to know of it."""
        number, first, size = part
        asked = {"PartNumber": number, "CopySourceRange": f"bytes={first}-{first + size - 1}"}
        answer = self._client.upload_part_copy(**self._upload, **source, **asked)
        return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

    def complete(self, parts: list[dict[str, Any]]) -> None:
        """Let the file be there."""
        self._client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": parts})
        self._is_open = False

    def abort(self) -> None:
        """Let nothing of it remain, unless it is complete."""
        if self._is_open:
            self._is_open = False
            self._client.abort_multipart_upload(**self._upload)

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.abort()
        except Exception as failure:
            if error is None:
                raise
            log.warning("Parts of a file stay in the bucket until they are swept: %s", failure)


class Writing:
    """A file that comes piece by piece, and is sent in parts while it does."""

    def __init__(
        self,
        client: Any,
        target: Mapping[str, str],
        key: str,
        *,
        asking: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Begin.

        :param asking: what all that is asked of the bucket must stand in.
        """
        self.key = key
        self._client, self._target, self._asking = client, dict(target), asking
        self._held = bytearray()
        self._parts: Parts | None = None
        self._flying: Future[dict[str, Any]] | None = None
        self._sent: list[dict[str, Any]] = []
        self._begun = 0

    def write(self, data: bytes) -> None:
        self._held += data
        if len(self._held) >= PART:
            with self._asking():
                self._send()

    def close(self) -> None:
        with self._asking():
            if not self._parts:
                send(self._client, self._target, bytes(self._held))
                return
            if self._held:
                self._send()
            self._land()
            self._parts.complete(self._sent)

    def discard(self) -> None:
        if self._flying:
            wait([self._flying])
        # The log has it; what stays is swept with its task.
        with suppress(FileStoreUnreachable), self._asking():
            if self._parts:
                self._parts.abort()
            self._client.delete_object(**self._target)

    def _send(self) -> None:
        """Send what is held while more comes, but no faster than it goes."""
        parts = self._parts = self._parts or Parts(self._client, self._target)
        data = bytes(self._held)
        self._held.clear()
        self._land()
        self._begun += 1
        self._flying = lanes.start(lambda number: parts.send(number, data), self._begun)

    def _land(self) -> None:
        if self._flying:
            flying, self._flying = self._flying, None
            self._sent.append(flying.result())


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
