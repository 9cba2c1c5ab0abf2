"""Customers' file names: cleaned, so that they are safe to show, to send and to put into an archive."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from . import formats

MAX_BYTES = 200
"""UTF-8, so that every file system and archive takes it, with room for a number."""
_MAX_SUFFIX_BYTES = 24
_DOUBLE = tuple(f".{double}" for double in formats.DOUBLE)
# They make "gpj.exe" look like "exe.jpg". Joiners stay: emoji and several scripts need them.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean(name: str, fallback: str = "file") -> str:
    """Return the name without path, control and direction characters, in at most ``MAX_BYTES`` bytes.

    The extension survives a cut. The result is never empty, ``.`` or ``..``.
    """
    # Cut before the work per character: some names are as long as a header may be.
    last = name.replace("\\", "/").rstrip("/ ").rpartition("/")[2][-64 * 1024 :]
    if last[1:2] == ":" and last[0].isascii() and last[0].isalpha():
        last = last[2:]
    kept = "".join(char for char in last if _is_kept(char)).strip()
    return fallback if kept.strip(". ") == "" else _cut(kept, MAX_BYTES)


def unique(names: Iterable[str]) -> list[str]:
    """Return the names in order, cleaned, and numbered where two would be one file somewhere.

    Names that differ only in case, or in how an accent is written, are one file on many machines.
    """
    taken: set[str] = set()
    result = []
    for name in map(clean, names):
        candidate, number = name, 1
        while folded(candidate) in taken:
            number += 1
            candidate = numbered(name, number)
        taken.add(folded(candidate))
        result.append(candidate)
    return result


def numbered(name: str, number: int) -> str:
    """Return the name with a number before its extension."""
    suffix = suffix_of(name)
    stem = name.removesuffix(suffix)
    tail = f"-{number}{suffix}"
    return _truncated(stem, MAX_BYTES - len(tail.encode())) + tail


def suffix_of(name: str) -> str:
    """Return the extension with its dot, ``.tar.gz`` as one; empty when there is none worth keeping."""
    for double in _DOUBLE:
        if name.lower().endswith(double) and len(name) > len(double):
            return name[-len(double) :]
    suffix = PurePosixPath(name).suffix
    return suffix if len(suffix.encode()) <= _MAX_SUFFIX_BYTES else ""


def _is_kept(char: str) -> bool:
    is_noncharacter = ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF
    return not is_noncharacter and char not in _TURNING and unicodedata.category(char) not in _REFUSED


def _cut(name: str, size: int) -> str:
    if len(name.encode()) <= size:
        return name
    suffix = suffix_of(name)
    return _truncated(name.removesuffix(suffix), size - len(suffix.encode())) + suffix


def _truncated(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore").rstrip()


def folded(name: str) -> str:
    """Return what two names have in common that are one file on some machine."""
    return unicodedata.normalize("NFC", name).casefold()
