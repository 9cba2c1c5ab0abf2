"""From a customer's payload to a draft, or to all its problems at once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from . import choosing, connections, graph, registry, versions
from .contract import Inputs, Operation, Option, OptionProblem, addresses, limits, reach, urls
from .contract.errors import InvalidData, UnsupportedConversion
from .models import Account, Connection, Task

DEFAULT_TIMEOUT = limits.TASK_SECONDS
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")

INPUT = Option(name="input", type="list", help="Names or ids of the tasks whose files to work on.")
COMMON = (
    Option(
        name="timeout",
        type="integer",
        minimum=1,
        maximum=DEFAULT_TIMEOUT,
        default=DEFAULT_TIMEOUT,
        help="Seconds until the task is cancelled.",
    ),
    Option(
        name="ignore_error", type="boolean", default=False, help="Let the job go on when this task fails."
    ),
    Option(name="filename", max_length=255, help="Output file name; %d counts several files."),
    Option(name="engine", max_length=50, help="The engine to use instead of the default one."),
    Option(
        name="engine_version",
        max_length=50,
        pattern=versions.PATTERN,
        example="7.1.5, 7.1, 7 or latest",
        help="The engine's version: a whole one, its first numbers for the newest of those, or latest.",
    ),
    Option(name="input_format", max_length=20, help="The input's format; by default its extension."),
    Option(name="output_format", max_length=20, help="The format to convert to."),
)


@dataclass
class Reference:
    """One task that another needs, and for which of its options."""

    option: str
    name: str | None = None
    """A task of the same job."""
    task: uuid.UUID | None = None
    """An earlier task."""


@dataclass
class TaskDraft:
    """A task that can be created as it is."""

    name: str
    operation: str
    payload: dict[str, Any]
    references: list[Reference] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)
    """Options that are files' contents; they go to the file store."""
    connection: uuid.UUID | None = None
    """The saved connection that says where the storage is, and who asks."""
    ignore_error: bool = False
    timeout: int = DEFAULT_TIMEOUT


@dataclass
class JobDraft:
    """A job that can be created as it is; tasks in the order they were sent."""

    tasks: list[TaskDraft]
    tag: str | None = None
    webhook_url: str | None = None
    redirect: bool = False


class _Problems(dict[str, list[str]]):
    def add(self, key: str, text: str) -> None:
        said = self.setdefault(key, [])
        if text not in said:
            said.append(text)

    def refuse(self) -> None:
        if not self:
            return
        if all(text.startswith(choosing.UNSUPPORTED) for texts in self.values() for text in texts):
            raise UnsupportedConversion(self)
        raise InvalidData(self)


def parse_job(payload: Mapping[str, Any], *, owner: Account) -> JobDraft:
    """Return the draft of a job.

    :raises InvalidData: with every problem found, keyed ``tasks.<name>.<option>``.
    """
    problems = _Problems()
    entries = _entries(payload.get("tasks"), problems)
    problems.refuse()
    draft = JobDraft(
        tasks=[],
        tag=_read(Option(name="tag", max_length=1024, help=""), payload, problems),
        webhook_url=_read(_WEBHOOK_URL, payload, problems),
        redirect=bool(_read(Option(name="redirect", type="boolean", help=""), payload, problems)),
    )
    saved = _saved(entries.values(), owner)
    for name, entry in entries.items():
        draft.tasks.append(_task(name, entry, problems, saved, prefix=f"tasks.{name}."))
    _check_references(draft.tasks, problems, owner=owner, in_job=True)
    _check_graph(draft.tasks, problems)
    problems.refuse()
    return draft


def parse_task(
    operation: str, payload: Mapping[str, Any], *, owner: Account, hidden: bool = False
) -> TaskDraft:
    """Return the draft of a task on its own.

    :param hidden: whether we ask ourselves, and so for what customers cannot.
    :raises InvalidData: with every problem found, keyed by option.
    """
    problems = _Problems()
    # Some clients repeat the operation, or send a name; only jobs have those.
    entry = {key: value for key, value in payload.items() if key not in {"operation", "name", "ignore_error"}}
    entry["operation"] = operation
    draft = _task("", entry, problems, _saved([entry], owner), prefix="", hidden=hidden)
    _check_references([draft], problems, owner=owner, in_job=False)
    problems.refuse()
    return draft


