"""How the texts of settings are read."""

from __future__ import annotations

import re

from jobs.contract.reach import Reach


def flag(text: str) -> bool:
    """Return whether a text says yes."""
    return text.lower() in {"1", "true", "yes", "on"}


def words(text: str) -> tuple[str, ...]:
    """Return words separated by commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def reach(text: str) -> tuple[str, ...]:
    """Return networks and hosts.

    :raises ValueError: when it cannot be read.
    """
    Reach.read(text)
    return words(text)


def numbers(text: str) -> tuple[int, ...]:
    """Return numbers separated by commas.

    :raises ValueError: when it cannot be read.
    """
    return tuple(int(word) for word in words(text))


def slots(text: str) -> dict[str, int]:
    """Return numbers by their names.

    :raises ValueError: when it cannot be read.
    """
    pairs = [word.partition("=") for word in words(text)]
    if not all(name and number.isdecimal() and int(number) for name, _, number in pairs):
        raise ValueError("write something like storage=8,ffmpeg=2")
    return {name: int(number) for name, _, number in pairs}


def versions(text: str) -> tuple[tuple[str, str], ...]:
    """Return versions, each behind its engine.

    :raises ValueError: when it cannot be read.
    """
    pairs = [word.partition("=") for word in words(text)]
    if not all(
        engine and re.fullmatch(r"[0-9]+([.-][0-9A-Za-z]+)*", version) for engine, _, version in pairs
    ):
        raise ValueError("write something like libreoffice=25.2,ffmpeg=7")
    return tuple((engine, version) for engine, _, version in pairs)
