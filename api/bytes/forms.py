"""Reads ``multipart/form-data`` as it streams in, as leniently as real clients need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header, make_header
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from jobs.contract.errors import BadRequest, UnsupportedMediaType

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_FIELDS = 64
MAX_FIELD_BYTES = 64 * 1024
"""Of all fields together, names and values."""
MAX_HEADER_BYTES = 32 * 1024
_PARAMETER = re.compile(r';\s*([\w*.-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.ASCII)
_BROKEN = "The upload form is malformed or incomplete."


@dataclass(frozen=True)
class Field:
    """A parameter of the form."""

    name: str
    value: str


@dataclass(frozen=True)
class FileBegins:
    """The headers of the file's part; its bytes follow."""

    filename: str
    media_type: str


Event = Field | FileBegins | bytes


class Form:
    """One form's parser: takes the body in pieces, gives what was in them."""

    def __init__(self, content_type: str) -> None:
        """Prepare for a body of this type.

        :raises UnsupportedMediaType: when it is not a form with a boundary.
        """
        self.complete = False
        """Whether the end of the form was seen."""
        self._events: list[Event] = []
        self._headers: dict[str, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._field: tuple[str, bytearray] | None = None
        self._fields = 0
        self._field_bytes = 0
        self._files = 0
        try:
            self._parser = MultipartParser(
                _boundary(content_type), self._callbacks(), max_header_size=MAX_HEADER_BYTES
            )
        except FormParserError as error:
            raise UnsupportedMediaType("The boundary of the form is too long.") from error

    def feed(self, chunk: bytes) -> list[Event]:
        """Return what a piece of the body brought, in order.

        :raises BadRequest: when it is no form.
        """
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadRequest(_BROKEN) from error
        events, self._events = self._events, []
        return events

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._part_ends,
            "on_end": self._ends,
        }

    def _part_begins(self) -> None:
        self._headers = {}
        self._header = (bytearray(), bytearray())

    def _header_ends(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _headers_end(self) -> None:
        disposition = parameters(_text(self._headers.get("content-disposition", b"")))
        name = disposition.get("name", "")
        # A string posted by PHP comes as the part "file" without a filename.
        if name != "file" and not {"filename", "filename*"} & set(disposition):
            self._field = (name, bytearray())
            self._count(len(name), fields=1)
            return
        self._files += 1
        if self._files > 1:
            raise BadRequest("The form takes one file.")
        media_type = self._headers.get("content-type", b"").decode("latin-1")
        self._events.append(FileBegins(_filename(disposition), media_type.partition(";")[0].strip()))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._events.append(data[start:end])
            return
        self._field[1].extend(data[start:end])
        self._count(end - start)

    def _count(self, size: int, *, fields: int = 0) -> None:
        self._fields += fields
        self._field_bytes += size
        if self._field_bytes > MAX_FIELD_BYTES or self._fields > MAX_FIELDS:
            raise BadRequest("The form has too many or too long fields.")

    def _part_ends(self) -> None:
        if self._field is not None:
            name, value = self._field
            self._events.append(Field(name, _text(bytes(value))))
            self._field = None

    def _ends(self) -> None:
        self.complete = True


def parameters(header: str) -> dict[str, str]:
    """Return the parameters of a header, quoted or not; the keys in lower case."""
    # Node 3 writes form-data;name="file";filename=my file (1).txt: no spaces, no quotes.
    return {name.lower(): _unquoted(value) for name, value in _PARAMETER.findall(f";{header}")}


def _boundary(content_type: str) -> bytes:
    kind = content_type.partition(";")[0].strip().lower()
    boundary = parameters(content_type).get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise UnsupportedMediaType("Send the upload as multipart/form-data with a boundary.")
    return boundary.encode("latin-1", errors="replace")


def _filename(disposition: dict[str, str]) -> str:
    extended = disposition.get("filename*", "")
    charset, _, rest = extended.partition("'")
    encoded = rest.partition("'")[2]
    if encoded:
        try:
            return unquote_to_bytes(encoded).decode(charset or "utf-8")
        except (LookupError, ValueError):
            pass
    plain = disposition.get("filename", "")
    if plain.startswith("=?") and plain.endswith("?="):
        # .NET's MultipartFormDataContent writes names beyond ASCII as mail does.
        try:
            return str(make_header(decode_header(plain)))
        except (MessageError, LookupError, ValueError):
            pass
    return plain


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        # Only quotes are escaped by clients; other backslashes belong to a Windows path.
        return value[1:-1].replace('\\"', '"')
    return value


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
