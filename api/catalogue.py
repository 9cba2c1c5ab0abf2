"""What ``/v2/operations`` lists: every pair of formats with its engine, as the live workers can do it.

Answers are put together of rows that were encoded once: there are thousands, and only a change of the fleet
changes them.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass

from jobs import connections, planner, registry, versions
from jobs.contract import Operation, Option, formats
from jobs.crew import Crew

from . import representations

# The documented types; clients know no lists.
WIRE_TYPE = {"list": "string"}
INCLUDES = ("options", "engine_versions")
FILTERS = ("operation", "input_format", "output_format", "engine", "engine_version")
KEPT_BYTES = 32 * 1024 * 1024
"""With more than this at hand, answers are made afresh."""
SHORT_BYTES = 8 * 1024 * 1024
"""Who asks for the options of everything gets more than this."""
PACKING = 4
"""How hard they are compressed: twice as hard gains a tenth."""


@dataclass(frozen=True)
class Offer:
    """One row: an operation, its formats, and who does it."""

    record: Operation
    source: str | None
    target: str | None
    is_default: bool


@dataclass(frozen=True)
class Answer:
    """A list, encoded."""

    packed: bytes
    """Compressed."""
    tag: str
    """What changes with it."""
    short: bytes = b""
    """As it is, if it is short enough to be kept so."""

    @property
    def body(self) -> bytes:
        """As it is."""
        return self.short or gzip.decompress(self.packed)

    @property
    def size(self) -> int:
        """How many bytes are kept of it."""
        return len(self.packed) + len(self.short)


class Catalogue:
    """What a crew offers, ready to be listed."""

    def __init__(self, crew: Crew | None) -> None:
        self.crew = crew
        self.offers = tuple(offers(crew))
        self._rows = [_encoded(row(offer, crew or Crew()))[:-1] for offer in self.offers]
        self._more: dict[tuple[int, str], bytes] = {}
        self._answers: dict[object, Answer] = {}

    def answer(self, filters: Mapping[str, str], *, alternatives: bool, include: Collection[str]) -> Answer:
        """Return the rows that pass the filters, encoded."""
        asked = {name: filters[name] for name in FILTERS if name in filters}
        wanted = [name for name in INCLUDES if name in include]
        key = (*asked.items(), alternatives, *wanted)
        if key not in self._answers:
            if sum(each.size for each in self._answers.values()) > KEPT_BYTES:
                self._answers.clear()
            self._answers[key] = self._answer(asked, wanted, alternatives=alternatives)
        return self._answers[key]

    def _answer(self, filters: Mapping[str, str], wanted: Collection[str], *, alternatives: bool) -> Answer:
        rows = [
            self._rows[number] + self._including(self.offers[number], wanted) + b"}"
            for number in self.matching(filters, alternatives=alternatives)
        ]
        body = b'{"data":[' + b",".join(rows) + b"]}"
        packed = gzip.compress(body, PACKING, mtime=0)
        return Answer(
            packed, hashlib.sha256(body).hexdigest()[:32], body if len(body) <= SHORT_BYTES else b""
        )

    def matching(self, filters: Mapping[str, str], *, alternatives: bool) -> Iterator[int]:
        """Yield the numbers of the rows that pass; only default engines', unless alternatives are wanted."""
        name = filters.get("operation")
        operation = registry.OPERATION_ALIASES.get(name, name) if name else None
        source, target = _format(filters.get("input_format")), _format(filters.get("output_format"))
        engine, version = filters.get("engine"), filters.get("engine_version")
        # Who names an engine wants to know what it does, default or not.
        every = alternatives or bool(engine)
        for number, offer in enumerate(self.offers):
            if (
                (every or offer.is_default)
                and operation in {None, offer.record.name}
                and source in {None, offer.source}
                and target in {None, offer.target}
                and (not engine or offer.record.answers_to(engine))
                and (not version or self._has(offer.record.engine, version))
            ):
                yield number

    def _has(self, engine: str | None, version: str) -> bool:
        there = self.crew.versions.get(engine or "", ()) if self.crew else ()
        return versions.choose(engine or "", version, there) is not None

    def _including(self, offer: Offer, wanted: Collection[str]) -> bytes:
        found = b""
        for name in wanted:
            key = (id(offer.record), name)
            if key not in self._more:
                self._more[key] = f',"{name}":'.encode() + _encoded(self._include(offer.record, name))
            found += self._more[key]
        return found

    def _include(self, record: Operation, name: str) -> list[representations.Json]:
        if name == "options":
            return [option(each) for each in connections.options_of(record)]
        listed = versions.listed(record.engine, self.crew) if record.engine and self.crew else []
        return [asdict(each) for each in listed]


@functools.lru_cache(maxsize=2)
def _of(crew: Crew, _versions: object) -> Catalogue:
    return Catalogue(crew)


def of(crew: Crew) -> Catalogue:
    """Return what a crew offers, made once for each change of it."""
    with _MAKING:
        return _of(crew, (tuple(sorted(crew.versions.items())), tuple(sorted(crew.own.items()))))


_MAKING = threading.Lock()
"""It takes a while, and all who wait for it want the same."""


def offers(crew: Crew | None) -> Iterator[Offer]:
    """Yield every row: of all engines for a pair the default one first, imports and exports last."""
    names = dict.fromkeys(record.name for record in registry.public())
    for name in sorted(names, key=lambda name: (name.startswith(("import/", "export/")), name)):
        seen: set[tuple[str | None, str | None, str | None]] = set()
        for source, target, hops in planner.ways(name, crew):
            record = hops[-1].operation
            seen.add((source, target, record.engine))
            yield Offer(record, source, target, is_default=True)
        for record in planner.there(name, crew):
            for source, target in sorted(record.conversions, key=lambda pair: (pair[0] or "", pair[1] or "")):
                if (source, target, record.engine) not in seen:
                    seen.add((source, target, record.engine))
                    # Where an engine has to be named, none is the default one's alternative.
                    yield Offer(record, source, target, is_default=record.by_engine)


def row(offer: Offer, crew: Crew) -> representations.Json:
    """Return a row as JSON. It is experimental or deprecated if the version is that is used unasked."""
    engine = offer.record.engine or ""
    version = versions.default(engine, crew)
    return {
        "operation": representations.operation(offer.record.name),
        "input_format": offer.source,
        "output_format": offer.target,
        "engine": offer.record.engine,
        "credits": 0,
        "meta": {"group": formats.group(offer.target or offer.source)},
        "deprecated": bool(version) and versions.is_deprecated(engine, version or ""),
        "experimental": bool(version) and versions.is_experimental(engine, version or ""),
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


def _format(text: str | None) -> str | None:
    return formats.canonical(text) if text else None


def _encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def forget() -> None:
    """Look at the records again; for tests that add offers."""
    _of.cache_clear()
