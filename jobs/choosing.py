"""Which engines' records a payload can mean: by its formats, its engine, and the version of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import fleet, planner, versions
from .contract import Operation, formats
from .contract.errors import EngineGone, UnsupportedConversion
from .crew import Crew

UNSUPPORTED = UnsupportedConversion.message


@dataclass
class Choice:
    """The records that can be meant; none where there is a problem."""

    records: tuple[Operation, ...] = ()
    read: dict[str, str] = field(default_factory=dict)
    """What was said of formats and version, as we spell it."""
    problems: dict[str, str] = field(default_factory=dict)
    """What is wrong, by the option it is about."""


def choose(operation: str, common: Mapping[str, Any]) -> Choice:
    """Return which records of an operation can be meant, of those that some worker had within a day.

    :param common: the options that every operation has, read.
    """
    now = fleet.look()
    records = planner.there(operation, now.known)
    if not records:
        return Choice(problems={"operation": f"No worker here serves the operation {operation}."})
    engine = planner.engine_for(operation, common["engine"], now.known) if common["engine"] else None
    if problem := _problem_of_engine(records, engine):
        return Choice(problems={"engine": problem})
    choice = _by_formats(operation, records, common, engine, now.known)
    if common["engine_version"] and choice.records:
        _pin(choice, common["engine_version"], common["engine"], now)
    return choice


def _problem_of_engine(records: tuple[Operation, ...], engine: str | None) -> str:
    known = ", ".join(sorted({record.engine for record in records if record.engine}))
    if not engine and any(record.by_engine for record in records):
        return f"The engine field is required; it must be one of: {known}."
    if engine and known and not any(record.answers_to(engine) for record in records):
        return f"The engine must be one of: {known}."
    return ""


def _refused_target(records: tuple[Operation, ...], target: str) -> str:
    pairs = {pair for record in records for pair in record.conversions}
    known = sorted({end for _, end in pairs if end})
    if target in known:
        return UNSUPPORTED
    named = f"The output_format must be one of: {', '.join(known)}."
    return f"{UNSUPPORTED}. {named}" if any(source for source, _ in pairs) else named


def _by_formats(
    operation: str,
    records: tuple[Operation, ...],
    common: Mapping[str, Any],
    engine: str | None,
    crew: Crew | None,
) -> Choice:
    source = formats.canonical(common["input_format"]) if common["input_format"] else None
    with_targets = [record for record in records if any(target for _, target in record.conversions)]
    if not with_targets:
        return _of_kept_format(records, source, engine)
    if not common["output_format"]:
        return Choice(problems={"output_format": "The output_format field is required."})
    target = formats.canonical(common["output_format"])
    read = {"output_format": target, **({"input_format": source} if source else {})}
    if not planner.offered(operation, source, target, engine=engine, crew=crew):
        return Choice(read=read, problems={"output_format": _refused_target(records, target)})
    hops = planner.route(operation, source, target, engine=engine, crew=crew) if source else ()
    found = tuple(
        record
        for record in with_targets
        if any(end == target for _, end in record.conversions) and (not engine or record.answers_to(engine))
    )
    return Choice(tuple(hop.operation for hop in hops) or found, read)


def _of_kept_format(records: tuple[Operation, ...], source: str | None, engine: str | None) -> Choice:
    """Return what can be meant of an operation that makes no other format of its input."""
    found = tuple(record for record in records if not engine or record.answers_to(engine))
    if not source or not any(record.conversions for record in records):
        return Choice(found)
    read = {"input_format": source}
    found = tuple(record for record in found if record.offers(source, None))
    if not found:
        known = sorted({start for record in records for start, _ in record.conversions if start})
        return Choice(
            read=read, problems={"input_format": f"The input_format must be one of: {', '.join(known)}."}
        )
    return Choice(found, read)


def _pin(choice: Choice, wanted: str, engine: str | None, now: fleet.Fleet) -> None:
    """Check the version against the engines that can be meant; any of them will do."""
    choice.read["engine_version"] = wanted
    named = [record for record in choice.records if not engine or record.answers_to(engine)]
    engines = sorted({record.engine for record in named if record.engine})
    for each in engines:
        try:
            versions.pin(each, wanted, now)
        except EngineGone:
            continue
        return
    if engines:
        there = {each: versions.askable(each, now) for each in engines}
        text = "; ".join(f"{', '.join(found)} of {each}" for each, found in there.items() if found)
        problem = f"one of: {text}." if text else f"left out: there are none of {' and '.join(engines)}."
        choice.problems["engine_version"] = f"The engine_version must be {problem}"
