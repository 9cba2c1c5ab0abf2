"""What objects are called: the keys that a task's files are put under, and the names of those that come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from jobs.contract import names, paths

_COUNTER = re.compile(r"%(?:0(\d{1,2}))?d")


def for_files(
    one: str | None, many: str | None, called: Sequence[str], folders: Sequence[str], *, is_folder: bool
) -> list[str]:
    """Return a key for each file, all different.

    :param one: the key the customer gives; ``%d`` in it counts from 1, ``%03d`` with zeros.
    :param many: else, what comes before each file's folder and name.
    :param is_folder: whether that is a folder, and not just how the keys begin.
    """
    if one:
        return list(_different(_numbered(one, number) for number in range(1, len(called) + 1)))
    before = many or ""
    if is_folder and before and not before.endswith("/"):
        before += "/"
    return [f"{before}{path}" for path in paths.unique(called, folders)]


def relative(key: str, prefix: str, *, is_folder: bool) -> str:
    """Return where a key lies below what it was looked for by: its name, with the folders before it."""
    if is_folder:
        base = f"{prefix.rstrip('/')}/" if prefix.strip("/") else prefix
    else:
        base = prefix[: prefix.rfind("/") + 1]
    return key.removeprefix(base)


def _numbered(key: str, number: int) -> str:
    return _COUNTER.sub(lambda found: f"{number:0{found[1] or 0}d}", key)


def _different(keys: Iterator[str]) -> Iterator[str]:
    taken: set[str] = set()
    for key in keys:
        folder, slash, name = key.rpartition("/")
        candidate, number = key, 1
        while candidate in taken:
            number += 1
            candidate = f"{folder}{slash}{names.numbered(name, number)}"
        taken.add(candidate)
        yield candidate
