"""Our own file store: a local folder, one sub-folder per task. Customers' storage is ``storage/``."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from .contract.errors import DiskFull, FileGone

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Stored:
    """A file in the store."""

    key: str
    size: int
    sha256: str


def path(key: str) -> Path:
    """Return where a stored file lies."""
    return Path(settings.ATHANOR_FILES_DIR, key)


def save(source: Path, *, task: uuid.UUID | str, sha256: str | None = None) -> Stored:
    """Move a file into the store and return what was stored, once its bytes are on disk.

    :param sha256: its digest, when somebody already knows it.
    :raises DiskFull: when there is no room.
    """
    with _room():
        key = new_key(task)
        with source.open("rb") as file:
            digest = sha256 or hashlib.file_digest(file, "sha256").hexdigest()
            # Nobody else comes near the store; an engine's user reads what is linked out of it.
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        try:
            source.rename(path(key))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with _all_or_nothing(key):
                shutil.move(source, path(key))
    return Stored(key, size, digest)


def digest(source: Path) -> str:
    """Return a file's SHA-256."""
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def share(stored: Stored, *, task: uuid.UUID | str) -> Stored:
    """Store the same bytes for another task; each may be removed without the other."""
    return Stored(copy(stored.key, task=task), stored.size, stored.sha256)


def copy(key: str, *, task: uuid.UUID | str) -> str:
    """Store a file's bytes for another task and return the new key."""
    copied = new_key(task)
    fetch(key, path(copied))
    return copied


def write(text: str, *, task: uuid.UUID | str) -> str:
    """Store a text and return its key."""
    with _room():
        key = new_key(task)
        with _all_or_nothing(key):
            path(key).write_text(text, encoding="utf-8", newline="")
            path(key).chmod(0o644)
    return key


def fetch(key: str, into: Path) -> None:
    """Put a stored file where a tool can read it; it must not be written to, for it may be the same file.

    :raises DiskFull: when there is no room.
    :raises FileGone: when the file has been removed.
    """
    with _room():
        try:
            os.link(path(key), into)
        except FileNotFoundError as error:
            raise FileGone from error
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP}:
                raise
            shutil.copyfile(path(key), into)


def new_key(task: uuid.UUID | str) -> str:
    """Return an unused key in a task's folder, which is made if need be."""
    folder = _folder(task)
    Path(settings.ATHANOR_FILES_DIR).mkdir(mode=0o700, parents=True, exist_ok=True)
    path(folder).mkdir(parents=True, exist_ok=True)
    return f"{folder}/{uuid.uuid4().hex}"


def remove(*keys: str) -> None:
    """Remove stored files; nothing happens for those gone already."""
    for key in keys:
        path(key).unlink(missing_ok=True)


def keys(task: uuid.UUID | str) -> set[str]:
    """Return the keys of all that is stored for a task, published or not."""
    folder = _folder(task)
    try:
        return {f"{folder}/{file.name}" for file in path(folder).iterdir()}
    except FileNotFoundError:
        return set()


def untouched(*, seconds: float) -> Iterator[uuid.UUID]:
    """Yield the tasks for which nothing has been stored or removed for so long."""
    for folder in Path(settings.ATHANOR_FILES_DIR).glob("??/*"):
        with suppress(FileNotFoundError, ValueError):
            if folder.stat().st_mtime < time.time() - seconds:
                yield uuid.UUID(folder.name)


def remove_tasks(tasks: Iterable[uuid.UUID]) -> None:
    """Remove everything stored for these tasks."""
    for task in tasks:
        shutil.rmtree(path(_folder(task)), ignore_errors=True)


def _folder(task: uuid.UUID | str) -> str:
    return f"{str(task)[:2]}/{task}"


@contextmanager
def _all_or_nothing(key: str) -> Iterator[None]:
    # Half a file helps nobody, and takes the room that is short.
    try:
        yield
    except BaseException:
        remove(key)
        raise


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull from error
        raise
