"""What lies in the file store, whichever it is."""

from __future__ import annotations

from jobs import files


def content(key: str) -> bytes:
    """Return what is stored under a key."""
    with files.open(key) as file:
        return file.read()


def is_there(key: str) -> bool:
    """Tell whether something is stored under a key."""
    return key in files.keys(key.split("/")[1])


def everything() -> set[str]:
    """Return every key there is, of files that are whole and of those that are not."""
    return {key for task in files.untouched(seconds=-60) for key in files.keys(task)}
