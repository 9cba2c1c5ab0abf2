"""What the rest of the service does with files, wherever they are kept."""

from __future__ import annotations

import functools
import hashlib
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from . import folder
from .store import Store, Stored, Writing


def store() -> Store:
    """Return the store that the settings name."""
    return _store(settings.ATHANOR_FILES_DIR)


@functools.lru_cache(maxsize=1)
def _store(files_dir: Path) -> Store:
    return folder.Folder(files_dir)


def save(source: Path, *, task: uuid.UUID | str, sha256: str | None = None) -> Stored:
    """Move a file into the store and return what was stored, once it is there for good.

    :param sha256: its digest, when somebody already knows it.
    :raises DiskFull: when there is no room.
    """
    stored = Stored(new_key(task), source.stat().st_size, sha256 or digest(source))
    store().put(source, stored.key)
    return stored


def digest(source: Path) -> str:
    """Return a file's SHA-256."""
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def share(stored: Stored, *, task: uuid.UUID | str) -> Stored:
    """Store the same bytes for another task; each may be removed without the other."""
    key = new_key(task)
    store().copy(stored.key, key)
    return Stored(key, stored.size, stored.sha256)


def write(text: str, *, task: uuid.UUID | str) -> str:
    """Store a text and return its key."""
    writing = begin(task)
    try:
        writing.write(text.encode())
        writing.close()
    except BaseException:
        writing.discard()
        raise
    return writing.key


def begin(task: uuid.UUID | str) -> Writing:
    """Begin a file that comes piece by piece; for use in one thread after the other."""
    return store().begin(new_key(task))


def fetch(key: str, into: Path) -> None:
    """Put a stored file where a tool can read it; it must not be written to, for it may be the same file.

    :raises DiskFull: when there is no room.
    :raises FileGone: when the file has been removed.
    """
    store().fetch(key, into)


def open(key: str) -> BinaryIO:  # noqa: A001 - it opens a file
    """Open a stored file to read some of it here and there.

    :raises FileGone: when it has been removed.
    """
    return store().open(key)


def read(key: str, first: int, size: int) -> Iterator[bytes]:
    """Yield so many bytes of a stored file in pieces, from the first asked for on.

    Once the first piece is there, removing the file does not stop it.

    :raises FileGone: when it has been removed.
    """
    return store().read(key, first, size)


def new_key(task: uuid.UUID | str) -> str:
    """Return an unused key in a task's folder."""
    return f"{_folder(task)}/{uuid.uuid4().hex}"


def remove(*keys: str) -> None:
    """Remove stored files; nothing happens for those gone already."""
    store().remove(keys)


def keys(task: uuid.UUID | str) -> set[str]:
    """Return the keys of all that is stored for a task, published or not."""
    return store().keys(_folder(task))


def untouched(*, seconds: float) -> Iterator[uuid.UUID]:
    """Yield the tasks for which nothing has been stored for so long."""
    for name in store().untouched(seconds=seconds):
        with suppress(ValueError):
            yield uuid.UUID(name.rpartition("/")[2])


def remove_tasks(tasks: Iterable[uuid.UUID]) -> None:
    """Remove everything stored for these tasks."""
    for task in tasks:
        store().remove_folder(_folder(task))


def _folder(task: uuid.UUID | str) -> str:
    return f"{str(task)[:2]}/{task}"
