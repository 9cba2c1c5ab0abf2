"""Stores that take whole files only: what comes piece by piece lies on this machine until it is whole."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jobs.contract.errors import FileStoreUnreachable


class Writing:
    """A file that comes piece by piece."""

    def __init__(self, key: str, *, put: Callable[[Path], None], remove: Callable[[], None]) -> None:
        """Begin.

        :param put: stores the whole file.
        :param remove: removes it again.
        """
        self.key = key
        self._put, self._remove = put, remove
        self._file = tempfile.NamedTemporaryFile(prefix="athanor-upload-", delete=False)  # noqa: SIM115
        self._path = Path(self._file.name)

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def close(self) -> None:
        self._file.close()
        self._put(self._path)

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)
        # The log has it; what stays is swept with its task.
        with suppress(FileStoreUnreachable):
            self._remove()
