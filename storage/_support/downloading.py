"""One file's way from a web server to the disk: what breaks off goes on where it was, or begins anew."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jobs.contract import Context
from jobs.contract.errors import DownloadUnreachable, FileTooLarge
from jobs.contract.urls import Url

from . import fetching, inflate, limits
from .asking import Answer

AGAIN = 3
"""How often a download that broke off goes on at once, if each time something came."""
_PART = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", re.ASCII)
_DIGEST = re.compile(r"(?i)(?:^|,)\s*(md5|sha-256)=:?([A-Za-z0-9+/]+=*)")
_HASHES = {"md5": "md5", "sha-256": "sha256"}

Naming = Callable[[Answer], str]


def download(url: Url, headers: Mapping[str, str], target: Path, context: Context, *, naming: Naming) -> str:
    """Save what a URL leads to; return its name.

    :param naming: tells the name from the answer.
    :raises DownloadFailed: when the server refuses or sends what cannot be right.
    :raises DownloadUnreachable: when it does not answer, breaks off too often, or sends other bytes than its
        checksum says.
    :raises FileTooLarge: when the file is, or turns out to be, above the cap.
    """
    # A part of what is a part already would be one of something else.
    coming = _Coming(target, context, naming, may_go_on="range" not in {name.lower() for name in headers})
    for left in reversed(range(AGAIN + 1)):
        before = coming.received
        try:
            with fetching.get(url, headers, coming.rest(), limits.Watch(context)) as answer:
                coming.take(answer)
            break
        except DownloadUnreachable:
            if not left or coming.received == before:
                raise
    coming.check()
    return coming.name


class _Coming:
    """A file of which some has come."""

    def __init__(self, target: Path, context: Context, naming: Naming, *, may_go_on: bool) -> None:
        self.name = ""
        self.received = 0
        """Bytes that came, those that were of no use too."""
        self._target = target
        self._context = context
        self._naming = naming
        self._may_go_on = may_go_on
        self._kept = 0
        self._length: int | None = None
        self._etag = ""
        self._sums: list[tuple[Any, bytes]] = []

    def rest(self) -> dict[str, str]:
        """Return the headers that ask for what is missing, and for all of it if the file has changed."""
        if not (self._kept and self._etag):
            return {}
        return {"range": f"bytes={self._kept}-", "if-range": self._etag}

    def take(self, answer: Answer) -> None:
        """Write what comes, behind what is there if it is the rest of that."""
        if not self._is_rest(answer):
            self._begin(answer)
        as_it_is = answer.is_unpacked(keep_packed=self._keeps_packed)
        with limits.CappedFile(self._target, kept=self._kept) as file:
            for chunk in answer.chunks(keep_packed=self._keeps_packed):
                file.write(chunk)
                self.received += len(chunk)
                if as_it_is:
                    self._kept += len(chunk)
                    for running, _ in self._sums:
                        running.update(chunk)
                if self._length:
                    self._context.progress(100 * (self._kept or answer.received) / self._length)

    def check(self) -> None:
        """Return if the bytes are those that the server meant.

        :raises DownloadUnreachable: when they are not.
        """
        if any(running.digest() != said for running, said in self._sums):
            raise DownloadUnreachable("The server sent other bytes than its checksum says.")

    @property
    def _keeps_packed(self) -> bool:
        return self.name.lower().endswith(inflate.PACKED)

    def _is_rest(self, answer: Answer) -> bool:
        if not self.rest() or answer.status != 206:
            return False
        part = _PART.fullmatch(answer.header("Content-Range").strip())
        if not part or (int(part[1]), int(part[2])) != (self._kept, self._length):
            raise DownloadUnreachable("The server sent another part of the file than it was asked for.")
        return True

    def _begin(self, answer: Answer) -> None:
        self._target.unlink(missing_ok=True)
        self._kept = 0
        self.name = self._naming(answer)
        self._length = answer.length
        if self._length and self._length > limits.MAX_FILE_BYTES:
            raise FileTooLarge
        as_it_is = answer.is_unpacked(keep_packed=self._keeps_packed)
        self._etag = _strong(answer) if as_it_is and self._length and self._may_go_on else ""
        self._sums = _sums(answer) if as_it_is else []


def _strong(answer: Answer) -> str:
    etag = answer.header("ETag").strip()
    is_strong = len(etag) > 2 and etag[0] == etag[-1] == '"'
    return etag if is_strong and answer.header("Accept-Ranges").strip().lower() != "none" else ""


def _sums(answer: Answer) -> list[tuple[Any, bytes]]:
    """Return a running checksum for each that the server tells, beside what it must come to."""
    told = _DIGEST.findall(answer.header("Digest")) + _DIGEST.findall(answer.header("Repr-Digest"))
    told.append(("md5", answer.header("Content-MD5").strip()))
    found = []
    for name, text in told:
        running = hashlib.new(_HASHES[name.lower()], usedforsecurity=False)
        try:
            said = base64.b64decode(text, validate=True)
        except binascii.Error:
            continue
        if len(said) == running.digest_size:
            found.append((running, said))
    return found
