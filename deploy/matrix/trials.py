"""What is tried: which file with which row of the catalogue. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.contract import formats

LEFT_OUT = ("import/", "export/", "command", "capture-website", "archive/extract")
"""Operations that take no file of a format, or whose outcome depends on what is in it."""
NEEDED: Mapping[str, Mapping[str, Any]] = {
    "watermark": {"text": "Athanor"},
    "metadata/write": {"metadata": {"Title": "Athanor"}},
    "pdf/encrypt": {"set_password": "opus"},
    "pdf/extract-pages": {"pages": "1"},
    "pdf/rotate-pages": {"rotation": "+90"},
}
"""Options that an operation cannot do without."""


@dataclass(frozen=True)
class Sample:
    """A file to try things with."""

    path: Path
    format: str
    fault: str = ""
    """What is wrong with it: empty, cut, noise, or nothing."""
    name: str = ""
    """What the customer calls it."""


@dataclass(frozen=True)
class Trial:
    """One file, one row of the catalogue."""

    sample: Sample
    operation: str
    target: str | None
    engine: str | None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def payload(self) -> dict[str, Any]:
        """What a client sends, besides the input."""
        asked = {"output_format": self.target, "engine": self.engine, "input_format": self.sample.format}
        return {"operation": self.operation, **{k: v for k, v in asked.items() if v}, **self.options}

    def __str__(self) -> str:
        fault = f" ({self.sample.fault})" if self.sample.fault else ""
        target = f" to {self.target}" if self.target else ""
        return f"{self.operation} {self.sample.path.name}{fault}{target} by {self.engine}"


Row = Mapping[str, Any]
"""A row of ``/v2/operations``."""


def trials(rows: Iterable[Row], samples: Sequence[Sample]) -> list[Trial]:
    """Return every row with every sample of its input format."""
    by_format: dict[str, list[Sample]] = {}
    for sample in samples:
        by_format.setdefault(sample.format, []).append(sample)
    found = []
    for row in rows:
        if row["operation"].startswith(LEFT_OUT):
            continue
        options = NEEDED.get(row["operation"], {})
        source = row["input_format"]
        # What takes any file is tried with one of each format.
        suited = by_format.get(source, ()) if source else [min(of, key=_size) for of in by_format.values()]
        found += [
            Trial(sample, row["operation"], row["output_format"], row["engine"], options) for sample in suited
        ]
    return found


Step = tuple[str, str, str | None, str | None]
"""Operation, engine, input (None for any) and output of what takes one hop."""


def covering(found: Iterable[Trial], direct: frozenset[Step]) -> list[Trial]:
    """Return few of the trials in which every engine still meets each of its inputs and each of its outputs.

    :param direct: what takes one hop; other routes are made of these.
    """
    steps = [trial for trial in found if _steps(trial) & direct]
    missing = {mark for trial in steps for mark in _marks(trial)}
    chosen = []
    for trial in sorted(steps, key=lambda trial: (_size(trial.sample), f"{trial}")):
        if missing & _marks(trial):
            missing -= _marks(trial)
            chosen.append(trial)
    return chosen


def _steps(trial: Trial) -> set[Step]:
    return {(trial.operation, trial.engine or "", s, trial.target) for s in (trial.sample.format, None)}


def _marks(trial: Trial) -> set[tuple[str, ...]]:
    who = (trial.operation, trial.engine or "", trial.sample.fault)
    if trial.sample.fault:
        # A broken file is broken whatever becomes of it.
        return {(*who, "from", formats.group(trial.sample.format))}
    return {(*who, "from", trial.sample.format), (*who, "to", trial.target or "")}


def _size(sample: Sample) -> int:
    return sample.path.stat().st_size
