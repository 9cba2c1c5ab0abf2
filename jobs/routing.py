"""Which hops a task takes, once its inputs are there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from . import connections, fleet, intake, planner, registry, secrets, versions
from .contract import Inputs, Operation, detection, errors, formats
from .models import File, Task
from .registry import Hop
from .states import Status


def inputs(task: Task, option: str = "input") -> list[File]:
    """Return the files a task works on, or those of one of its options, in the order it named them."""
    rows = File.objects.filter(
        task__needed_by__task=task, task__needed_by__option=option, task__status=Status.FINISHED
    )
    found = list(rows.select_related("task").order_by("task__needed_by__position", "position"))
    if option == "input" and any(record.repeats for record in registry.named(task.operation)):
        return _repeated(task, found)
    return found


def _repeated(task: Task, found: list[File]) -> list[File]:
    # Links are one for each task; how often it was named stands in the payload.
    named = task.payload["input"]
    places = {name: place for place, name in enumerate(dict.fromkeys(named))}
    needed = dict(task.needs.filter(option="input").values_list("position", "needed_id"))
    return [row for name in named for row in found if row.task_id == needed.get(places[name])]


def plan(task: Task) -> tuple[Hop, ...]:
    """Return the hops for a task whose inputs have ended.

    :raises InvalidConversionType: when nobody brings its files to the format wanted.
    :raises EngineGone: when nobody has the engine, or the version of it, that is asked for.
    :raises NoInputFiles: when there is nothing to work on.
    """
    records = registry.named(task.operation)
    if not records:
        raise errors.InvalidConversionType
    asked = {"engine": task.payload.get("engine"), "version": task.payload.get("engine_version")}
    if not any(record.conversions for record in records):
        return plain(task.operation, **asked)
    sources = {"": ""}
    if records[0].inputs is not Inputs.NONE:
        sources = {format_of(task, file): file.name for file in inputs(task)}
    if not sources:
        raise errors.NoInputFiles
    given = {name for name, value in task.payload.items() if value not in (None, "", [])}
    has_target = any(end for record in records for _, end in record.conversions)
    target = task.payload.get("output_format", "") if has_target else ""
    hops = way(task.operation, sources, target, options=given, **asked)
    if not hops:
        raise errors.InvalidConversionType(_sentence(task, sources, target))
    return hops


def way(
    operation: str,
    sources: Iterable[str],
    target: str,
    *,
    engine: str | None = None,
    version: str | None = None,
    options: Collection[str] = (),
) -> tuple[Hop, ...]:
    """Return the hops from formats to another; empty when nobody can.

    They are over engines that are alive if those can do it, else over ones that were, and may be again.

    :raises EngineGone: when nobody has the version that is asked for.
    """
    now = fleet.look()
    for crew in (now.live, now.known):
        meant = planner.engine_for(operation, engine, crew) if engine else None
        if hops := planner.plan(operation, sources, target, engine=meant, crew=crew, options=options):
            return tuple(_pinned(hops, engine, version, now))
    return ()


def plain(operation: str, *, engine: str | None = None, version: str | None = None) -> tuple[Hop, ...]:
    """Return the hop of an operation to which formats do not matter; it waits for whoever is not there.

    :raises EngineGone: when there is no such engine, or version of it.
    """
    now = fleet.look()
    for crew in (now.live, now.known, None):
        meant = planner.engine_for(operation, engine, crew) if engine else None
        for record in planner.there(operation, crew):
            if not (meant and record.engine) or record.answers_to(meant):
                return tuple(_pinned((Hop(record, "", ""),), engine, version, now))
    raise errors.EngineGone


def _pinned(
    hops: tuple[Hop, ...], engine: str | None, version: str | None, now: fleet.Fleet
) -> Iterator[Hop]:
    """Yield the hops with the version asked for: of the engine asked for, or else of the last hop's."""
    for number, hop in enumerate(hops, 1):
        name = hop.operation.engine
        meant = hop.operation.answers_to(engine) if engine else number == len(hops)
        yield replace(hop, version=versions.pin(name, version if meant else None, now)) if name else hop


