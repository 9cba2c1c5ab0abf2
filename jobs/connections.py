"""Saved connections: what they may hold, what a task may say beside one, and what both say together."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from . import registry, sealing, secrets
from .contract import Operation, Option, OptionProblem
from .contract.errors import ConnectionGone, InvalidData, SecretLost
from .models import Account, Connection

log = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
USED_EVERY = timedelta(minutes=1)
CONNECTION = Option(
    name="connection",
    max_length=100,
    help="A saved connection, by its name or id, in place of where the storage is and who asks.",
)
LOST = "A secret of the connection can no longer be read: the service's keys have changed. Save it again."


@dataclass(frozen=True)
class Draft:
    """A connection that can be saved as it is."""

    name: str
    provider: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Terms:
    """What a task's connection says in its place."""

    connection: uuid.UUID | None = None
    held: frozenset[str] = frozenset()
    """The options that the connection has."""
    covered: frozenset[str] = frozenset()
    """The options that are the connection's to say, or to leave unsaid: a task does not give them."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """What is wrong, by the option it is about."""


@dataclass(frozen=True)
class Opened:
    """A connection about to be used."""

    options: Mapping[str, Any] = field(repr=False)
    covered: frozenset[str]
    workload_identity: bool


def testers() -> Mapping[str, Operation]:
    """Return of every provider the record that tries a connection; its place is what one may hold."""
    records = registry.operations()
    return {record.provider: record for record in records if record.provider and record.hidden}


def options_of(record: Operation) -> tuple[Option, ...]:
    """Return the options that a customer may give, the saved connection among them where there can be one."""
    return (CONNECTION, *record.options) if record.provider else record.options


def place(record: Operation) -> dict[str, Option]:
    """Return the options that a connection may hold, by name."""
    return {option.name: option for option in record.options if option.place}


def parse(
    payload: Mapping[str, Any],
    *,
    owner: Account,
    known: Connection | None = None,
    by_operator: bool = False,
) -> Draft:
    """Return the draft of a new connection, or of one that takes the place of a known one.

    :param by_operator: who may also change one that uses the service's identity.
    :raises InvalidData: with every problem found, keyed by field, or by ``options.<name>``.
    """
    problems: dict[str, list[str]] = {}
    name, provider = payload.get("name"), payload.get("provider") or (known.provider if known else None)
    if problem := _problem_of_name(name, owner, known):
        problems["name"] = [problem]
    if known and provider != known.provider:
        problems["provider"] = [f"The provider is {known.provider} and cannot be changed."]
    elif not isinstance(provider, str) or provider not in testers():
        problems["provider"] = [f"The provider must be one of: {', '.join(sorted(testers()))}."]
    if known and known.workload_identity and not by_operator:
        problems["workload_identity"] = ["The connection uses the service's identity: ask the operator."]
    draft = Draft(f"{name}", f"{provider}")
    if "provider" not in problems:
        good, wrong = checked(draft.provider, payload.get("options") or {})
        draft = Draft(draft.name, draft.provider, good)
        problems |= {f"options.{key}" if key else "options": [text] for key, text in wrong.items()}
    if problems:
        raise InvalidData(problems)
    return draft


def checked(provider: str, options: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a connection can hold, as given, and the problems by option; by none if all is wrong."""
    if not isinstance(options, Mapping):
        return {}, {"": "The options must be an object."}
    declared = place(testers()[provider])
    good: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in options.items():
        if value is None or value == "":
            continue
        if name not in declared:
            there = ", ".join(sorted(declared))
            problems[name] = f"The {name[:100]} is not among what a {provider} connection holds: {there}."
        elif value == secrets.MASK:
            problems[name] = f"The {name} is masked. Send the secret itself."
        else:
            try:
                declared[name].read(value)
                good[name] = value
            except OptionProblem as problem:
                problems[name] = f"{problem}"
    return good, problems


def _problem_of_name(name: Any, owner: Account, known: Connection | None) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return "The name must be 1 to 100 letters, digits, - and _."
    if _uuid(name):
        return "The name must not look like an id."
    rows = owner.connections.filter(name=name)
    taken = (rows.exclude(pk=known.pk) if known else rows).exists()
    return "The name is that of another connection." if taken else ""


