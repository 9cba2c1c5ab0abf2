"""What is on offer: found by listing ``engines/`` and ``storage/``, and routes through it."""

from __future__ import annotations

import functools
import heapq
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .contract import Operation

PACKAGES = ("engines", "storage")
MAX_HOPS = 3
OPERATION_ALIASES = {"import/azure-blob": "import/azure/blob", "export/azure-blob": "export/azure/blob"}

# Formats a route may pass through, with what that adds to its cost: the more is lost on the way, the more.
BETWEEN = {"pdf": 0.0, "png": 0.5, "wav": 0.5}


@dataclass(frozen=True)
class Hop:
    """One step of a task: files of one format to another, by one engine's record."""

    operation: Operation
    source: str
    target: str

    @property
    def key(self) -> list[str]:
        """What identifies it in a row: operation, engine, source and target."""
        return [self.operation.name, self.operation.engine or "", self.source, self.target]


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


def named(name: str) -> tuple[Operation, ...]:
    """Return the records of an operation by its name or alias; empty when nobody declares it."""
    name = OPERATION_ALIASES.get(name, name)
    return tuple(record for record in operations() if record.name == name)


def queues() -> tuple[str, ...]:
    """Return every queue that some record names."""
    return tuple(sorted({record.queue for record in operations() if record.queue}))


def engines() -> Mapping[str, Operation]:
    """Return a record of every engine, by the engine's name."""
    return {record.engine: record for record in operations() if record.engine}


def hop(key: Iterable[str]) -> Hop:
    """Return the hop a row's key stands for.

    :raises LookupError: when this version of the service no longer offers it.
    """
    name, engine, source, target = key
    for record in named(name):
        if (record.engine or "") != engine:
            continue
        if not record.conversions or record.offers(source or None, target or None):
            return Hop(record, source, target)
    raise LookupError(f"{name} {source} to {target} by {engine or 'us'} is no longer offered")


def route(name: str, source: str, target: str, *, engine: str | None = None) -> tuple[Hop, ...]:
    """Return the cheapest way from one format to another; empty when there is none.

    The operation asked for does the last hop; conversions lead to it. An engine asked for must take part.

    :param target: empty for an operation that makes no other format; nothing leads to it.
    """
    last = [record for record in named(name) if record.conversions]
    best: tuple[float, tuple[Hop, ...]] | None = None
    for cost, way in _ways(source) if target else ((0.0, ()),):
        here = way[-1].target if way else source
        for record in last:
            if not record.offers(here, target or None):
                continue
            # What takes any format takes all of them at once.
            takes = here if (here, target or None) in record.conversions else ""
            hops = (*way, Hop(record, takes, target))
            if engine and not any(step.operation.answers_to(engine) for step in hops):
                continue
            total = cost + record.cost
            if best is None or total < best[0]:
                best = (total, hops)
    return best[1] if best else ()


def offered(name: str, source: str | None, target: str | None, *, engine: str | None = None) -> bool:
    """Tell whether the operation can be asked for these formats; None where a format is not yet known."""
    records = [record for record in named(name) if record.conversions]
    if not records:
        return True
    sources = {s for record in records for s, _ in record.conversions}
    targets = {t for record in records for _, t in record.conversions}
    if target not in targets:
        return False
    if source is None or None in sources:
        return True
    return bool(route(name, source, target or "", engine=engine))


@functools.cache
def _ways(source: str) -> tuple[tuple[float, tuple[Hop, ...]], ...]:
    """Return the cheapest way to every format reachable by conversions, the source itself first."""
    settled: dict[str, tuple[float, tuple[Hop, ...]]] = {}
    heap: list[tuple[float, int, str, tuple[Hop, ...]]] = [(0.0, 0, source, ())]
    number = 0
    while heap:
        cost, _, here, way = heapq.heappop(heap)
        if here in settled:
            continue
        settled[here] = (cost, way)
        if len(way) >= MAX_HOPS - 1:
            continue
        for record in named("convert"):
            for start, end in record.conversions:
                passes = record.between or end in BETWEEN
                if start == here and end and passes and end not in settled:
                    number += 1
                    step = (*way, Hop(record, here, end))
                    detour = BETWEEN.get(end, 0.0)
                    heapq.heappush(heap, (cost + record.cost + detour, number, end, step))
    return tuple(settled.values())


def plan(
    name: str, sources: Iterable[str], target: str, *, engine: str | None = None
) -> tuple[Hop, ...] | None:
    """Return the hops that bring files of all these formats to the target, in an order that works.

    Files of each format take the hops of their own route and wait through the others'. None when one of the
    formats has no way there.
    """
    steps: dict[tuple[str, ...], tuple[int, Hop]] = {}
    for source in dict.fromkeys(sources):
        way = route(name, source, target, engine=engine)
        if not way:
            return None
        for index, step in enumerate(way):
            left = len(way) - index
            known = steps.get(tuple(step.key))
            steps[tuple(step.key)] = (max(left, known[0] if known else 0), step)
    ordered = sorted(steps.values(), key=lambda item: -item[0])
    return tuple(step for _, step in ordered)


def launcher() -> Any:
    """Return the module that starts external programs; found by name, as the engines are."""
    return importlib.import_module("engines._support.launcher")


def confinement() -> Any:
    """Return the module that knows how programs are locked in here."""
    return importlib.import_module("engines._support.confinement")


def forget() -> None:
    """Look at the folders again; for tests that add offers."""
    operations.cache_clear()
    _ways.cache_clear()
