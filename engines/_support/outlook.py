"""Reads messages as Outlook keeps them ([MS-OXMSG]), for the warm child."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from olefile import OleFileIO

from engines._support.mail_message import Attachment, Body, Message, Picture, decoded
from engines._support.outlook_rtf import page_in, unpacked

PROPERTIES = "__properties_version1.0"
STRING, STRING8, BINARY = 0x1F, 0x1E, 0x102
SUBJECT, BODY, HTML, RTF = 0x37, 0x1000, 0x1013, 0x1009
SENDER_NAME, SENDER_ADDRESS, SENDER_SMTP = 0xC1A, 0xC1F, 0x5D01
NAME, ADDRESS, SMTP, RECIPIENT_KIND = 0x3001, 0x3003, 0x39FE, 0xC15
SHOWN_TO = {"To": 0xE04, "Cc": 0xE03}
RECIPIENTS = {1: "To", 2: "Cc"}
TIMES = (0x39, 0xE06)
"""When it was submitted, and when it arrived."""
CODEPAGES = (0x3FDE, 0x3FFD)
FILE_NAME, FILE_NAME_8_3, FILE_DATA, CONTENT_ID, FILE_KIND = 0x3707, 0x3704, 0x3701, 0x3712, 0x370E
HEADERS = {"": 32, "__attach": 8, "__recip": 8}
"""How many bytes stand before the properties of each kind of storage."""
EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Storage:
    """A storage of the file, whose streams are the properties of one thing."""

    file: OleFileIO
    place: tuple[str, ...] = ()
    charset: str | None = None

    def text(self, *properties: int) -> str:
        """Return the first of these properties that it has."""
        for number in properties:
            wide = self._stream(number, STRING)
            if wide:
                return wide.decode("utf-16-le", errors="replace").rstrip("\0")
            if narrow := self._stream(number, STRING8):
                return decoded(narrow, self.charset).rstrip("\0")
        return ""

    def data(self, number: int) -> bytes:
        """Return a property of bytes."""
        return self._stream(number, BINARY)

    def fixed(self) -> dict[int, bytes]:
        """Return the properties that stand together, eight bytes each."""
        data = self._read(PROPERTIES)
        begin = HEADERS[self.place[-1].partition("_version")[0] if self.place else ""]
        return {
            int.from_bytes(data[at + 2 : at + 4], "little"): data[at + 8 : at + 16]
            for at in range(begin, len(data) - 15, 16)
        }

    def size(self, number: int) -> int:
        """Return how large a property of bytes is."""
        path = [*self.place, _name(number, BINARY)]
        return int(self.file.get_size(path)) if self.file.exists(path) else 0

    def _stream(self, number: int, kind: int) -> bytes:
        return self._read(_name(number, kind))

    def _read(self, name: str) -> bytes:
        path = [*self.place, name]
        return bytes(self.file.openstream(path).read()) if self.file.exists(path) else b""


def read(path: Path) -> Message:
    """Read a message.

    :raises ValueError: when it is none, or damaged.
    """
    try:
        with OleFileIO(path) as file:
            return _message(file)
    except (OSError, struct.error, IndexError, TypeError, AttributeError) as error:
        raise ValueError("a damaged message") from error


def _message(file: OleFileIO) -> Message:
    top = _Storage(file)
    fixed = top.fixed()
    if not fixed:
        raise ValueError("no properties of a message")
    top = _Storage(file, charset=_charset(fixed))
    message = Message(bodies=list(_bodies(top)))
    for storage in _storages(top, "__attach"):
        _attach(storage, message)
    found = {
        "From": _person(top.text(SENDER_NAME), top.text(SENDER_SMTP, SENDER_ADDRESS)),
        **_recipients(top),
        "Date": _date(fixed),
        "Subject": top.text(SUBJECT),
    }
    message.headers = {name: words for name, words in found.items() if words or name == "Subject"}
    return message


def _bodies(top: _Storage) -> Iterator[Body]:
    page = decoded(data, top.charset) if (data := top.data(HTML)) else top.text(HTML)
    page = page or page_in(unpacked(top.data(RTF)))
    if page or top.text(BODY):
        yield Body(page or top.text(BODY), is_html=bool(page))


def _attach(storage: _Storage, message: Message) -> None:
    name, key = storage.text(FILE_NAME, FILE_NAME_8_3, NAME), storage.text(CONTENT_ID).strip("<>")
    kind = storage.text(FILE_KIND)
    if key and kind.startswith("image/"):
        message.pictures.setdefault(key, Picture(kind, storage.data(FILE_DATA)))
    message.attachments.append(Attachment(name or "attachment", storage.size(FILE_DATA), key))


def _recipients(top: _Storage) -> dict[str, str]:
    found: dict[str, list[str]] = {"To": [], "Cc": []}
    for storage in _storages(top, "__recip"):
        kind = int.from_bytes(storage.fixed().get(RECIPIENT_KIND, b"\1")[:4], "little")
        if kind in RECIPIENTS:
            found[RECIPIENTS[kind]].append(_person(storage.text(NAME), storage.text(SMTP, ADDRESS)))
    return {name: "; ".join(people) or top.text(SHOWN_TO[name]) for name, people in found.items()}


def _person(name: str, address: str) -> str:
    # An address without @ is one of the sender's own directory.
    if "@" not in address or address == name:
        return name
    return f"{name} <{address}>" if name else address


def _date(fixed: dict[int, bytes]) -> str:
    for number in TIMES:
        ticks = int.from_bytes(fixed.get(number, b""), "little")
        # Until the year 9999, as far as dates go here.
        if 0 < ticks < 2650467744000000000:
            return format_datetime(EPOCH + timedelta(microseconds=ticks // 10))
    return ""


def _charset(fixed: dict[int, bytes]) -> str | None:
    page = next((int.from_bytes(fixed[n][:4], "little") for n in CODEPAGES if n in fixed), 0)
    return {0: None, 65001: "utf-8", 20127: "ascii", 28591: "latin-1"}.get(page, f"cp{page}")


def _storages(top: _Storage, begin: str) -> Iterable[_Storage]:
    names = {entry[0] for entry in top.file.listdir() if len(entry) > 1 and entry[0].startswith(begin)}
    return [_Storage(top.file, (name,), top.charset) for name in sorted(names)]


def _name(number: int, kind: int) -> str:
    return f"__substg1.0_{number:04X}{kind:04X}"
