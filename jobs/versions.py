"""Versions of engines that live side by side: which one is meant, and what operators say of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from .contract.errors import EngineGone
from .crew import Crew
from .fleet import Fleet

LATEST = "latest"
PATTERN = r"latest|[0-9]+([.-][0-9A-Za-z]+)*"


@dataclass(frozen=True)
class Version:
    """A version of an engine, as it is listed."""

    version: str
    default: bool
    latest: bool
    deprecated: bool
    experimental: bool


def is_of(version: str, prefix: str) -> bool:
    """Tell whether a version is the one named, or its first numbers are: 7.1.5 is of 7.1."""
    return version == prefix or version.startswith((f"{prefix}.", f"{prefix}-"))


def newest_first(versions: Iterable[str]) -> list[str]:
    """Return the versions in order."""
    return sorted(versions, key=lambda version: [int(part) for part in re.findall(r"\d{1,9}", version)])[::-1]


def choose(engine: str, wanted: str, versions: Iterable[str]) -> str | None:
    """Return the version that is meant: the newest that fits, experimental ones last; None when none does."""
    fitting = [each for each in newest_first(versions) if wanted == LATEST or is_of(each, wanted)]
    return next((each for each in fitting if not is_experimental(engine, each)), next(iter(fitting), None))


def default(engine: str, crew: Crew) -> str | None:
    """Return the version used unasked: the operator's choice, else what workers have themselves."""
    chosen = settings.ATHANOR_ENGINE_DEFAULTS.get(engine)
    found = choose(engine, chosen, crew.versions.get(engine, ())) if chosen else None
    return found or next(iter(newest_first(crew.own.get(engine, ()))), None)


def recommended(engine: str, crew: Crew) -> str | None:
    """Return the version that somebody who must leave another one should use."""
    good = [
        each
        for each in newest_first(crew.versions.get(engine, ()))
        if not is_deprecated(engine, each) and not is_experimental(engine, each)
    ]
    usual = default(engine, crew)
    return usual if usual in good else next(iter(good), None)


def is_deprecated(engine: str, version: str) -> bool:
    """Tell whether the operator wants nobody to use it any more."""
    return _marked(settings.ATHANOR_ENGINE_DEPRECATED, engine, version)


def is_experimental(engine: str, version: str) -> bool:
    """Tell whether the operator does not vouch for it."""
    return _marked(settings.ATHANOR_ENGINE_EXPERIMENTAL, engine, version)


def listed(engine: str, crew: Crew) -> list[Version]:
    """Return an engine's versions, the newest first."""
    versions = newest_first(crew.versions.get(engine, ()))
    usual, latest = default(engine, crew), choose(engine, LATEST, versions)
    return [
        Version(
            version=each,
            default=each == usual,
            latest=each == latest,
            deprecated=is_deprecated(engine, each),
            experimental=is_experimental(engine, each),
        )
        for each in versions
    ]


def pin(engine: str, wanted: str | None, fleet: Fleet) -> str:
    """Return the one version of an engine that may run a hop; empty for any.

    :param wanted: what the customer asked for; without it, the operator's choice counts where it is there.
    :raises EngineGone: when nobody has the version asked for.
    """
    if not wanted:
        usual = settings.ATHANOR_ENGINE_DEFAULTS.get(engine)
        return (choose(engine, usual, fleet.live.versions.get(engine, ())) or "") if usual else ""
    if fleet.known is None:
        # Nobody knows yet; it is asked again when somebody does.
        return wanted
    for crew in _crews(engine, fleet):
        if found := choose(engine, wanted, crew.versions.get(engine, ())):
            return found
        if wanted == LATEST and engine in crew.engines:
            return ""
    there = ", ".join(askable(engine, fleet))
    raise EngineGone(
        f"{engine} has no version {wanted} here; there is {there or 'none that can be asked for'}."
    )


def askable(engine: str, fleet: Fleet) -> list[str]:
    """Return the versions that can be asked for, the newest first."""
    return newest_first({each for crew in _crews(engine, fleet) for each in crew.versions.get(engine, ())})


def _crews(engine: str, fleet: Fleet) -> list[Crew]:
    """Return whose versions count: those of who may be back soon, else of who had any."""
    return [crew for crew in (fleet.live, fleet.lately) if engine in crew.engines] or [fleet.known or Crew()]


def _marked(marks: Iterable[tuple[str, str]], engine: str, version: str) -> bool:
    return any(engine == marked and is_of(version, prefix) for marked, prefix in marks)
