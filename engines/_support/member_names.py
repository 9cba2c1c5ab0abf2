"""What an archive's members are called, where it does not say in which encoding."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable

GUESSES = ("cp932", "cp437", "cp1252")
"""Of Windows in Japan, of DOS and old ZIP programs, of Windows in the West; the first of equals wins."""


def decoded(raw: Iterable[bytes]) -> list[str]:
    """Return names as text: UTF-8 where they are, else in the encoding in which the rest look like names."""
    wanted = list(raw)
    others = [name for name in wanted if not _is_utf8(name)]
    encoding = max(GUESSES, key=lambda guess: sum(_score(name, guess) for name in others))
    return [
        name.decode() if _is_utf8(name) else name.decode(encoding, errors="replace").replace("\ufffd", "_")
        for name in wanted
    ]


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _score(name: bytes, encoding: str) -> int:
    try:
        text = name.decode(encoding)
    except UnicodeDecodeError:
        return -100
    kinds = [_kind(char) for char in text]
    score = sum(_WORTH[kind] for kind in kinds)
    # Bytes of the West read as Japanese are single signs among letters.
    mixed = sum({"ascii", "japanese"} == {one, other} for one, other in itertools.pairwise(kinds))
    return score - 3 * mixed


_WORTH = {"ascii": 0, "plain": 0, "japanese": 2, "latin": 1, "odd": -2}


def _kind(char: str) -> str:
    if char.isascii():
        return "ascii" if char.isalpha() else "plain"
    name = unicodedata.name(char, "")
    if name.startswith("LATIN"):
        return "latin"
    return "japanese" if name.startswith(("CJK UNIFIED", "HIRAGANA", "KATAKANA")) else "odd"
