"""What a server calls the file it sends."""

from __future__ import annotations

import mimetypes
import re
from urllib.parse import unquote, unquote_to_bytes

from jobs.contract import formats, names

_PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
_VAGUE = {"", "application/octet-stream", "binary/octet-stream", "application/x-download"}


def of_answer(disposition: str, segment: str, content_type: str) -> str:
    """Return the cleaned name a header gives, else the URL's last segment, else ``file``.

    A name without an extension gets that of the content type, since the extension tells the format.
    """
    given = from_disposition(disposition)
    name = names.clean(given) if given else names.clean(segment)
    if given or formats.of(name):
        return name
    extension = extension_of(content_type)
    return names.clean(f"{name}.{extension}") if extension else name


def from_disposition(header: str) -> str:
    """Return the file name in a ``Content-Disposition``; empty without one. RFC 5987 wins over plain."""
    found = {key.lower(): value.strip() for key, value in _PARAMETER.findall(f";{header}")}
    return _extended(found.get("filename*", "")) or _unquoted(found.get("filename", ""))


def extension_of(content_type: str) -> str:
    """Return the extension that goes with a MIME type; empty when it tells nothing."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _VAGUE:
        return ""
    known = [name for name, mime in formats.MIME_TYPES.items() if mime == kind]
    if known:
        # video/mp4 is also that of m4v; the namesake is meant.
        return min(known, key=lambda name: name != kind.partition("/")[2])
    return formats.canonical(mimetypes.guess_extension(kind) or "")


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value.strip('"')


def _extended(value: str) -> str:
    charset, _, rest = value.strip('"').partition("'")
    encoded = rest.partition("'")[2]
    try:
        return unquote_to_bytes(encoded).decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return unquote(encoded, errors="replace")
