"""One task from claim to verdict."""

from __future__ import annotations

import errno
import functools
import itertools
import logging
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings

from jobs import files, naming, registry, routing, sealing, secrets, services
from jobs.contract import Inputs, Operation, OptionProblem, Output, Result, Work, errors, formats, outbound
from jobs.contract.erasing import erase
from jobs.models import File, Task
from jobs.registry import Hop

from . import arrivals, inspection
from .heartbeat import DRAINING, Heartbeat, Run
from .sentences import doing
from .versions import Tools

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Station:
    """The worker process a task runs in."""

    name: str
    host_name: str
    tools: Tools
    heartbeat: Heartbeat


def run_next(queue: str, station: Station) -> bool:
    """Claim the fairest task of a queue and run it to its verdict; False when there was none."""
    tools = station.tools.copy()
    task = services.claim(queue, worker=station.name, host_name=station.host_name, tools=tools)
    if task is None:
        return False
    run = Run(
        task=task.pk,
        attempt=task.attempt,
        owner=f"{task.owner_id}",
        deadline=time.monotonic(),
        hop=task.hop,
        hops=max(1, len(task.plan)),
        percent=task.percent,
        loose_ends=list(task.loose_ends),
        system=tools.get(task.engine or "", {}).get(task.engine_version or ""),
    )
    secrets.hide(run.redact)
    with station.heartbeat.holding(run):
        _attempt(task, run)
    return True


def _attempt(task: Task, run: Run) -> None:
    folder = Path(settings.ATHANOR_WORK_DIR, f"task-{os.getpid()}-{task.pk}-{task.attempt}")
    staged: list[services.Staged] = []
    try:
        folder.mkdir(mode=0o711)
        result = _perform(task, run, folder, staged)
    except errors.Stopped:
        _discard(staged)
        if run.stopped == DRAINING:
            services.hand_back(task)
    except Exception as error:  # noqa: BLE001 - whatever happens, the task gets a verdict
        _discard(staged)
        services.fail(
            task, _verdict(error, run), arguments="\n".join(run.arguments), output="\n".join(run.output)
        )
    else:
        won = services.finish(
            task,
            staged,
            message=result.message and run.redact(result.message),
            extra=result.extra,
            arguments="\n".join(run.arguments),
            output="\n".join(run.output),
        )
        if not won:
            _discard(staged)
    finally:
        erase(folder)


def _verdict(error: Exception, run: Run) -> errors.TaskError:
    # Whatever a library makes of it; it must not be taken for a server that does not answer.
    if refusal := outbound.refusal_of(error):
        return refusal
    if isinstance(error, errors.EngineNotReady):
        words = " ".join(getattr(error, "__notes__", ()))
        log.error("An engine did not start for task %s: %s", run.task, words)
    if isinstance(error, errors.TaskError):
        error.message = run.redact(error.message)
        return error
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return errors.DiskFull()
    log.error("Task %s failed by a bug of ours", run.task, exc_info=error)
    return errors.InternalError()


def _discard(staged: list[services.Staged]) -> None:
    files.remove(*(file.stored.key for file in staged))


def _perform(task: Task, run: Run, folder: Path, staged: list[services.Staged]) -> Result:
    """Take the task's present hop and stage what comes out; return the last run's result."""
    if task.operation == services.UPLOAD:
        staged.append(arrivals.take_in(task, run))
        return Result()
    try:
        hop = registry.hop(task.plan[task.hop])
    except LookupError as error:
        raise errors.InvalidConversionType from error
    return _Performance(task, run, hop, folder, staged).play()


def _options(task: Task, run: Run, came_as: str) -> dict[str, object]:
    """Return the options for files that came into the task in a format, and hide their secrets."""
    try:
        options = routing.options(task, came_as)
    except LookupError as error:
        raise errors.InvalidConversionType from error
    except OptionProblem as problem:
        raise errors.ConversionFailed(f"{problem}") from problem
    except sealing.CannotOpen as error:
        log.error("A secret of task %s cannot be opened: %s", task.pk, error)
        run.output.append(f"{error}")
        raise errors.SecretLost from error
    # What is hidden of one file's run is hidden of the others'.
    run.options = {**run.options, **{name: value for name, value in options.items() if value is not None}}
    return options


