"""Runs an engine's record on a file, in a test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engines.tests.context import RunContext
from jobs.contract import Operation, Work


def record(operations: Iterable[Operation], source: str | None, target: str | None, name: str) -> Operation:
    """Return the record that does this."""
    [found] = [op for op in operations if op.name == name and op.offers(source, target)]
    return found


def work_for(
    operations: Iterable[Operation],
    path: Path,
    output_dir: Path,
    target: str | None = None,
    *,
    name: str = "convert",
    **options: Any,
) -> tuple[Operation, Work]:
    """Return the record for a file, by its ending, and a work for it, its options read as at intake."""
    source = path.suffix[1:]
    found = record(operations, source, target, name)
    known = {option.name: option for option in found.options}
    values = {each: option.default for each, option in known.items()}
    values |= {each: known[each].read(value) for each, value in options.items()}
    return found, Work(
        inputs=(path,),
        names=(path.name,),
        output_dir=output_dir,
        input_format=source,
        output_format=target or source,
        options=values,
    )


def run(
    operations: Iterable[Operation],
    path: Path,
    output_dir: Path,
    target: str | None = None,
    *,
    name: str = "convert",
    **options: Any,
) -> Path:
    """Run it and return the one file it made."""
    found, work = work_for(operations, path, output_dir, target, name=name, **options)
    for earlier in output_dir.iterdir():
        earlier.unlink()  # collected, so it is no engine's to write to
    [made] = found.run(work, RunContext()).files
    return made.path
