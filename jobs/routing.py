"""Which hops a task takes, once its inputs are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import files, intake, registry, secrets
from .contract import Inputs, detection, errors, formats
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
    :raises NoInputFiles: when there is nothing to work on.
    """
    records = registry.named(task.operation)
    if not records:
        raise errors.InvalidConversionType
    has_target = any(target for record in records for _, target in record.conversions)
    target = task.payload.get("output_format", "") if has_target else ""
    engine = task.payload.get("engine")
    if not any(record.conversions for record in records):
        return (Hop(records[0], "", ""),)
    sources = {"": ""}
    if records[0].inputs is not Inputs.NONE:
        sources = {format_of(task, file): file.name for file in inputs(task)}
    if not sources:
        raise errors.NoInputFiles
    hops = registry.plan(task.operation, sources, target, engine=engine)
    if not hops:
        raise errors.InvalidConversionType(_sentence(task, sources, target, engine))
    return hops


def columns(hop: Hop) -> dict[str, Any]:
    """Return what a task's row says of the hop it is at."""
    return {"engine": hop.operation.engine, "engine_version": None, "queue": hop.operation.queue}


def options(task: Task) -> dict[str, Any]:
    """Return the options for the hop a task is at, defaults included, its secrets opened.

    On a route each option counts once: pages are chosen on the way in, quality is set on the way out.

    :raises LookupError: when the hop is no longer offered.
    :raises OptionProblem: when a value cannot be meant for this engine.
    :raises CannotOpen: when a secret it needs cannot be opened.
    """
    records = [registry.hop(key).operation for key in task.plan]
    here = records[task.hop]
    payload = dict(task.payload)
    if task.operation == "thumbnail" and here.name != "thumbnail":
        # Nobody looks at the pages behind those that are shown.
        payload["pages"] = f"1-{payload.get('count') or 1}"
    # What takes all files together takes some that came by other ways, or by none.
    for option in () if here.inputs is Inputs.ALL else here.options:
        declaring = [n for n, record in enumerate(records) if option.name in {o.name for o in record.options}]
        if task.hop != (declaring[0] if option.selects else declaring[-1]):
            payload.pop(option.name, None)
    asked = {option.name: payload.get(option.name) for option in here.options}
    return intake.read_options(here, secrets.opened(asked, task=task.pk))


def format_of(task: Task, file: File) -> str:
    """Return the format a task takes a file for: what the customer says, else its extension's.

    What the customer says is about the files that come in, not about what a task's own hops made of them.
    """
    said = task.payload.get("input_format") if file.task_id != task.pk else None
    return said or file.format or formats.of(file.name)


def format_of_new(stored: files.Stored, name: str) -> str:
    """Return the format to keep for a new file: its name's, unless its content is certainly another."""
    return detection.settled(formats.of(name), detection.detect(files.path(stored.key)))


def _sentence(task: Task, sources: Mapping[str, str], target: str, engine: str | None) -> str:
    stuck = next((s for s in sources if not registry.route(task.operation, s, target, engine=engine)), "")
    by = f" by {engine}" if engine else ""
    text = f"This conversion type is not supported: {stuck or 'a file without extension'} to {target}{by}."
    if not target:
        known = {start for record in registry.named(task.operation) for start, _ in record.conversions}
        text = (
            f"{task.operation} does not take {stuck.upper() or 'files without extension'}{by};"
            f" it takes: {', '.join(sorted(filter(None, known)))}."
        )
    if stuck and stuck != formats.of(sources[stuck]) and not task.payload.get("input_format"):
        text += f" {sources[stuck]} is {stuck.upper()} by its content."
    return text
