"""A runner for engines that are plain programs: plan, launch, check that the promised output is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobs.contract import Command, Context, Output, Result, Work, formats
from jobs.contract.errors import ConversionFailed, EmptyFile, EngineCrashed, TaskError
from jobs.contract.operation import Explain

from . import launcher
from .cells import USUAL, Cell
from .collecting import collect
from .room import INPUT, OUTPUT, Profile, Room

RELATED = "/related"
Planner = Callable[[Work], list[Command]]
Read = Callable[[str], Mapping[str, Any]]
Look = tuple[Command, Read]
"""A command whose standard output tells what the planner must know, and what makes ``work.facts`` of that."""


@dataclass(frozen=True)
class Process:
    """Runs the commands a pure planner makes of the work, one after the other."""

    plan: Planner
    explain: Explain | None = None
    """Knows what a failed tool's words mean."""
    probe: Callable[[Work], Command] | None = None
    """The look at the first input that every work needs; ``read`` belongs to it."""
    read: Read | None = None
    looks: Callable[[Work], Sequence[Look]] | None = None
    """More looks, where the work needs some."""
    profile: Profile = USUAL

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when a program fails, or leaves no valid output.
        """
        refuse_empty(work)
        with Cell(room_of(work), self.profile) as cell:
            return self._run(relocated(work, cell), cell, context)

    def _run(self, work: Work, cell: Cell, context: Context) -> Result:
        looks = [(self.probe(work), self.read)] if self.probe and self.read else []
        for look, read in (*looks, *(self.looks(work) if self.looks else ())):
            outcome = self._launch(look, cell, context, share=(0, 0))
            work = replace(work, facts={**work.facts, **read(outcome.stdout)})
        commands = self.plan(work)
        total = sum(command.weight for command in commands)
        done = 0.0
        for command in commands:
            share = (100 * done / total, 100 * (done + command.weight) / total)
            outcome = self._launch(command, cell, context, share=share)
            try:
                found = outputs_of(command, cell, work.output_dir)
            except ConversionFailed as error:
                # Some tools say what is wrong, and then that all is well.
                raise (self.explain and self.explain(outcome.words)) or error from None
            done += command.weight
            if len(commands) > 1:
                context.progress(100 * done / total)
        results = [Output(path=path) for path in collect(found, work.output_format)]
        for path in commands[-1].beside:
            own = formats.of(path.name)
            results += [Output(path=each, format=own) for each in collect([cell.outside(path)], own)]
        return Result(files=tuple(results))

    def _launch(
        self, command: Command, cell: Cell, context: Context, *, share: tuple[float, float]
    ) -> launcher.Outcome:
        return launch(command, cell, context, share=share, failure=self._failure)

    def _failure(self, outcome: launcher.Outcome) -> TaskError:
        return failure_of(outcome, self.explain)


def failure_of(outcome: launcher.Outcome, explain: Explain | None = None) -> TaskError:
    """Return the error that a program's end with another status than 0 is.

    :param explain: knows what its words mean.
    """
    known = explain(outcome.words) if explain else None
    if known:
        return known
    return EngineCrashed() if outcome.returncode < 0 else ConversionFailed()


def launch(
    command: Command,
    cell: Cell,
    context: Context,
    *,
    share: tuple[float, float] = (0, 100),
    failure: Callable[[launcher.Outcome], TaskError] = failure_of,
) -> launcher.Outcome:
    """Run one command in a cell, and return how it ended: well.

    :param share: of the whole run's progress, in percent.
    :param failure: tells what its end means, when that is none with status 0.
    :raises TaskError: when it fails.
    """
    read = command.progress() if command.progress else None
    low, high = share

    def on_line(line: str) -> None:
        found = read(line) if read else None
        if found is not None:
            percent, message = found if isinstance(found, tuple) else (found, None)
            context.progress(low + (high - low) * min(max(percent, 0), 100) / 100, message)

    try:
        outcome = launcher.run(
            command.argv,
            cell=cell,
            deadline=context.deadline,
            stopped=lambda: context.stopped,
            environment=command.environment,
            stdin=command.stdin,
            on_line=on_line if read else None,
        )
    except TaskError as error:
        said = () if command.quiet else getattr(error, "__notes__", ())
        context.record(argv=command.argv, output="\n".join(said))
        raise
    silent = command.quiet and not outcome.returncode
    context.record(argv=command.argv, output="" if silent else outcome.words)
    if outcome.returncode:
        raise failure(outcome)
    return outcome


def refuse_empty(work: Work) -> None:
    """Refuse inputs without bytes: some engines make a blank page of them.

    :raises EmptyFile: when one has none.
    """
    if any(path.stat().st_size == 0 for path in work.inputs):
        raise EmptyFile


def room_of(work: Work) -> Room:
    """Return the room for a work: its inputs to read, its folder for outputs to write, and nothing else."""
    folders = _numbered(INPUT, work.inputs)
    for name, paths in work.related.items():
        folders |= _numbered(f"{RELATED}/{name}", paths)
    return Room(read=folders, write={OUTPUT: work.output_dir}, start=OUTPUT, system=work.system)


def _numbered(inside: str, paths: Iterable[Path]) -> dict[str, Path]:
    parents = dict.fromkeys(path.parent for path in paths)
    return {inside if n == 1 else f"{inside}-{n}": folder for n, folder in enumerate(parents, 1)}


def relocated(work: Work, cell: Cell) -> Work:
    """Return the work as it is seen inside."""
    return replace(
        work,
        inputs=tuple(map(cell.inside, work.inputs)),
        related={name: tuple(map(cell.inside, paths)) for name, paths in work.related.items()},
        output_dir=cell.inside(work.output_dir),
    )


def outputs_of(command: Command, cell: Cell, output_dir: Path) -> list[Path]:
    """Return where the files that a command promised lie, in order; an exit status of 0 proves nothing.

    :raises ConversionFailed: when one is missing or empty.
    """
    found = [cell.outside(path) for path in command.outputs]
    if command.output_glob:
        found += sorted(cell.outside(output_dir).glob(command.output_glob), key=_by_number)
        if not found:
            raise ConversionFailed
    for path in found:
        if path.is_symlink() or not path.is_file() or not path.stat().st_size:
            raise ConversionFailed
    return found


def _by_number(path: Path) -> tuple[int, str]:
    # in-2.png before in-10.png, however the tool pads.
    digits = path.stem.rpartition("-")[2]
    return (int(digits) if digits.isdigit() else 0, path.name)