def find(owner: Account, wanted: Iterable[str]) -> dict[str, Connection]:
    """Return the owner's connections by the names or ids that are wanted; what is missing is left out."""
    texts = set(wanted)
    if not texts:
        return {}
    # No name looks like an id.
    ids = {text: pk for text in texts if (pk := _uuid(text))}
    rows = owner.connections.filter(Q(name__in=texts) | Q(pk__in=ids.values()))
    known: dict[str | uuid.UUID, Connection] = {}
    for row in rows:
        known |= {row.name: row, row.pk: row}
    named = {text: known.get(ids.get(text, text)) for text in texts}
    return {text: found for text, found in named.items() if found}


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def terms(record: Operation, entry: Mapping[str, Any], saved: Mapping[str, Connection]) -> Terms:
    """Return what the connection that a task names says in its place.

    :param saved: what was found of the owner's connections, by how the tasks name them.
    """
    named = entry.get(CONNECTION.name)
    if not record.provider or named is None or named == "":
        return Terms()
    connection = saved.get(f"{named}")
    if connection is None or connection.provider != record.provider:
        # The same words for a missing and a foreign one.
        text = f"The connection {f'{named}'[:100]!r} does not exist, or is not one of {record.provider}."
        return Terms(covered=frozenset(place(record)), problems={CONNECTION.name: text})
    held, own = frozenset(connection.options), covered(record, connection)
    problems = {name: _refusal(name, held) for name in own if entry.get(name) not in (None, "")}
    if missing := lacking(record, connection):
        problems[CONNECTION.name] = f"The connection does not hold {', '.join(missing)}, which is needed."
    return Terms(connection.pk, held, own, problems)


def _refusal(name: str, held: frozenset[str]) -> str:
    if name in held:
        return f"The {name} is said by the connection. Leave it out."
    return f"The {name} cannot be given beside a connection. Save it in the connection."


def covered(record: Operation, connection: Connection) -> frozenset[str]:
    """Return the options that a task with this connection does not give.

    Whoever may only create jobs must not lead a saved secret to a server of his own, nor beyond the bucket
    it was saved for: where the storage is and who asks is said by the connection alone.
    """
    return frozenset(
        name for name, option in place(record).items() if not option.inside or name in connection.options
    )


def lacking(record: Operation, connection: Connection) -> list[str]:
    """Return what a record needs, the connection alone can say, and does not."""
    mine = covered(record, connection)
    needed = [(option.name,) for option in record.options if option.required] + list(record.one_of)
    spared = credentials(record) if connection.workload_identity else frozenset()
    return [
        " or ".join(group)
        for group in needed
        if mine.issuperset(group)
        and not spared.issuperset(group)
        and not connection.options.keys() & set(group)
    ]


def credentials(record: Operation) -> frozenset[str]:
    """Return the options that prove who asks: secrets, what goes in their stead, and names."""
    there = place(record)
    secret = {name for name, option in there.items() if option.secret}
    instead = {name for group in record.one_of if secret.intersection(group) for name in group}
    named = {name for name, option in there.items() if option.credential}
    return frozenset((secret | instead | named) & there.keys())


def use(pk: uuid.UUID, record: Operation, *, owner: int) -> Opened:
    """Return a connection with its secrets opened, for an operation that is about to use it.

    :raises ConnectionGone: when it was deleted, or no longer holds what the operation needs.
    :raises SecretLost: when a secret cannot be opened.
    """
    connection = Connection.objects.filter(pk=pk, owner=owner, provider=record.provider).first()
    if connection is None:
        raise ConnectionGone
    if missing := lacking(record, connection):
        raise ConnectionGone(f"The connection no longer holds {', '.join(missing)}, which is needed.")
    try:
        options = secrets.opened(connection.options, row=pk)
    except sealing.CannotOpen as error:
        log.error("A secret of connection %s cannot be opened: %s", pk, error)
        raise SecretLost(LOST) from error
    _note_use(connection)
    return Opened(options, covered(record, connection), connection.workload_identity)


def _note_use(connection: Connection) -> None:
    now = timezone.now()
    if connection.used_at is None or now - connection.used_at > USED_EVERY:
        Connection.objects.filter(pk=connection.pk).update(used_at=now)