def read_options(record: Operation, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every option a record declares, defaults included.

    :raises OptionProblem: when a value cannot be meant for this record.
    """
    return {option.name: _value(option, payload.get(option.name)) for option in record.options}


def _value(option: Option, value: Any) -> Any:
    # A content is in the file store; the payload only says how long it was.
    return option.default if option.content or _blank(option, value) else option.read(value)


def _entries(tasks: Any, problems: _Problems) -> dict[str, dict[str, Any]]:
    entries = _named(tasks, problems) if isinstance(tasks, list) else tasks
    if not entries:
        problems.setdefault("tasks", ["The tasks field is required."])
        return {}
    if not isinstance(entries, dict):
        problems.add("tasks", "The tasks must be an object of named tasks.")
        return {}
    if len(entries) > settings.ATHANOR_MAX_TASKS:
        problems.add("tasks", f"The tasks must be at most {settings.ATHANOR_MAX_TASKS}.")
        return {}
    for name, entry in entries.items():
        if not NAME.fullmatch(name):
            problems.add("tasks", f"The task name {name[:50]!r} may hold letters, digits, - and _ only.")
        elif not isinstance(entry, dict):
            problems.add(f"tasks.{name}", f"The task {name} must be an object.")
    return entries


def _named(tasks: list[Any], problems: _Problems) -> dict[str, Any]:
    # Generated clients send a list whose members carry their names.
    named = {}
    for number, entry in enumerate(tasks, 1):
        name = entry.get("name") if isinstance(entry, dict) else None
        named[name if isinstance(name, str) else f"task-{number}"] = entry
    if len(named) != len(tasks):
        problems.add("tasks", "The tasks must have different names.")
    return named


def _saved(entries: Iterable[Mapping[str, Any]], owner: Account) -> dict[str, Connection]:
    named = (entry.get(connections.CONNECTION.name) for entry in entries)
    return connections.find(owner, (f"{each}" for each in named if each))


def _task(
    name: str,
    entry: Mapping[str, Any],
    problems: _Problems,
    saved: Mapping[str, Connection],
    *,
    prefix: str,
    hidden: bool = False,
) -> TaskDraft:
    operation = entry.get("operation")
    records = registry.named(operation) if isinstance(operation, str) else ()
    records = tuple(record for record in records if hidden or not record.hidden)
    draft = TaskDraft(name=name, operation=records[0].name if records else "", payload={})
    if not records:
        text = "is unknown." if operation else "field is required."
        problems.add(f"{prefix}operation", f"The operation {text}")
        return draft
    common = {option.name: _read(option, entry, problems, prefix=prefix) for option in COMMON}
    draft.ignore_error, draft.timeout = bool(common["ignore_error"]), common["timeout"]
    terms = connections.terms(records[0], entry, saved)
    draft.connection = terms.connection
    draft.payload = {
        key: value for key, value in entry.items() if value is not None and key not in terms.covered
    }
    _read_inputs(records[0], entry, draft, problems, prefix=prefix)
    choice = choosing.choose(draft.operation, common)
    filename = {"filename": common["filename"]} if common["filename"] else {}
    draft.payload |= choice.read | filename
    for option_name, text in (*choice.problems.items(), *terms.problems.items()):
        problems.add(f"{prefix}{option_name}", text)
    meant = choice.records or records
    for option in _options(meant, but=terms.covered):
        _check_option(option, meant, entry, draft, problems, prefix=prefix)
    said = terms.held.union(draft.payload)
    for wanted in records[0].one_of:
        if not (terms.covered.issuperset(wanted) or said.intersection(wanted)):
            problems.add(f"{prefix}{wanted[0]}", f"The {' or '.join(wanted)} field is required.")
    return draft


def _options(records: Iterable[Operation], *, but: Collection[str]) -> list[Option]:
    found = {option.name: option for record in records for option in record.options}
    return [option for name, option in found.items() if name not in but]


def _read_inputs(
    record: Operation, entry: Mapping[str, Any], draft: TaskDraft, problems: _Problems, *, prefix: str
) -> None:
    if record.inputs is Inputs.NONE:
        return
    value = entry.get("input")
    if value in (None, "", []):
        problems.add(f"{prefix}input", "The input field is required.")
        return
    try:
        wanted = INPUT.read(value)
    except OptionProblem as problem:
        problems.add(f"{prefix}input", f"{problem}")
        return
    draft.payload["input"] = wanted
    draft.references += [_reference("input", each) for each in dict.fromkeys(wanted)]


def _reference(option: str, text: str) -> Reference:
    try:
        return Reference(option, name=text, task=uuid.UUID(text))
    except ValueError:
        return Reference(option, name=text)


def _check_option(
    option: Option,
    records: tuple[Operation, ...],
    entry: Mapping[str, Any],
    draft: TaskDraft,
    problems: _Problems,
    *,
    prefix: str,
) -> None:
    key = f"{prefix}{option.name}"
    value = entry.get(option.name)
    if _blank(option, value):
        if option.required and not (option.content and value == ""):
            problems.add(key, f"The {option.name} field is required.")
            return
        if not option.content:
            draft.payload.pop(option.name, None)
            return
    # Until the input's format is known, a value is good if one of the records would take it.
    declared = [each for record in records for each in record.options if each.name == option.name]
    refusal = None
    for each in declared:
        try:
            read = each.read(value)
            break
        except OptionProblem as problem:
            refusal = refusal or problem
    else:
        problems.add(key, f"{refusal}")
        return
    if option.refers:
        wanted = read if isinstance(read, list) else [read]
        draft.references += [_reference(option.name, each) for each in dict.fromkeys(wanted)]
    if option.content:
        draft.contents[option.name] = read
        draft.payload[option.name] = f"({len(read)} characters)"


def _check_references(tasks: list[TaskDraft], problems: _Problems, *, owner: Account, in_job: bool) -> None:
    names = {task.name for task in tasks} if in_job else set()
    for task in tasks:
        _spell_alike(task, names)
    asked = {ref.task for task in tasks for ref in task.references if ref.task and ref.name not in names}
    rows = Task.objects.filter(owner=owner, pk__in=asked).exclude(operation__in=registry.hidden())
    known = set(rows.values_list("pk", flat=True)) if asked else set()
    for task in tasks:
        prefix = f"tasks.{task.name}." if in_job else ""
        if len(task.references) > limits.TASK_INPUTS:
            problems.add(f"{prefix}input", f"The input must be at most {limits.TASK_INPUTS} tasks.")
        for ref in task.references:
            if ref.name in names:
                ref.task = None
            elif ref.task in known:
                ref.name = None
            else:
                name = (ref.name or "")[:100]
                problems.add(f"{prefix}{ref.option}", f"The task {name!r} does not exist.")


def _spell_alike(draft: TaskDraft, names: set[str]) -> None:
    # An id may be written in several ways; it is the same task all the same, and is needed once.
    spelt = {
        ref.name: f"{ref.task}" for ref in draft.references if ref.name and ref.task and ref.name not in names
    }
    found: dict[tuple[str, str | None], Reference] = {}
    for ref in draft.references:
        ref.name = spelt.get(ref.name or "", ref.name)
        found.setdefault((ref.option, ref.name), ref)
    draft.references = list(found.values())
    if any(ref.option == "input" for ref in draft.references):
        draft.payload["input"] = [spelt.get(each, each) for each in draft.payload["input"]]


def _check_graph(tasks: list[TaskDraft], problems: _Problems) -> None:
    links = {task.name: [ref.name for ref in task.references if ref.name] for task in tasks}
    ring = graph.cycle(links)
    if ring:
        way = " → ".join([*ring, ring[0]])
        problems.add(f"tasks.{ring[0]}.input", f"The tasks need each other in a circle: {way}.")
    elif graph.depth(links) > limits.TASK_DEPTH:
        problems.add("tasks", f"The tasks may form chains of at most {limits.TASK_DEPTH}.")


def _read(option: Option, entry: Mapping[str, Any], problems: _Problems, *, prefix: str = "") -> Any:
    value = entry.get(option.name)
    if _blank(option, value):
        return option.default
    try:
        return option.read(value)
    except OptionProblem as problem:
        problems.add(f"{prefix}{option.name}", f"{problem}")
        return option.default


def _blank(option: Option, value: Any) -> bool:
    # Several clients send every field they know, empty where the caller gave nothing.
    return value is None or (value == "" and not option.content)


def _url(value: str) -> str:
    try:
        url = urls.parse(value)
    except urls.InvalidURL:
        raise OptionProblem("The webhook_url format is invalid.") from None
    # A name is looked up when there is something to tell; it may not exist yet.
    address = addresses.literal(url.host)
    if address and reach.allowed().objection(address, url.port):
        raise OptionProblem("The webhook_url leads to an address this service does not connect to.")
    return value


_WEBHOOK_URL = Option(name="webhook_url", max_length=8192, check=_url, help="Told when the job ends.")
