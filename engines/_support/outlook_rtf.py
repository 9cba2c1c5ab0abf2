"""Unpacks the RTF that Outlook keeps ([MS-OXRTFCP]), and the web page it was made of ([MS-OXRTFEX])."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field, replace

PACKED, PLAIN = b"LZFu", b"MELA"
# Every packed text begins with this in mind.
START = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor "
    rb"MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
WINDOW = 4096
MOST = 64 * 1024 * 1024
"""Bytes of unpacked text."""
TOKEN = re.compile(
    rb"\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|\\(?P<sign>[^a-zA-Z])"
    rb"|(?P<brace>[{}])|[\r\n]+|(?P<plain>[^\\{}\r\n]+)"
)
WRITTEN = {
    "par": "\r\n",
    "line": "\r\n",
    "tab": "\t",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "bullet": "\u2022",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
    "endash": "\u2013",
    "emdash": "\u2014",
}
SIGNS = {b"~": "\u00a0", b"_": "\u00ad", b"{": "{", b"}": "}", b"\\": "\\"}
CHARSETS = {
    0: "cp1252",
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    134: "cp936",
    136: "cp950",
    161: "cp1253",
}
CHARSETS |= {162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251"}
CHARSETS |= {222: "cp874", 238: "cp1250"}
"""What a font's \\fcharset stands for."""


def unpacked(data: bytes) -> bytes:
    """Return RTF that was packed; nothing where it is damaged."""
    if len(data) < 16:
        return b""
    size, kind = struct.unpack("<I4s", data[4:12])
    if kind == PLAIN:
        return data[16 : 16 + size]
    return _unpack(data[16:], min(size, MOST)) if kind == PACKED else b""


def _unpack(data: bytes, size: int) -> bytes:
    made = bytearray(START)
    at = 0
    while at < len(data) and len(made) - len(START) < size:
        flags = data[at]
        at += 1
        for bit in range(8):
            if not flags >> bit & 1:
                made += data[at : at + 1]
                at += 1
                continue
            pair = data[at : at + 2]
            at += 2
            if len(pair) < 2:
                break
            place, length = pair[0] << 4 | pair[1] >> 4, (pair[1] & 15) + 2
            # Places are those of a ring; how far back that is depends on where we are in it.
            back = (len(made) - place) % WINDOW
            if not back or back > len(made):
                return bytes(made[len(START) :])
            for _ in range(length):
                made.append(made[-back])
    return bytes(made[len(START) :][:size])


@dataclass(frozen=True)
class _Group:
    """What holds in a group, and for the groups in it."""

    is_page: bool = False
    """Within what the page itself had: it counts, while what its look was made of does not."""
    ignored: bool = False
    hidden: bool = False
    charset: str = "cp1252"
    skip: int = 1
    """Characters that stand in for each Unicode one."""


@dataclass
class _Page:
    charset: str = "cp1252"
    fonts: dict[int, str] = field(default_factory=dict)
    font: int = 0
    raw: bytearray = field(default_factory=bytearray)
    words: list[str] = field(default_factory=list)
    group: _Group = field(default_factory=_Group)
    outer: list[_Group] = field(default_factory=list)
    to_skip: int = 0
    starred: bool = False
    in_fonts: int = 0
    """How deep the table of fonts lies; 0 outside of it."""

    @property
    def shows(self) -> bool:
        return not self.group.ignored and (self.group.is_page or not self.group.hidden)

    def say(self, text: str) -> None:
        if self.shows:
            self._settle()
            self.words.append(text)

    def say_raw(self, data: bytes) -> None:
        data, self.to_skip = data[self.to_skip :], max(0, self.to_skip - len(data))
        if self.shows:
            self.raw += data

    def _settle(self) -> None:
        if self.raw:
            self.words.append(self.raw.decode(self.group.charset, errors="replace"))
            self.raw.clear()

    def open(self) -> None:
        self._settle()
        self.outer.append(self.group)

    def close(self) -> None:
        self._settle()
        if self.outer:
            self.group = self.outer.pop()
        if len(self.outer) < self.in_fonts:
            self.in_fonts = 0

    def change(self, **changes: object) -> None:
        self._settle()
        self.group = replace(self.group, **changes)  # type: ignore[arg-type]

    def text(self) -> str:
        self._settle()
        # Characters beyond the sixteenth bit come in two halves.
        return "".join(self.words).encode("utf-16", "surrogatepass").decode("utf-16", errors="replace")


def page_in(rtf: bytes) -> str:
    """Return the web page that RTF was made of; nothing when it was not made of one."""
    if b"\\fromhtml1" not in rtf[:2000]:
        return ""
    page = _Page()
    for token in TOKEN.finditer(rtf):
        _take(token, page)
    return page.text()


def _take(token: re.Match[bytes], page: _Page) -> None:
    if token["hex"]:
        page.say_raw(bytes.fromhex(token["hex"].decode()))
    elif token["plain"]:
        page.say_raw(token["plain"])
    elif token["brace"]:
        page.open() if token["brace"] == b"{" else page.close()
    elif token["sign"]:
        if token["sign"] == b"*":
            page.starred = True
            return
        page.say(SIGNS.get(token["sign"], ""))
    elif token["word"]:
        _word(token["word"].decode(), int(token["number"] or 0), page, given=token["number"] is not None)
    page.starred = False


def _word(word: str, number: int, page: _Page, *, given: bool) -> None:
    if word == "htmltag" and page.starred:
        page.change(is_page=True, ignored=False)
    elif page.starred or word in {"colortbl", "stylesheet", "info", "pict"}:
        page.change(ignored=True)
    elif word == "fonttbl":
        page.change(ignored=True)
        page.in_fonts = len(page.outer)
    elif word == "htmlrtf":
        page.change(hidden=not given or number != 0)
    elif word in WRITTEN:
        page.say(WRITTEN[word])
    elif word == "u":
        page.say(chr(number % 0x10000))
        page.to_skip = page.group.skip
    else:
        _charset(word, number, page)


def _charset(word: str, number: int, page: _Page) -> None:
    if word == "uc":
        page.change(skip=number)
    elif word == "ansicpg":
        page.charset = f"cp{number}" if number != 65001 else "utf-8"
        page.change(charset=page.charset)
    elif word == "f":
        page.font = number
        if not page.in_fonts:
            page.change(charset=page.fonts.get(number, page.charset))
    elif word == "fcharset" and page.in_fonts and number in CHARSETS:
        page.fonts[page.font] = CHARSETS[number] if number else page.charset
