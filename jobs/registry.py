"""What is declared: found by listing ``engines/`` and ``storage/``."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .contract import Operation

PACKAGES = ("engines", "storage")
OPERATION_ALIASES = {"import/azure-blob": "import/azure/blob", "export/azure-blob": "export/azure/blob"}


@dataclass(frozen=True)
class Hop:
    """One step of a task: files of one format to another, by one engine's record."""

    operation: Operation
    source: str
    target: str
    version: str = ""
    """The only version of the engine that may do it; empty for any."""

    @property
    def key(self) -> list[str]:
        """What identifies it in a row: operation, engine, source, target, and the version if it has one."""
        pinned = [self.version] if self.version else []
        return [self.operation.name, self.operation.engine or "", self.source, self.target, *pinned]


@functools.cache
def operations() -> tuple[Operation, ...]:
    """Return every declared operation record, in the order of module names."""
    found: list[Operation] = []
    for package in PACKAGES:
        listing = importlib.import_module(package).__path__
        for module in sorted(info.name for info in pkgutil.iter_modules(listing)):
            if not module.startswith("_") and module != "tests":
                found += getattr(importlib.import_module(f"{package}.{module}"), "OPERATIONS", ())
    return tuple(found)


def public() -> tuple[Operation, ...]:
    """Return the records that customers may ask for, and are shown."""
    return tuple(record for record in operations() if not record.hidden)


def hidden() -> frozenset[str]:
    """Return the names of the operations that only we ask for."""
    return frozenset(record.name for record in operations() if record.hidden)


def named(name: str) -> tuple[Operation, ...]:
    """Return the records of an operation by its name or alias; empty when nobody declares it."""
    name = OPERATION_ALIASES.get(name, name)
    return tuple(record for record in operations() if record.name == name)


def queues() -> tuple[str, ...]:
    """Return every queue that some record names."""
    return tuple(sorted({record.queue for record in operations() if record.queue}))


def engines_of(queue: str) -> frozenset[str]:
    """Return the engines whose tasks wait in a queue."""
    return frozenset(record.engine for record in operations() if record.queue == queue and record.engine)


def engines() -> Mapping[str, Operation]:
    """Return a record of every engine, by the engine's name."""
    return {record.engine: record for record in operations() if record.engine}


def hop(key: Iterable[str]) -> Hop:
    """Return the hop a row's key stands for.

    :raises LookupError: when this version of the service no longer offers it.
    """
    name, engine, source, target, *pinned = key
    for record in named(name):
        if (record.engine or "") != engine:
            continue
        if not record.conversions or record.offers(source or None, target or None):
            return Hop(record, source, target, *pinned)
    raise LookupError(f"{name} {source} to {target} by {engine or 'us'} is no longer offered")


def launcher() -> Any:
    """Return the module that starts external programs; found by name, as the engines are."""
    return importlib.import_module("engines._support.launcher")


def confinement() -> Any:
    """Return the module that knows how programs are locked in here."""
    return importlib.import_module("engines._support.confinement")


def forget() -> None:
    """Look at the folders again; for tests that add offers."""
    operations.cache_clear()
