"""What nobody is shown: the values of secret options, sealed at rest and hidden wherever they turn up."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote
from uuid import UUID

from . import registry, sealing

MASK = "********"
# Request headers carry tokens, whoever declares them.
ALWAYS = frozenset({"headers"})
SHORTEST = 4
"""Characters; a shorter secret cannot be told from the words around it."""
LONG_WORD = 12
"""Characters of a word that is a secret of its own, like the token in ``Bearer <token>``."""

Place = tuple[str, ...]
Redact = Callable[[str], str]


@functools.cache
def names() -> frozenset[str]:
    """Return the name of every option that some record declares secret."""
    declared = {option.name for record in registry.operations() for option in record.options if option.secret}
    return ALWAYS | declared


def masked(payload: Any) -> Any:
    """Return a payload without its secrets.

    A name that is secret for one operation is so for all: customers also send what an operation ignores.
    """
    return _changed(payload, lambda _value, _place: MASK)


def sealed(payload: Any, *, row: UUID) -> Any:
    """Return a payload whose secrets only we can read, and only as those of this task or connection."""
    return _changed(payload, lambda value, place: sealing.seal(value, place=place), (f"{row}",))


def opened(payload: Any, *, row: UUID) -> Any:
    """Return a row's payload as it was before it was sealed.

    :raises CannotOpen: when it was sealed with a key we do not have, or for another row.
    """
    return _changed(payload, lambda value, place: sealing.opened(value, place=place), (f"{row}",))


def is_fresh(payload: Any) -> bool:
    """Return whether every secret of a payload is sealed with the key that seals now."""
    return all(sealing.is_fresh(value) for value in _secrets(payload))


def redactor(payload: Any) -> Redact:
    """Return what hides a payload's secrets in a text: a command line, a tool's words, a line of the log."""
    forms = {form for value in _secrets(payload) for form in _forms(value) if len(form) >= SHORTEST}
    longest_first = sorted(forms, key=len, reverse=True)
    return lambda text: functools.reduce(lambda left, form: left.replace(form, MASK), longest_first, text)


_AT_HAND: ContextVar[Redact] = ContextVar("at_hand", default=lambda text: text)


def hide(redact: Redact) -> None:
    """Let whatever this thread logs be redacted so, until it is told the next: tracebacks come late."""
    _AT_HAND.set(redact)


def redacted(text: str) -> str:
    """Return a text without the secrets that this thread is, or was last, at work on."""
    return _AT_HAND.get()(text)


def _changed(
    payload: Any, change: Callable[[Any, Place], Any], place: Place = (), *, secret: bool = False
) -> Any:
    """Return a copy in which every secret value is what the change makes of it; where it stands is told."""
    if isinstance(payload, Mapping):
        return {
            key: _changed(item, change, (*place, key), secret=secret or key.lower() in names())
            for key, item in payload.items()
        }
    if isinstance(payload, list):
        return [_changed(item, change, (*place, f"{n}"), secret=secret) for n, item in enumerate(payload)]
    return change(payload, place) if secret and payload is not None and payload != "" else payload


def _secrets(payload: Any) -> list[Any]:
    found: list[Any] = []
    _changed(payload, lambda value, _place: found.append(value))
    return found


def _forms(value: Any) -> Iterator[str]:
    """Yield a secret as tools, URLs and JSON write it, and the long words of it."""
    text = f"{value}".strip()
    yield from (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    yield from (quote(text), quote(text, safe=""), repr(text)[1:-1])
    yield from (word for word in text.split() if len(word) >= LONG_WORD)
