"""Files in a folder of this machine: moved in, linked out."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from jobs.contract.errors import DiskFull, FileGone

from .store import PIECE, Advance, NoForms, Shown

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP}


class Folder(NoForms):
    """The store in one folder; nobody else comes near it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path, key: str, _advance: Advance) -> None:
        with _room():
            with source.open("rb") as file:
                _finish(file)
            try:
                source.rename(self._place(key))
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                with self._all_or_nothing(key):
                    shutil.move(source, self._path(key))

    def begin(self, key: str) -> _Writing:
        with _room():
            return _Writing(key, self._place(key))

    def copy(self, key: str, to: str) -> None:
        with self._all_or_nothing(to):
            self._link(key, self._place(to))

    def fetch(self, key: str, into: Path, _advance: Advance) -> None:
        self._link(key, into)

    def _link(self, key: str, into: Path) -> None:
        with _room(), _there():
            try:
                os.link(self._path(key), into)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                shutil.copyfile(self._path(key), into)

    def open(self, key: str) -> BinaryIO:
        with _there():
            return self._path(key).open("rb")

    def read(self, key: str, first: int, size: int) -> Iterator[bytes]:
        with self.open(key) as file:
            file.seek(first)
            while size > 0 and (data := file.read(min(PIECE, size))):
                size -= len(data)
                yield data

    def remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    def keys(self, folder: str) -> set[str]:
        try:
            return {f"{folder}/{file.name}" for file in self._path(folder).iterdir()}
        except FileNotFoundError:
            return set()

    def remove_folder(self, folder: str) -> None:
        shutil.rmtree(self._path(folder), ignore_errors=True)

    def untouched(self, *, seconds: float) -> Iterator[str]:
        for folder in self._root.glob("??/*"):
            with suppress(FileNotFoundError):
                if folder.stat().st_mtime < time.time() - seconds:
                    yield f"{folder.relative_to(self._root)}"

    def tidy(self, *, seconds: float) -> None:
        pass  # What is not whole lies in its task's folder.

    def objection(self) -> str | None:
        return None

    def link(self, key: str, shown: Shown, *, seconds: int) -> str | None:  # noqa: ARG002
        return None

    def _path(self, key: str) -> Path:
        return self._root / key

    def _place(self, key: str) -> Path:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def _all_or_nothing(self, key: str) -> Iterator[None]:
        # Half a file helps nobody, and takes the room that is short.
        try:
            yield
        except BaseException:
            self.remove([key])
            raise


class _Writing:
    def __init__(self, key: str, path: Path) -> None:
        self.key = key
        self._path = path
        self._file = path.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        with _room():
            while left:
                left = left[self._file.write(left) :]

    def close(self) -> None:
        with _room(), self._file:
            _finish(self._file)

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def _finish(file: BinaryIO) -> None:
    # An engine's user reads what is linked out of the store.
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())


@contextmanager
def _there() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise FileGone from error


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull from error
        raise
