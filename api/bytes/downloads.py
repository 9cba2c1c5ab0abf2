"""Sends a published file to whoever holds its signed URL: whole, in ranges, or not at all if unchanged."""

from __future__ import annotations

import os
import re
from urllib.parse import quote
from uuid import UUID

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Scope

from api import links, threads
from jobs import files
from jobs.contract import formats
from jobs.contract.errors import ApiError, NotFound
from jobs.models import File

_ONE_RANGE = re.compile(r"bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII | re.IGNORECASE)
# A customer's HTML or SVG must not run as ours. What browsers need to show media by itself is allowed.
_POLICY = "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'"


class RangeRefused(ApiError):
    """The range begins behind the end of the file."""

    status = 416
    code = "RANGE_NOT_SATISFIABLE"
    message = "The file ends before this range."


class _Sending(FileResponse):
    # Fewer trips to a thread; several thousand downloads still fit in memory.
    chunk_size = 256 * 1024


async def send_file(scope: Scope, *, task: UUID) -> Response:
    """Return the file a signed URL names. Once its sending has begun, deleting the file does not stop it.

    :raises ApiError: when the URL is refused, or the file is gone.
    """
    grant = links.check_download(Request(scope).query_params, task=task)
    file = await threads.database(_row, grant)
    path = files.path(file.key)
    try:
        stat = await threads.disk(os.stat, path)
    except FileNotFoundError:
        raise NotFound from None
    headers = _headers(file, inline=grant.disposition == "inline")
    asked = Headers(scope=scope)
    if _is_known(asked.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    _settle_range(scope, asked.get("range"), stat.st_size)
    return _Sending(path, headers=headers, media_type=formats.mime_type(file.name), stat_result=stat)


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


def _settle_range(scope: Scope, asked: str | None, size: int) -> None:
    """Leave one range that makes sense, or none: others are answered with the whole file, as HTTP allows.

    :raises RangeRefused: when it begins behind the end.
    """
    if asked is None:
        return
    # Not even matched when long: a run of spaces takes the square of its length.
    match = _ONE_RANGE.fullmatch(asked) if len(asked) <= 100 else None
    first, last = match.groups() if match else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)):
        del MutableHeaders(scope=scope)["range"]
    elif (int(first) if first else 0) >= size or (not first and int(last) == 0):
        raise RangeRefused(headers={"Content-Range": f"bytes */{size}"})
