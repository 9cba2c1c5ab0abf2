"""What nobody is shown: the values of secret options, wherever they turn up."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from . import registry

MASK = "********"
# Request headers carry tokens, whoever declares them.
ALWAYS = frozenset({"headers"})


@functools.cache
def names() -> frozenset[str]:
    """Return the name of every option that some record declares secret."""
    declared = {option.name for record in registry.operations() for option in record.options if option.secret}
    return ALWAYS | declared


def masked(payload: Any) -> Any:
    """Return a payload without its secrets.

    A name that is secret for one operation is so for all: customers also send what an operation ignores.
    """
    if isinstance(payload, list):
        return [masked(item) for item in payload]
    if not isinstance(payload, dict):
        return payload
    return {
        key: _hidden(value) if key.lower() in names() else masked(value) for key, value in payload.items()
    }


def redacted(text: str, payload: Any) -> str:
    """Return a text (a command line, a tool's words) in which a payload's secrets do not occur."""
    for value in sorted(set(_values(payload)), key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return value if value is None or value == "" else MASK


def _values(payload: Any, *, secret: bool = False) -> Iterator[str]:
    if isinstance(payload, dict):
        for key, value in payload.items():
            yield from _values(value, secret=secret or key.lower() in names())
    elif isinstance(payload, list):
        for item in payload:
            yield from _values(item, secret=secret)
    elif secret and payload not in (None, ""):
        yield f"{payload}"