def columns(hop: Hop) -> dict[str, Any]:
    """Return what a task's row says of the hop it is at."""
    return {
        "engine": hop.operation.engine,
        "engine_version": hop.version or None,
        "pin": hop.version,
        "queue": hop.operation.queue,
    }


def options(task: Task, came_as: str = "") -> dict[str, Any]:
    """Return the options for the hop a task is at, defaults included, its secrets opened.

    On a file's route each option counts once: pages are chosen on the way in, quality is set on the way out.

    :param came_as: the format in which the file came into the task; empty where it is not known.
    :raises LookupError: when the hop is no longer offered.
    :raises OptionProblem: when a value cannot be meant for this engine.
    :raises CannotOpen: when a secret it needs cannot be opened.
    :raises TaskError: when its connection has gone, or cannot be opened.
    """
    here = registry.hop(task.plan[task.hop]).operation
    payload = dict(task.payload)
    if task.operation == "thumbnail" and here.name != "thumbnail":
        # Nobody looks at the pages behind those that are shown.
        payload["pages"] = f"1-{payload.get('count') or 1}"
    # What takes all files together takes some that came by other ways, or by none.
    route = {} if here.inputs is Inputs.ALL else _route_of(task, came_as)
    for option in here.options if route else ():
        declaring = [n for n, record in route.items() if option.name in {o.name for o in record.options}]
        if task.hop != (declaring[0] if option.selects else declaring[-1]):
            payload.pop(option.name, None)
    asked = {option.name: payload.get(option.name) for option in here.options}
    opened = secrets.opened(asked, row=task.pk)
    if not (here.provider and task.connection):
        return intake.read_options(here, opened)
    saved = connections.use(task.connection, here, owner=task.owner_id)
    own = {name: value for name, value in opened.items() if name not in saved.covered}
    read = intake.read_options(here, own | dict(saved.options))
    return read | {"workload_identity": True} if saved.workload_identity else read


def _route_of(task: Task, came_as: str) -> dict[int, Operation]:
    """Return the hops of a task's plan, by their place, that a file of a format takes."""
    hops = {place: registry.hop(key) for place, key in enumerate(task.plan)}
    taken, kind = {}, came_as
    for place, hop in hops.items():
        if hop.source in {"", kind}:
            taken[place], kind = hop.operation, hop.target
            if is_last_for_file(task, hop):
                break
    # The plan is made of the routes of all its files.
    return taken if task.hop in taken else {place: hop.operation for place, hop in hops.items()}


def is_last_for_file(task: Task, hop: Hop) -> bool:
    """Tell whether what a hop makes is a result of the task, whatever hops other files have before them."""
    return hop.operation.name == task.operation and hop.target in {"", task.payload.get("output_format", "")}


def format_of(task: Task, file: File) -> str:
    """Return the format a task takes a file for: what the customer says, else its extension's.

    What the customer says is about the files that come in, not about what a task's own hops made of them.
    """
    said = task.payload.get("input_format") if file.task_id != task.pk else None
    return said or file.format or formats.of(file.name)


def format_of_new(file: Path | BinaryIO, name: str) -> str:
    """Return the format to keep for a new file: its name's, unless its content is certainly another.

    :param file: where it lies, or the file itself, open.
    """
    return detection.settled(formats.of(name), detection.detect(file))


def _sentence(task: Task, sources: Mapping[str, str], target: str) -> str:
    engine = task.payload.get("engine")
    stuck = next((each for each in sources if not way(task.operation, [each], target, engine=engine)), "")
    by = f" by {engine}" if engine else ""
    text = f"This conversion type is not supported: {stuck or 'a file without extension'} to {target}{by}."
    if not target:
        there = planner.there(task.operation, fleet.look().known)
        known = {start for record in there for start, _ in record.conversions}
        text = (
            f"{task.operation} does not take {stuck.upper() or 'files without extension'}{by};"
            f" it takes: {', '.join(sorted(filter(None, known)))}."
        )
    if stuck and stuck != formats.of(sources[stuck]) and not task.payload.get("input_format"):
        text += f" {sources[stuck]} is {stuck.upper()} by its content."
    return text
