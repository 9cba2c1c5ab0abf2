"""Finds out in which encoding a text is. Standard library only, for warm children too."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from pathlib import Path

LOOKED_AT = 64 * 1024
MARKS = (
    *((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
)
DECLARED = re.compile(rb"<(?:meta|\?xml)[^>]+(?:charset|encoding)\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
# Where a European letter should be, it would be a sign in the other encoding.
SIGN_IN_WORD = re.compile(r"(?<=[a-zA-Z])[\xb3\xb9\xbf\u203a](?=[a-z])|\xb3(?=\w)|\u0153(?=[bcdfghjklmnpwz])")


FEWEST, LEAST = 4, 0.5
"""How many foreign letters tell their script, and how much of them must make sense in it."""


class NoText(Exception):
    """The file is not text in any encoding."""


def of(path: Path, *, is_page: bool = False) -> str:
    """Return the encoding of a text file, as Python calls it.

    :param is_page: what the page itself says counts, where it can be.
    :raises NoText: when it is no text.
    """
    with path.open("rb") as file:
        head = file.read(LOOKED_AT)
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return _wide(head)
    if _is_utf8(path):
        return "utf-8"
    declared = DECLARED.search(head[:4096]) if is_page else None
    if declared and _known(declared[1].decode()):
        return declared[1].decode().lower()
    return likely(head)


def of_head(head: bytes) -> str:
    """Return the encoding of a text by its beginning, as Python calls it.

    :raises NoText: when it is no text.
    """
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return _wide(head)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < LOOKED_AT)
    except UnicodeDecodeError:
        return likely(head)
    return "utf-8"


def likely(head: bytes) -> str:
    """Return the encoding that text of one or two bytes a letter, which is not UTF-8, is most likely in."""
    words = WORD.findall(head)
    foreign = sum(byte >= 0x80 for word in words for byte in word)
    if foreign >= FEWEST and 2 * foreign > sum(map(len, words)):
        mixed = sum(any(byte < 0x80 for byte in word) for word in words)
        scripts = {**PAIRS, **(LETTERS if 4 * mixed <= len(words) else {})}
        scores = {name: _score(head, name, weigh) for name, weigh in scripts.items()}
        best = max(scores, key=lambda name: scores[name])
        if scores[best] > LEAST:
            return best
    return "cp1250" if SIGN_IN_WORD.search(head.decode("cp1252", errors="replace")) else "cp1252"


def _score(head: bytes, name: str, weigh: Callable[[str, str], float]) -> float:
    """Return how much of the foreign letters makes sense, from 0 to 1."""
    try:
        # What was cut off may have been cut within a letter.
        text = codecs.getincrementaldecoder(name)().decode(head, final=len(head) < LOOKED_AT)
    except UnicodeDecodeError:
        return 0
    found = [(before, char) for before, char in zip(" " + text, text, strict=False) if char > "\x7f"]
    return sum(weigh(before, char) for before, char in found) / max(1, len(found))


def _japanese(_before: str, char: str) -> float:
    if "\u3041" <= char <= "\u30fe":
        return 1
    return 0.85 if _is_common(char, "cp932", 0x98) else 0.6 if "\uff61" <= char <= "\uff9f" else 0.3


def _simplified(_before: str, char: str) -> float:
    return 0.9 if char <= "\u9fff" and _is_common(char, "gb2312", 0xD8) else 0.2


def _traditional(_before: str, char: str) -> float:
    return 0.9 if _is_common(char, "big5", 0xC7) else 0.2


def _korean(_before: str, char: str) -> float:
    common = "\uac00" <= char <= "\ud7a3" and len(_coded(char, "euc_kr")) == 2
    return 1 if common else 0.2


def _cased(low: str, high: str) -> Callable[[str, str], float]:
    def weigh(before: str, char: str) -> float:
        if not low <= char <= high:
            return 0.3
        # A capital after a small letter is a sign of another order of letters.
        return 0.1 if char.isupper() and before.islower() else 0.95

    return weigh


def _arabic(_before: str, char: str) -> float:
    return 0.9 if "\u0600" <= char <= "\u06ff" else 0.1


def _thai(_before: str, char: str) -> float:
    return 0.9 if "\u0e00" <= char <= "\u0e7f" else 0


PAIRS: Mapping[str, Callable[[str, str], float]] = {
    "cp932": _japanese,
    "euc_jp": _japanese,
    "cp949": _korean,
    "gb18030": _simplified,
    "big5": _traditional,
}
LETTERS: Mapping[str, Callable[[str, str], float]] = {
    "cp1251": _cased("\u0400", "\u045f"),
    "koi8_r": _cased("\u0400", "\u045f"),
    "cp1253": _cased("\u0386", "\u03ce"),
    "cp1256": _arabic,
    "cp874": _thai,
}
"""Encodings of letters that are not Latin, two bytes each and one; the first of equals is taken."""


def _is_common(char: str, encoding: str, before: int) -> bool:
    """Tell whether a character is among those its encoding has first, which are the usual ones."""
    coded = _coded(char, encoding)
    return len(coded) == 2 and coded[0] < before


def _coded(char: str, encoding: str) -> bytes:
    return char.encode(encoding, errors="ignore")


def _wide(head: bytes) -> str:
    half = len(head) // 2
    for name, nothing in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if (
            half >= 2
            and nothing.count(0) > 0.4 * half
            and "\0" not in head[: 2 * half].decode(name, "replace")
        ):
            return name
    raise NoText


def _known(name: str) -> bool:
    try:
        # Python knows codecs that are none of text.
        "".encode(name)
        b"".decode(name)
    except (LookupError, ValueError):
        return False
    # What was not found to be Unicode is not.
    return not codecs.lookup(name).name.startswith("utf")


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while data := file.read(LOOKED_AT):
                decoder.decode(data)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
