"""What the rest of the service does with files, wherever they are kept."""

from __future__ import annotations

import functools
import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from . import azure_blob, folder, google_cloud, s3
from .address import AZURE, GOOGLE, Address
from .store import Advance, Arrived, Form, Shown, Store, Stored, Writing, unwatched


def store() -> Store:
    """Return the store that the settings name."""
    keys = settings.ATHANOR_FILE_STORE_ACCESS_KEY, settings.ATHANOR_FILE_STORE_SECRET_KEY
    return _store(settings.ATHANOR_FILE_STORE, *keys, settings.ATHANOR_FILES_DIR)


@functools.lru_cache(maxsize=1)
def _store(address: Address | None, access_key: str, secret_key: str, files_dir: Path) -> Store:
    if address is None:
        return folder.Folder(files_dir)
    if address.kind == AZURE:
        return azure_blob.Container(address, secret_key=secret_key)
    if address.kind == GOOGLE:
        return google_cloud.GoogleBucket(address, secret_key=secret_key)
    return s3.Bucket(address, access_key=access_key, secret_key=secret_key)


def save(
    source: Path, *, task: uuid.UUID | str, sha256: str | None = None, advance: Advance = unwatched
) -> Stored:
    """Move a file into the store and return what was stored, once it is there for good.

    :param sha256: its digest, when somebody already knows it.
    :raises DiskFull: when there is no room.
    """
    stored = Stored(new_key(task), source.stat().st_size, sha256 or digest(source))
    store().put(source, stored.key, advance)
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


def fetch(key: str, into: Path, *, advance: Advance = unwatched) -> None:
    """Put a stored file where a tool can read it; it must not be written to, for it may be the same file.

    :raises DiskFull: when there is no room.
    :raises FileGone: when the file has been removed.
    """
    store().fetch(key, into, advance)


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


def tidy(*, seconds: float) -> None:
    """Remove parts of files that nobody has gone on with for so long."""
    store().tidy(seconds=seconds)


def objection() -> str | None:
    """Return why the store cannot be used as it is; None when it can."""
    return store().objection()


def link(key: str, shown: Shown, *, seconds: int) -> str | None:
    """Return a URL of the store's own that gives a file for so long; None when there is none."""
    return store().link(key, shown, seconds=seconds)


def takes_forms() -> bool:
    """Tell whether clients may send files to the store past us."""
    return store().takes_forms


def form(task: uuid.UUID | str, *, seconds: int, most: int, fields: Mapping[str, str]) -> Form | None:
    """Return a form that the store itself takes a task's file with; None when it takes none.

    :param most: the largest file it takes, in bytes.
    :param fields: more fields to sign.
    """
    return store().form(f"{task}", seconds=seconds, most=most, fields=fields)


def arrivals() -> Iterator[uuid.UUID]:
    """Yield the tasks for which something has come by a form of the store's own."""
    for name in store().arrivals():
        with suppress(ValueError):
            yield uuid.UUID(name)


def adopt(task: uuid.UUID | str) -> Arrived:
    """Store what came first for a task as a file of it. What came stays, until it is dropped.

    :raises FileGone: when nothing has come.
    """
    return store().adopt(f"{task}", new_key(task))


def drop(task: uuid.UUID | str) -> None:
    """Remove all that has come for a task."""
    store().drop(f"{task}")


def _folder(task: uuid.UUID | str) -> str:
    return f"{str(task)[:2]}/{task}"
