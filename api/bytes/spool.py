"""Uploads that are not whole yet, on this machine's disk: what came stays, whatever becomes of its sender."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from uuid import UUID

from django.conf import settings

from api import threads
from jobs import files, services
from jobs.contract.errors import ApiError, DiskFull, InsufficientStorage, NotFound
from jobs.models import Task
from jobs.states import Status

log = logging.getLogger(__name__)

MOST = 4
"""Uploads of one task that are kept side by side; a page that is loaded anew begins another."""
DIRECT = "direct"
"""The upload of a task that was begun by sending it, and not by asking for one before."""
SWEEP_EVERY_SECONDS = 600.0
_SOME = 500


class Locked(ApiError):
    """Somebody is writing to it."""

    status = 423
    code = "LOCKED"
    message = "Another request is sending this upload just now."


def begin(task: UUID) -> str:
    """Make room for a new upload of a task and return its id; the one left alone longest makes way."""
    with _room():
        parts = sorted(_parts(task), key=_touched)
        for path in parts[: max(0, len(parts) + 1 - MOST)]:
            _remove(path)
        path = _path(task, uuid.uuid4().hex)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(exist_ok=False)
    return path.name


def look(task: UUID, upload: str) -> tuple[int, int | None]:
    """Return how many bytes of an upload are here for good, and how many they will be, if that was told.

    :raises NotFound: when there is no such upload.
    """
    path = _path(task, upload)
    try:
        kept = _number(path.with_suffix(".kept"))
        return path.stat().st_size if kept is None else kept, _number(path.with_suffix(".length"))
    except FileNotFoundError:
        if upload == DIRECT:
            return 0, None
        raise NotFound from None


def remove(task: UUID, upload: str) -> None:
    """Remove an upload; who is still sending it is told with its next piece.

    :raises NotFound: when there is none.
    """
    look(task, upload)
    _remove(_path(task, upload))


def remove_all(task: UUID) -> None:
    """Remove all of a task."""
    shutil.rmtree(_path(task, DIRECT).parent, ignore_errors=True)


def sweep() -> int:
    """Remove the uploads of tasks that wait for none any more; return of how many."""
    found = []
    for folder in Path(settings.ATHANOR_SPOOL_DIR).glob("??/*"):
        try:
            found.append(UUID(folder.name))
        except ValueError:
            continue
    removed = 0
    for first in range(0, len(found), _SOME):
        some = found[first : first + _SOME]
        waiting = Task.objects.filter(pk__in=some, operation=services.UPLOAD, status=Status.WAITING)
        for task in set(some) - set(waiting.values_list("pk", flat=True)):
            remove_all(task)
            removed += 1
    return removed


async def keep_swept() -> None:
    """Sweep now and then, for ever."""
    while True:
        try:
            if removed := await threads.database(sweep):
                log.info("Removed the unfinished uploads of %d tasks that have ended.", removed)
        except Exception:
            log.exception("The spool could not be swept.")
        await asyncio.sleep(SWEEP_EVERY_SECONDS)


class Part:
    """An upload that is being written to, by nobody else meanwhile; for use in one thread after the other."""

    def __init__(self, task: UUID, upload: str) -> None:
        """Open it.

        :raises NotFound: when there is no such upload.
        :raises Locked: when somebody else is writing to it.
        """
        self._path = _path(task, upload)
        self._task = task
        # A request that is cancelled while it writes closes from another thread.
        self._lock = threading.Lock()
        with _room():
            if upload == DIRECT:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = _opened(self._path, create=upload == DIRECT)
        self._settle()
        self.offset = self._file.seek(0, os.SEEK_END)

    def expect(self, length: int) -> None:
        """Remember how many bytes it will be."""
        with self._lock, _room():
            _write(self._path.with_suffix(".length"), length)

    def hold(self) -> None:
        """Count nothing of what comes before it is kept, even if this process dies."""
        with self._lock, _room():
            _write(self._path.with_suffix(".kept"), self.offset)

    def write(self, pieces: Sequence[bytes]) -> None:
        """Add what came.

        :raises NotFound: when the upload was removed meanwhile.
        """
        with self._lock, _room():
            if not os.fstat(self._file.fileno()).st_nlink:
                raise NotFound
            for piece in pieces:
                left = memoryview(piece)
                while left:
                    sent = self._file.write(left)
                    self.offset += sent
                    left = left[sent:]

    def keep(self) -> None:
        """Return once all that came is on the disk."""
        with self._lock, _room():
            os.fsync(self._file.fileno())
            self._path.with_suffix(".kept").unlink(missing_ok=True)

    def store(self) -> files.Stored:
        """Put the whole file into the store; it stays here too, until it is known that it was published."""
        with self._lock, _room():
            whole = self._path.with_suffix(".whole")
            whole.unlink(missing_ok=True)
            try:
                os.link(self._path, whole)
            except FileNotFoundError:
                raise NotFound from None
            return files.save(whole, task=self._task)

    def close(self) -> None:
        """Let others write; what was held back and not kept is gone."""
        with self._lock:
            if not self._file.closed:
                self._settle()
                self._file.close()

    def _settle(self) -> None:
        kept = self._path.with_suffix(".kept")
        size = _number(kept)
        if size is not None:
            self._file.truncate(size)
            kept.unlink(missing_ok=True)


def _opened(path: Path, *, create: bool) -> FileIO:
    try:
        file = FileIO(os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600), "r+")
    except FileNotFoundError:
        raise NotFound from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Locked from None
    if not os.fstat(file.fileno()).st_nlink:
        file.close()
        raise NotFound
    return file


def _path(task: UUID, upload: str) -> Path:
    return Path(settings.ATHANOR_SPOOL_DIR, f"{task}"[:2], f"{task}", upload)


def _parts(task: UUID) -> list[Path]:
    folder = _path(task, DIRECT).parent
    return [path for path in folder.iterdir() if not path.suffix] if folder.exists() else []


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        # Another request has just made it make way.
        return 0.0


def _remove(path: Path) -> None:
    for each in (path, *(path.with_suffix(suffix) for suffix in (".kept", ".length", ".whole"))):
        each.unlink(missing_ok=True)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except FileNotFoundError:
        return None


def _write(path: Path, number: int) -> None:
    # Never half a number, whenever we die.
    written = path.with_suffix(f"{path.suffix}.new")
    written.write_text(f"{number}")
    written.replace(path)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except DiskFull as error:
        raise InsufficientStorage from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise InsufficientStorage from error
        raise
