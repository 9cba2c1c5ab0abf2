"""What Azure and Google have in common as stores, by django-storages.

It serves for the connection, for storing whole files and for signing links. It would read whole files, copy
them through this machine and tell no times in a listing: for these its storages hold the vendors' own SDKs.
"""

from __future__ import annotations

import io
from abc import abstractmethod
from pathlib import Path
from typing import Any

from django.core.files import File

from jobs.contract.errors import FileGone, FileStoreUnreachable

from .address import Address
from .remote import FILES, Remote
from .spooled import Writing
from .store import Advance, NoForms, unwatched

BLOCK = 4 * 1024**2
"""How much the SDKs fetch at once, and hold in memory."""
COPY_SECONDS = 3600.0
"""How long a copy on their side may take."""


class Vendor(NoForms, Remote):
    """The store in a container or bucket of theirs."""

    def __init__(self, address: Address, *, secret_key: str) -> None:
        self._address, self._secret = address, secret_key

    @property
    @abstractmethod
    def storage(self) -> Any:
        """The storage of django-storages."""

    @abstractmethod
    def is_final(self, error: BaseException | None) -> bool:
        """Tell whether the vendor refused, and not only failed to answer."""

    def put(self, source: Path, key: str, advance: Advance) -> None:
        with self.asking(), _Watched(source, advance) as file:
            self.storage.save(self.at(key), File(file))
        source.unlink()

    def begin(self, key: str) -> Writing:
        return Writing(
            key, put=lambda path: self.put(path, key, unwatched), remove=lambda: self.remove([key])
        )

    def delete(self, name: str) -> None:
        self.storage.delete(f"{self._address.prefix}{name}")

    def tidy(self, *, seconds: float) -> None:
        pass  # Both forget within a week what was not completed.

    def objection(self) -> str | None:
        try:
            next(self.listed(FILES), None)
        except (FileGone, FileStoreUnreachable) as error:
            # One that only does not answer just now is waited for.
            if self.is_final(error.__cause__):
                why = f"{error.__cause__}".partition("\n")[0]
                return f"The bucket of ATHANOR_FILE_STORE cannot be used: {why}"
        return None

    def at(self, key: str) -> str:
        """Return the name of a file's object."""
        return f"{self._address.prefix}{FILES}{key}"


class _Watched(io.FileIO):
    """A file that tells how much is read of it."""

    def __init__(self, path: Path, advance: Advance) -> None:
        super().__init__(path)
        self._advance = advance

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(-1 if size is None else size)
        self._advance(len(data))
        return data
