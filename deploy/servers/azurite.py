"""Azurite, Microsoft's own stand-in for Azure Blob Storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .starting import NODE, PYTHON, free_port, listens, running

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Every Azurite's key, from its documentation."""


@dataclass(frozen=True)
class Azurite:
    """One that runs."""

    port: int
    account: str = ACCOUNT
    key: str = KEY

    @property
    def endpoint(self) -> str:
        """Where the account is."""
        return f"http://127.0.0.1:{self.port}/{self.account}"


@contextmanager
def azurite(folder: Path) -> Iterator[Azurite]:
    """Run one for as long as the block lasts; what it stores goes into the folder."""
    port = free_port()
    argv: list[str | Path] = [
        *(
            "azurite-blob",
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            f"{port}",
            "--location",
            folder,
            "--silent",
        ),
        # The SDK speaks a newer version than it knows, and it would tell Microsoft of its use.
        *("--skipApiVersionCheck", "--disableTelemetry"),
    ]
    path = f"{NODE}:{PYTHON}:/usr/local/bin:/usr/bin:/bin"
    with running(
        ["/usr/bin/env", *argv],
        log=folder / "azurite.log",
        ready=lambda: listens(port),
        environment={"PATH": path},
    ):
        yield Azurite(port)
