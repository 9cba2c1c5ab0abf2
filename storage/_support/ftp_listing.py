"""What FTP servers tell of their files, in lines for machines and in lines for people."""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass

from .folders import Entry

# What ls prints, and what Windows does.
_UNIX = re.compile(
    r"(?P<kind>[-dlbcps])[-rwxsStTlL]{9}[.+@]?\s+\d+\s+\S+(?:\s+\S+)?\s+(?P<size>\d+)"
    r"\s+\S+\s+\d{1,2}\s+(?:\d{4}|\d{1,2}:\d{2}) (?P<name>.+)"
)
_DOS = re.compile(r"[-\d]{8,10}\s+\d\d:\d\d(?:[AP]M)?\s+(?:(?P<kind><DIR>)|(?P<size>\d+))\s+(?P<name>.+)")


@dataclass(frozen=True)
class Facts:
    """What a server tells of a file."""

    is_folder: bool
    size: int | None
    time: str
    """UTC, as digits; empty when it tells none."""

    @property
    def version(self) -> str:
        """Changes when the file does: seconds are all that most servers have."""
        return f"{self.time}-{self.size}"

    @property
    def modified(self) -> float:
        """The time in seconds since 1970."""
        try:
            return calendar.timegm(time.strptime(self.time[:14], "%Y%m%d%H%M%S"))
        except ValueError:
            return 0.0


def facts_of(facts: str) -> dict[str, str]:
    """Return the facts of an MLSD or MLST line by their names, in small letters."""
    pairs = (fact.partition("=") for fact in facts.split(";"))
    return {name.lower(): value.lower() for name, _, value in pairs}


def listed(line: str) -> Entry | None:
    """Read a line meant for machines; what is neither a file nor a folder is nothing."""
    facts, _, name = line.partition(" ")
    told = facts_of(facts)
    if told.get("type") not in {"file", "dir"}:
        return None
    size = number(told.get("size"))
    is_folder = told["type"] == "dir"
    return Entry(name, is_folder, size, Facts(is_folder, size, told.get("modify", "")).version)


def guessed(line: str) -> Entry | None:
    """Read a line meant for people; what cannot be read is no file."""
    found = _UNIX.fullmatch(line) or _DOS.fullmatch(line)
    if not found or found["kind"] not in {"-", "d", "<DIR>", None}:
        return None
    return Entry(found["name"], found["kind"] in {"d", "<DIR>"}, number(found["size"]))


def number(text: str | None) -> int | None:
    """Return a number, where it is one."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None
