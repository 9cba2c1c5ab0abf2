"""Sends a published file to whoever holds its signed URL: whole, in ranges, or not at all if unchanged."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from django.utils import timezone
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.types import Scope

from api import links, threads
from jobs import files
from jobs.contract import formats
from jobs.contract.errors import ApiError, NotFound
from jobs.models import File

LINK_SECONDS = 900
"""How long the file store's own link is good for beginning a download; ours makes another."""
_ONE_RANGE = re.compile(r"bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII | re.IGNORECASE)
# A customer's HTML or SVG must not run as ours. What browsers need to show media by itself is allowed.
_POLICY = "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'"


class RangeRefused(ApiError):
    """The range begins behind the end of the file."""

    status = 416
    code = "RANGE_NOT_SATISFIABLE"
    message = "The file ends before this range."


@dataclass(frozen=True)
class _Part:
    """What is sent of a file of so many bytes."""

    first: int
    size: int
    of: int
    is_range: bool = True

    @property
    def headers(self) -> dict[str, str]:
        told = {"Accept-Ranges": "bytes", "Content-Length": f"{self.size}"}
        if self.is_range:
            told["Content-Range"] = f"bytes {self.first}-{self.first + self.size - 1}/{self.of}"
        return told


async def send_file(scope: Scope, *, task: UUID) -> Response:
    """Return the file a signed URL names. Once its sending has begun, deleting the file does not stop it.

    :raises ApiError: when the URL is refused, or the file is gone.
    """
    grant = links.check_download(Request(scope).query_params, task=task)
    file = await threads.database(_row, grant)
    headers = _headers(file, inline=grant.disposition == "inline")
    asked = Headers(scope=scope)
    if _is_known(asked.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if scope["method"] == "GET" and _follows(asked) and (url := await _link(file, grant, headers)):
        return RedirectResponse(url, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    changed = asked.get("if-range", headers["ETag"]) != headers["ETag"]
    part = _part(None if changed else asked.get("range"), file.size)
    pieces = files.read(file.key, part.first, part.size)
    # Looked for before the headers are sent, for these say that it is there.
    first = await threads.disk(next, pieces, b"")
    return StreamingResponse(
        _sent(first, pieces if scope["method"] == "GET" else iter(())),
        206 if part.is_range else 200,
        {**headers, **part.headers},
        formats.mime_type(file.name),
    )


def _follows(asked: Headers) -> bool:
    # Node's https.get, by which the vendor's CLI downloads, follows no redirect, and names itself to nobody.
    return "user-agent" in asked


async def _link(file: File, grant: links.Grant, headers: Mapping[str, str]) -> str | None:
    """Return where the file store itself gives the file to a client, if it does."""
    shown = files.Shown(
        formats.mime_type(file.name), headers["Content-Disposition"], headers["Cache-Control"]
    )
    left = int(grant.expires - timezone.now().timestamp())
    return await threads.disk(files.link, file.key, shown, seconds=max(1, min(left, LINK_SECONDS)))


async def _sent(first: bytes, rest: Iterator[bytes]) -> AsyncIterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = await threads.disk(next, rest, b"")


def _row(grant: links.Grant) -> File:
    assert grant.file
    file = File.objects.filter(pk=grant.file, task_id=grant.task, done=True).first()
    if file is None:
        raise NotFound
    return file


def _headers(file: File, *, inline: bool) -> dict[str, str]:
    kind = formats.mime_type(file.name)
    # Chrome does not show PDF in a sandbox; it runs nothing of it as ours either.
    policy = _POLICY if kind == "application/pdf" else f"sandbox; {_POLICY}"
    return {
        "ETag": f'"{file.sha256}"',
        "Content-Disposition": disposition(file.name, inline=inline),
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private",
        "Referrer-Policy": "no-referrer",
    }


def disposition(name: str, *, inline: bool) -> str:
    """Return a ``Content-Disposition`` that old and new clients read alike, whatever the name holds."""
    kind = "inline" if inline else "attachment"
    plain = "".join(char if " " <= char <= "~" and char not in '"\\' else "_" for char in name)
    extended = f"; filename*=UTF-8''{quote(name, safe='')}" if plain != name else ""
    return f'{kind}; filename="{plain}"{extended}'


def _is_known(if_none_match: str | None, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    return bool(tags & {etag, "*"})


def _part(asked: str | None, size: int) -> _Part:
    """Return the one range that is asked for, or the whole file: other wishes are not obeyed, as HTTP allows.

    :raises RangeRefused: when it begins behind the end.
    """
    # Not even matched when long: a run of spaces takes the square of its length.
    match = _ONE_RANGE.fullmatch(asked) if asked and len(asked) <= 100 else None
    first, last = match.groups() if match else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)):
        return _Part(0, size, size, is_range=False)
    begin = int(first) if first else max(0, size - int(last))
    if begin >= size:
        raise RangeRefused(headers={"Content-Range": f"bytes */{size}"})
    end = min(size, int(last) + 1) if first and last else size
    return _Part(begin, end - begin, size)
