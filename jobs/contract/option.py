"""A declared parameter: how it is read, checked and described."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Type = Literal["string", "integer", "float", "boolean", "enum", "dictionary", "list"]

_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off", ""}


class OptionProblem(ValueError):
    """A value that cannot be meant; the text is a sentence for the customer, starting with the name."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One parameter of an operation. It feeds intake, ``/v2/operations``, docs and masking.

    Numbers and booleans are also read from strings, since several clients send every value as text.
    """

    name: str
    help: str
    type: Type = "string"
    default: Any = None
    required: bool = False
    values: tuple[str, ...] = ()
    aliases: Mapping[str, str] | None = None
    """Other spellings of a value that clients send, to the value meant."""
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    """A regular expression the whole string must match."""
    example: str | None = None
    """What a right value looks like; shown when ``pattern`` does not match."""
    max_length: int = 64 * 1024
    secret: bool = False
    """Masked wherever it could be seen."""
    refers: bool = False
    """Names other tasks (or one): it creates dependencies, and their files come as ``work.related``."""
    selects: bool = False
    """Opens the input or chooses part of it: on a route the first engine that knows it obeys."""
    content: bool = False
    """Holds a file's content: kept in the file store, not in the row; comes as ``work.related``."""
    place: bool = False
    """Says where a customer's storage is, or proves who may use it: a saved connection may hold it."""
    inside: bool = False
    """Of the place what lies inside the storage, such as the bucket: a job may say it beside a connection."""
    credential: bool = False
    """Of the place who asks, though it is no secret: not needed where a connection uses workload identity."""
    check: Callable[[Any], Any] | None = None
    """A last look at a value that was read; returns it, perhaps tidied, or raises OptionProblem."""

    def read(self, value: Any) -> Any:
        """Return the value in its declared type.

        :raises OptionProblem: when it cannot be meant.
        """
        result = _READERS[self.type](self, value)
        return self.check(result) if self.check else result

    def problem(self, text: str) -> OptionProblem:
        """Return the problem in a sentence that names this option."""
        return OptionProblem(f"The {self.name} {text}")


def _string(option: Option, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise option.problem("must be a string.")
    text = f"{value}"
    if "\0" in text:
        raise option.problem("must not contain a NUL character.")
    if len(text) > option.max_length and not option.content:
        raise option.problem(f"must be at most {option.max_length} characters long.")
    if option.pattern and not re.fullmatch(option.pattern, text):
        hint = f" Use something like {option.example}." if option.example else ""
        raise option.problem(f"format is invalid.{hint}")
    return text


def _enum(option: Option, value: Any) -> str:
    # Comparing letters only: one client writes PublicRead for public-read, others write PNG for png.
    wanted = _letters(f"{value}")
    for known in option.values:
        if _letters(known) == wanted:
            return known
    for alias, known in (option.aliases or {}).items():
        if _letters(alias) == wanted:
            return known
    raise option.problem(f"must be one of: {', '.join(option.values)}.")


def _letters(text: str) -> str:
    return re.sub(r"[-_ ]", "", text).lower()


def _number(option: Option, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise option.problem("must be a number.") from None
    if not math.isfinite(number):
        raise option.problem("must be a number.")
    if option.minimum is not None and number < option.minimum:
        raise option.problem(f"must be at least {option.minimum:g}.")
    if option.maximum is not None and number > option.maximum:
        raise option.problem(f"must be at most {option.maximum:g}.")
    return number


def _integer(option: Option, value: Any) -> int:
    number = _number(option, value)
    if number != int(number):
        raise option.problem("must be a whole number.")
    return int(number)


def _boolean(option: Option, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = f"{value}".lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise option.problem("must be true or false.")


def _dictionary(option: Option, value: Any) -> dict[str, str]:
    # PHP clients encode an empty dictionary as [].
    if value == []:
        return {}
    if not isinstance(value, dict):
        raise option.problem("must be an object.")
    if len(value) > 200:
        raise option.problem("must have at most 200 entries.")
    for key, item in value.items():
        if isinstance(item, dict | list) or len(f"{item}") > option.max_length:
            raise option.problem(f"has an entry {key!r} that is not a short string.")
    return {key: "" if item is None else f"{item}" for key, item in value.items()}


def _list(option: Option, value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    if len(items) > 500:
        raise option.problem("must have at most 500 entries.")
    read = _enum if option.values else _string
    return [read(option, item) for item in items]


_READERS: Mapping[Type, Callable[[Option, Any], Any]] = {
    "string": _string,
    "integer": _integer,
    "float": _number,
    "boolean": _boolean,
    "enum": _enum,
    "dictionary": _dictionary,
    "list": _list,
}
