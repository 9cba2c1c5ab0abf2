"""What ``/v2/operations`` lists: every pair of formats with its engine, straight from the records."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jobs import registry
from jobs.contract import Operation, Option, formats

from . import representations

# The documented types; clients know no lists.
WIRE_TYPE = {"list": "string"}


@dataclass(frozen=True)
class Offer:
    """One row: an operation, its formats, and who does it."""

    record: Operation
    source: str | None
    target: str | None
    is_default: bool


@functools.cache
def offers() -> tuple[Offer, ...]:
    """Return every row: of all engines for a pair the default one first, imports and exports last."""
    names = dict.fromkeys(record.name for record in registry.operations())
    ordered = sorted(names, key=lambda name: (name.startswith(("import/", "export/")), name))
    return tuple(offer for name in ordered for offer in _of(name))


def matching(
    filters: Mapping[str, str], *, alternatives: bool, versions: Mapping[str, list[str]]
) -> list[Offer]:
    """Return the rows that pass the filters; only the default engine's, unless alternatives are wanted."""
    wanted = {
        "operation": registry.OPERATION_ALIASES.get(filters.get("operation", ""), filters.get("operation")),
        "input_format": _format(filters.get("input_format")),
        "output_format": _format(filters.get("output_format")),
        "engine": filters.get("engine"),
    }
    # Who names an engine wants to know what it does, default or not.
    every = alternatives or bool(wanted["engine"])
    version = filters.get("engine_version")
    return [
        offer
        for offer in offers()
        if (every or offer.is_default)
        and wanted["operation"] in {None, offer.record.name}
        and wanted["input_format"] in {None, offer.source}
        and wanted["output_format"] in {None, offer.target}
        and wanted["engine"] in {None, offer.record.engine}
        and (not version or version in versions.get(offer.record.engine or "", ()))
    ]


def row(offer: Offer) -> representations.Json:
    """Return a row as JSON."""
    return {
        "operation": representations.operation(offer.record.name),
        "input_format": offer.source,
        "output_format": offer.target,
        "engine": offer.record.engine,
        "credits": 0,
        "meta": {"group": formats.group(offer.target or offer.source)},
        "deprecated": False,
        "experimental": False,
    }


def option(declared: Option) -> representations.Json:
    """Return an option as JSON; Java reads the default as a string and the values as strings."""
    default = declared.default
    return {
        "name": declared.name,
        "type": WIRE_TYPE.get(declared.type, declared.type),
        "default": json.dumps(default) if isinstance(default, dict | list | tuple) else default,
        "possible_values": list(declared.values),
    }


def engine_versions(versions: Iterable[str]) -> list[representations.Json]:
    """Return an engine's versions, the newest first."""
    newest = sorted(versions, key=_numbers, reverse=True)
    return [
        {
            "version": version,
            "default": version == newest[0],
            "latest": version == newest[0],
            "deprecated": False,
            "experimental": False,
        }
        for version in newest
    ]


def _of(name: str) -> Iterator[Offer]:
    records = registry.named(name)
    seen: set[tuple[str | None, str | None, str | None]] = set()
    for source, target, record in _defaults(name, records):
        seen.add((source, target, record.engine))
        yield Offer(record, source, target, is_default=True)
    for record in records:
        for source, target in sorted(record.conversions, key=_order):
            if (source, target, record.engine) not in seen:
                seen.add((source, target, record.engine))
                yield Offer(record, source, target, is_default=False)


def _defaults(
    name: str, records: tuple[Operation, ...]
) -> Iterator[tuple[str | None, str | None, Operation]]:
    """Return each pair that can be asked for, over several hops too, with who does its last hop."""
    offered = {pair for record in records for pair in record.conversions}
    if not offered:
        yield None, None, records[0]
        return
    named = sorted({source for source, _ in offered if source} | set(_starts()) if _chains(records) else ())
    targets = sorted({target for _, target in offered if target})
    for pair in sorted(offered, key=_order):
        if None in pair:
            yield *pair, min((r for r in records if pair in r.conversions), key=lambda r: r.cost)
    for source in named:
        for target in targets:
            if source != target or (source, target) in offered:
                hops = registry.route(name, source, target)
                if hops:
                    yield source, target, hops[-1].operation


def _chains(records: tuple[Operation, ...]) -> bool:
    """Tell whether conversions may lead to these: not for what takes any format."""
    return any(source for record in records for source, _ in record.conversions)


def _starts() -> list[str]:
    return [source for record in registry.named("convert") for source, _ in record.conversions if source]


def _order(pair: tuple[str | None, str | None]) -> tuple[str, str]:
    return pair[0] or "", pair[1] or ""


def _format(text: str | None) -> str | None:
    return formats.canonical(text) if text else None


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d{1,9}", version)]


def forget() -> None:
    """Look at the records again; for tests that add offers."""
    offers.cache_clear()