class _Performance:
    """One hop of one task: bring the inputs, run the operation, stage the outputs."""

    def __init__(
        self,
        task: Task,
        run: Run,
        hop: Hop,
        folder: Path,
        staged: list[services.Staged],
    ) -> None:
        self.task, self.run, self.hop = task, run, hop
        self.folder, self.staged = folder, staged
        self.numbers = itertools.count()
        self.ends = time.monotonic() + task.timeout
        self.last = task.hop + 1 == len(task.plan)
        self.names = naming.Names(task.payload.get("filename"))
        self.related = self._related(hop.operation)

    def play(self) -> Result:
        """Run the operation as often as its inputs ask for."""
        kind = self.hop.operation.inputs
        rows = list(self.task.files.all()) if self.task.hop else routing.inputs(self.task)
        self.run.begin(doing(self.hop))
        if kind is Inputs.NONE:
            return self._run_on([])
        if not rows:
            raise errors.NoInputFiles
        if self.task.hop == 0 and self.hop.source:
            inspection.inspect(self.task, rows)
        if kind is Inputs.ALL:
            return self._run_on(rows)
        result = Result()
        mine = [row for row in rows if self._takes(row)]
        for row in rows:
            if row in mine:
                number, of = mine.index(row), len(mine)
                share = (100 * number / of, 100 * (number + 1) / of)
                self.run.begin(doing(self.hop, number=number + 1, of=of), share)
                made = self._run_on([row])
                # What is told beside files is told of the first.
                result = replace(made, extra=result.extra or made.extra)
            else:
                self._pass_on(row)
        return result

    def _takes(self, row: File) -> bool:
        if not self.hop.operation.conversions:
            return True
        fresh = self.task.hop == 0 or not row.done
        return fresh and self.hop.source in {"", routing.format_of(self.task, row)}

    def _pass_on(self, row: File) -> None:
        stored = files.share(files.Stored(row.key, row.size, row.sha256), task=self.task.pk)
        done = self.task.hop > 0 and row.done
        kept = routing.format_of(self.task, row)
        between = {} if self.last else {"origin": row.origin, "came_as": self._came_as(row)}
        name = self.names.final(row.name, row.dir) if self.last else row.name
        self.staged.append(services.Staged(stored, name, row.dir, format=kept, done=done, **between))

    def _came_as(self, row: File) -> str:
        return row.came_as if self.task.hop else routing.format_of(self.task, row)

    def _run_on(self, rows: list[File]) -> Result:
        # Not by what is staged: an operation may make no file.
        here = self.folder / f"{next(self.numbers)}"
        outputs = here / "out"
        outputs.mkdir(parents=True)
        brought = self._bring(rows, here)
        source = self.hop.source
        if not source and self.hop.operation.inputs is Inputs.EACH and rows:
            source = routing.format_of(self.task, rows[0])
        came_as = self._came_as(rows[0]) if rows and self.hop.operation.inputs is Inputs.EACH else ""
        options = _options(self.task, self.run, came_as)
        work = Work(
            inputs=tuple(brought),
            names=tuple(row.name for row in rows),
            folders=tuple(row.dir for row in rows),
            origins=tuple(row.task.name or f"{row.task_id}" for row in rows),
            output_dir=outputs,
            input_format=source,
            output_format=self.hop.target or source,
            options=options,
            related=self.related,
            system=self.run.system,
        )
        with services.trial(self.task, self.hop, rows, related=self._digests, options=options) as made_by:
            result = self._run(work)
        if len(self.staged) + len(result.files) > settings.ATHANOR_MAX_OUTPUT_FILES:
            raise errors.TooMuchOutput
        for number, output in enumerate(result.files):
            origin = f"{made_by}:{number}" if made_by else ""
            between = {} if self.last else {"origin": origin, "came_as": came_as}
            self._stage(output, brought, between)
        return result

    def _run(self, work: Work) -> Result:
        # Every file has the engine's whole time, so that one that is not done by then is itself to blame.
        self.run.deadline = min(self.ends, time.monotonic() + self.hop.operation.max_seconds)
        try:
            return self.hop.operation.run(work, self.run)
        except errors.EngineTimeout as error:
            raise errors.Timeout if self.run.deadline == self.ends else error from None

    @functools.cached_property
    def _digests(self) -> dict[str, list[str]]:
        return {name: [files.digest(path) for path in paths] for name, paths in self.related.items()}

    def _go_on(self, _size: int) -> None:
        if self.run.stopped:
            raise errors.Stopped
        if time.monotonic() > self.ends:
            raise errors.Timeout

    def _bring(self, rows: list[File], here: Path) -> dict[Path, File]:
        brought = {}
        for number, row in enumerate(rows, 1):
            extension = self.hop.source or row.format or formats.of(row.name)
            stem = "in" if number == 1 else f"in-{number}"
            path = here / (f"{stem}.{extension}" if extension else stem)
            files.fetch(row.key, path, advance=self._go_on)
            brought[path] = row
        return brought

    def _related(self, record: Operation) -> dict[str, tuple[Path, ...]]:
        related = {}
        for option in record.options:
            folder = self.folder / "related" / option.name
            keys: list[tuple[str, str]] = []
            if option.refers and self.task.payload.get(option.name):
                keys = [
                    (row.key, row.format or formats.of(row.name))
                    for row in routing.inputs(self.task, option.name)
                ]
            elif option.name in self.task.contents:
                keys = [(self.task.contents[option.name], "")]
            if keys:
                folder.mkdir(parents=True)
                related[option.name] = tuple(self._fetch(folder, *each) for each in enumerate(keys))
        return related

    def _fetch(self, folder: Path, number: int, stored: tuple[str, str]) -> Path:
        key, extension = stored
        path = folder / (f"{number}.{extension}" if extension else f"{number}")
        files.fetch(key, path, advance=self._go_on)
        return path

    def _stage(self, output: Output, brought: dict[Path, File], between: dict[str, str]) -> None:
        if output.path.is_symlink() or not output.path.is_file():
            raise errors.ConversionFailed
        row = brought.get(output.path)
        first = next(iter(brought.values()), None)
        name = output.name or naming.after(first.name if first else "", output.path)
        # What is made of all files lies in the folder of none.
        inherited = row or (first if self.hop.operation.inputs is Inputs.EACH else None)
        folder = output.dir or (inherited.dir if inherited else "")
        if self.last:
            name = self.names.final(name, folder)
        kept = (
            output.format
            or self.hop.target
            or (row.format if row else "")
            or routing.format_of_new(output.path, name)
        )
        if row:
            stored = files.share(files.Stored(row.key, row.size, row.sha256), task=self.task.pk)
        else:
            if output.path.stat().st_size > settings.ATHANOR_MAX_FILE_BYTES:
                raise errors.FileTooLarge
            stored = files.save(output.path, task=self.task.pk, advance=self._go_on)
        done = routing.is_last_for_file(self.task, self.hop)
        self.staged.append(services.Staged(stored, name, folder, format=kept, done=done, **between))
