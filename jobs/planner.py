"""Routes: the cheapest way from one format to another, over the engines that are there."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from . import registry
from .contract import Operation
from .crew import Crew
from .registry import Hop

MAX_HOPS = 3
CONVERT = "convert"

# Formats a route may pass through, with what that adds to its cost: the more of what customers want is lost
# on the way, the more.
BETWEEN = {
    # What looks the same afterwards, page for page, or holds every sample.
    **dict.fromkeys(("pdf", "tar", "ttf"), 0.3),
    # What keeps text and structure, but not every office's layout; or every pixel and sample.
    **dict.fromkeys(("docx", "odt", "xlsx", "ods", "pptx", "odp", "svg", "tiff", "wav"), 0.5),
    # One picture of what may have been pages, layers or curves.
    **dict.fromkeys(("eps", "png", "ps"), 0.8),
    # Text flows anew: pages are gone, and much of how they looked.
    **dict.fromkeys(("epub", "html"), 1.0),
    **dict.fromkeys(("md", "rtf"), 1.5),
    # Something is lost for good.
    **dict.fromkeys(("csv", "jpg"), 2.0),
}


@dataclass(frozen=True)
class Way:
    """Hops, and what they cost with the detours between them."""

    cost: float
    hops: tuple[Hop, ...] = ()

    def on(self, record: Operation, source: str, target: str, *, detour: float = 0.0) -> Way:
        """Return this way with one more hop."""
        return Way(self.cost + record.cost + detour, (*self.hops, Hop(record, source, target)))


def there(name: str, crew: Crew | None) -> tuple[Operation, ...]:
    """Return the records of an operation that a crew can run; all that are declared for no crew."""
    return tuple(record for record in registry.named(name) if crew is None or crew.has(record))


def engine_for(name: str, engine: str, crew: Crew | None) -> str:
    """Return the engine that does the work of the one asked for: its fallback where nobody has it."""
    answering = [record for record in registry.operations() if record.answers_to(engine)]
    if crew is None or any(crew.has(record) for record in answering):
        return engine
    named = [record for record in answering if record.name == name] or answering
    return next((record.fallback for record in named if record.fallback), engine)


def route(
    name: str,
    source: str,
    target: str,
    *,
    engine: str | None = None,
    crew: Crew | None = None,
    options: Collection[str] = (),
) -> tuple[Hop, ...]:
    """Return the cheapest way from one format to another; empty when there is none.

    The operation asked for does the last hop; conversions lead to it. An engine asked for must take part.
    Where several engines do it in one hop, the cheapest of those counts that know the most of the options.

    :param target: empty for an operation that makes no other format; nothing leads to it.
    :param crew: who is there; None for everybody who is declared.
    :param options: the names of those given.
    """
    chart = _chart(crew)
    ways = chart.ways(source, engine) if target else {(source, engine is None): Way(0.0)}
    found = [
        way.on(record, takes, target)
        for (here, used), way in ways.items()
        if not way.hops or _leads(name, way, target)
        for record, takes in chart.last(name, here, target)
        if used or record.answers_to(engine or "")
    ]
    if not found:
        return ()
    best = min(found, key=lambda way: (way.cost, len(way.hops)))
    if options and len(best.hops) == 1:
        direct = sorted((way for way in found if len(way.hops) == 1), key=lambda way: way.cost)
        best = max(direct, key=lambda way: _known(way.hops[0].operation, options))
    return best.hops


def cost(hops: Iterable[Hop]) -> float:
    """Return what a route costs."""
    steps = list(hops)
    detours = sum(_detour(step.operation, step.target) or 0.0 for step in steps[:-1])
    return sum(step.operation.cost for step in steps) + detours


def offered(
    name: str, source: str | None, target: str | None, *, engine: str | None = None, crew: Crew | None = None
) -> bool:
    """Tell whether the operation can be asked for these formats; None where a format is not yet known."""
    records = [record for record in there(name, crew) if record.conversions]
    if not records:
        return not registry.named(name)[0].conversions
    pairs = {pair for record in records for pair in record.conversions}
    if target not in {end for _, end in pairs}:
        return False
    if source is None or (None, target) in pairs:
        return True
    return bool(route(name, source, target or "", engine=engine, crew=crew))


def plan(
    name: str,
    sources: Iterable[str],
    target: str,
    *,
    engine: str | None = None,
    crew: Crew | None = None,
    options: Collection[str] = (),
) -> tuple[Hop, ...] | None:
    """Return the hops that bring files of all these formats to the target, in an order that works.

    Files of each format take the hops of their own route and wait through the others'. None when one of the
    formats has no way there.
    """
    steps: dict[tuple[str, ...], tuple[int, Hop]] = {}
    for source in dict.fromkeys(sources):
        way = route(name, source, target, engine=engine, crew=crew, options=options)
        if not way:
            return None
        for index, step in enumerate(way):
            left = len(way) - index
            known = steps.get(tuple(step.key))
            steps[tuple(step.key)] = (max(left, known[0] if known else 0), step)
    ordered = sorted(steps.values(), key=lambda item: -item[0])
    return tuple(step for _, step in ordered)


def ways(name: str, crew: Crew | None) -> Iterator[tuple[str | None, str | None, tuple[Hop, ...]]]:
    """Yield every pair an operation can be asked for, with the cheapest way.

    A side it does not have is None.
    """
    records = there(name, crew)
    if records and not any(record.conversions for record in records):
        yield None, None, (Hop(records[0], "", ""),)
    for source, target in sorted({p for r in records for p in r.conversions if None in p}, key=_order):
        doers = (record for record in records if (source, target) in record.conversions)
        cheapest = min(doers, key=lambda record: record.cost)
        yield source, target, (Hop(cheapest, source or "", target or ""),)
    own = {source for record in records for source, target in record.conversions if source and target}
    chart = _chart(crew)
    for start in sorted(own | chart.starts if own else ()):
        for end, way in sorted(_cheapest(chart, name, start).items()):
            yield start, end, way.hops


def _cheapest(chart: _Chart, name: str, source: str) -> dict[str, Way]:
    """Return the cheapest way from a format to every other."""
    # The way itself is built once it is known to be the best: there are millions of others.
    best: dict[str, tuple[float, int, Way, str, Operation]] = {}
    for (here, _), way in chart.ways(source, None).items():
        length = len(way.hops)
        for target, doers in chart.doers(name, here).items():
            if not target:
                continue
            rank = (way.cost + doers[0].cost, length)
            known = best.get(target)
            is_better = not known or rank < known[:2]
            if is_better and (not length or _leads(name, way, target)):
                best[target] = (*rank, way, here, doers[0])
    return {
        target: way.on(record, here, target)
        for target, (_, _, way, here, record) in best.items()
        if source != target or not way.hops
    }


def _leads(name: str, way: Way, target: str) -> bool:
    """Tell whether a way makes sense before the last hop: one conversion does not undo another."""
    return name != CONVERT or all(target not in {step.source, step.target} for step in way.hops)


def _detour(record: Operation, target: str) -> float | None:
    """Return what it costs to go on from what a record makes; None where that makes no sense."""
    if record.final:
        return None
    return 0.0 if record.between else BETWEEN.get(target)


def _known(record: Operation, options: Collection[str]) -> int:
    return sum(option.name in options for option in record.options)


def _order(pair: tuple[str | None, str | None]) -> tuple[str, str]:
    return pair[0] or "", pair[1] or ""


Doers = Mapping[str, tuple[Operation, ...]]


class _Chart:
    """Who makes which format of which, for one crew; and the ways that need no last hop yet."""

    def __init__(self, crew: Crew | None) -> None:
        self._crew = crew
        self._doers: dict[str, dict[str, dict[str, tuple[Operation, ...]]]] = {}
        self._ways: dict[tuple[str, str | None], dict[tuple[str, bool], Way]] = {}
        self._passing: dict[str, list[tuple[str, Operation, float]]] = {}
        self.starts = frozenset(self._of(CONVERT)) - {""}

    def doers(self, name: str, source: str) -> Doers:
        """Return who makes which format of this one, the cheapest first."""
        return self._of(name).get(source, {})

    def last(self, name: str, source: str, target: str) -> Iterator[tuple[Operation, str]]:
        """Yield who may do the last hop, and the format it says it takes: empty for any."""
        for takes in dict.fromkeys((source, "")):
            for record in self.doers(name, takes).get(target, ()):
                yield record, takes

    def ways(self, source: str, engine: str | None) -> Mapping[tuple[str, bool], Way]:
        """Return the cheapest way to every format that a last hop may begin with, the source itself first.

        Keys also tell whether the engine asked for has taken part; always, when none is.
        """
        key = (source, engine)
        if key not in self._ways:
            self._ways[key] = self._found(source, engine)
        return self._ways[key]

    def _found(self, source: str, engine: str | None) -> dict[tuple[str, bool], Way]:
        known = {(source, engine is None): Way(0.0)}
        reached = dict(known)
        for _ in range(MAX_HOPS - 1):
            begun, reached = reached, {}
            for (here, used), way in begun.items():
                for target, record, detour in self._steps(here):
                    key = (target, used or record.answers_to(engine or ""))
                    longer = way.cost + record.cost + detour
                    if any(longer >= ways[key].cost for ways in (known, reached) if key in ways):
                        continue
                    if target != source and all(target != step.target for step in way.hops):
                        reached[key] = way.on(record, here, target, detour=detour)
            known |= reached
        return known

    def _steps(self, source: str) -> list[tuple[str, Operation, float]]:
        """Return the conversions of a format that a route may go on from, each format's cheapest first."""
        if source not in self._passing:
            self._passing[source] = [
                (target, record, detour)
                for target, doers in self.doers(CONVERT, source).items()
                for record in doers
                if (detour := _detour(record, target)) is not None
            ]
        return self._passing[source]

    def _of(self, name: str) -> dict[str, dict[str, tuple[Operation, ...]]]:
        if name not in self._doers:
            found: dict[str, dict[str, list[Operation]]] = defaultdict(lambda: defaultdict(list))
            for record in sorted(there(name, self._crew), key=lambda record: record.cost):
                for source, target in sorted(record.conversions, key=_order):
                    found[source or ""][target or ""].append(record)
            self._doers[name] = {
                source: {target: tuple(doers) for target, doers in targets.items()}
                for source, targets in found.items()
            }
        return self._doers[name]


@functools.lru_cache(maxsize=8)
def _chart(crew: Crew | None) -> _Chart:
    return _Chart(crew)


def forget() -> None:
    """Look at the records again; for tests that add offers."""
    _chart.cache_clear()
