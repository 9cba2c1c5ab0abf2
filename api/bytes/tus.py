"""Resumable uploads by the tus protocol 1.0: to the form's URL of an upload task, its fields as the query."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from uuid import UUID

from django.conf import settings
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from api import bodies, links, threads
from jobs import files, services
from jobs.contract.errors import (
    ApiError,
    BadRequest,
    Conflict,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    UnsupportedMediaType,
)
from jobs.models import File

from . import checksums, spool, uploads
from .checksums import Checksum, ChecksumMismatch

VERSION = "1.0.0"
METHODS = "DELETE, HEAD, OPTIONS, PATCH, POST"
MAX_METADATA = 4096
"""Characters; they are part of the upload's URL."""
_EXTENSIONS = (
    *("creation", "creation-with-upload", "creation-defer-length"),
    *("checksum", "expiration", "termination"),
)
_BYTES = "application/offset+octet-stream"
_KEY = re.compile(r"[0-9a-f]{32}")


class OtherVersion(ApiError):
    """The client speaks another version of the protocol, or does not say."""

    status = 412
    code = "PRECONDITION_FAILED"
    message = f"Send the header Tus-Resumable: {VERSION}."


class Gone(ApiError):
    """There is nothing to go on with."""

    status = 410
    code = "GONE"
    message = "The task has its file already, or has ended without one."


def is_meant(scope: Scope) -> bool:
    """Tell whether a request to an upload's URL speaks the protocol, and is not a form."""
    return scope["method"] in {"DELETE", "HEAD", "PATCH"} or "tus-resumable" in Headers(scope=scope)


def abilities() -> dict[str, str]:
    """Return the headers that say what we can."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Max-Size": f"{settings.ATHANOR_MAX_FILE_BYTES}",
        "Tus-Extension": ",".join(_EXTENSIONS),
        "Tus-Checksum-Algorithm": ",".join(checksums.KINDS),
    }


async def answer(scope: Scope, receive: Receive, *, task: UUID | None) -> Response:
    """Answer a request of the protocol.

    :param task: the task the path names, if it does; else the query tells.
    :raises ApiError: when it is refused; what had come before stays.
    :raises bodies.ClientGone: when nobody is left to be told; what has come stays.
    """
    request = _Request(Headers(scope=scope), receive)
    try:
        if request.headers.get("tus-resumable") != VERSION:
            raise OtherVersion(headers={"Tus-Version": VERSION})
        act = _ACTS.get(request.headers.get("x-http-method-override", scope["method"]).upper())
        if act is None:
            raise MethodNotAllowed(headers={"Allow": METHODS})
        query = Request(scope).query_params
        response = await act(_Upload(links.check_upload(query, task=task), query), request)
    except ApiError as error:
        error.headers.setdefault("Tus-Resumable", VERSION)
        raise
    response.headers["Tus-Resumable"] = VERSION
    return response


@dataclass(frozen=True)
class _Request:
    headers: Headers
    receive: Receive

    @property
    def has_bytes(self) -> bool:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == _BYTES

    def number(self, name: str) -> int | None:
        text = self.headers.get(name)
        return None if text is None else _number(text, name)


@dataclass(frozen=True)
class _Upload:
    """What is uploaded, as its URL says. Only the grant is signed: with the rest one fools but oneself."""

    grant: links.Grant
    query: Mapping[str, str]

    @property
    def task(self) -> UUID:
        return self.grant.task

    @property
    def key(self) -> str:
        key = self.query.get("upload", spool.DIRECT)
        if key != spool.DIRECT and not _KEY.fullmatch(key):
            raise NotFound
        return key

    @property
    def limit(self) -> int:
        return min(self.grant.max_size, settings.ATHANOR_MAX_FILE_BYTES)

    @property
    def length(self) -> int | None:
        text = self.query.get("upload_length")
        return None if text is None else self.fitting(_number(text, "upload_length"))

    @property
    def metadata(self) -> str:
        try:
            return base64.urlsafe_b64decode(self.query.get("metadata", "") + "==").decode()
        except ValueError:
            raise links.LinkRefused from None

    @property
    def name(self) -> str:
        told = _pairs(self.metadata)
        given = told.get("filename") or told.get("name") or self.query.get("filename", "")
        return uploads.name_of(given, told.get("filetype") or told.get("type", ""))

    @property
    def expires(self) -> str:
        return format_datetime(datetime.fromtimestamp(self.grant.expires, UTC), usegmt=True)

    def fitting(self, length: int) -> int:
        if length > self.limit:
            raise TooLarge("The file is larger than this form allows.")
        return length

    async def wanted(self) -> None:
        try:
            await threads.database(uploads.redirect_of, self.task)
        except Conflict as error:
            raise Gone from error


async def _create(upload: _Upload, request: _Request) -> Response:
    await upload.wanted()
    length, deferred = request.number("upload-length"), request.headers.get("upload-defer-length")
    if (length is None) is (deferred is None) or deferred not in {None, "1"}:
        raise BadRequest("Send either Upload-Length, or Upload-Defer-Length: 1.")
    metadata = request.headers.get("upload-metadata", "")
    _pairs(metadata)
    if len(metadata) > MAX_METADATA:
        raise TooLarge(f"The Upload-Metadata must be at most {MAX_METADATA} characters long.")
    what = {"metadata": base64.urlsafe_b64encode(metadata.encode()).decode().rstrip("=")}
    if length is not None:
        what["upload_length"] = f"{upload.fitting(length)}"
    what["upload"] = await threads.disk(spool.begin, upload.task)
    headers = {"Location": links.upload_url(upload.query, upload.task, **what)}
    if request.has_bytes or length == 0:
        created = _Upload(upload.grant, what)
        headers["Upload-Offset"] = f"{await _append(created, request, at=0)}"
    return Response(status_code=201, headers={**headers, "Upload-Expires": upload.expires})


async def _head(upload: _Upload, _request: _Request) -> Response:
    offset, length = await _state(upload)
    headers = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": f"{length}"}
    if upload.metadata:
        headers["Upload-Metadata"] = upload.metadata
    headers |= {"Upload-Offset": f"{offset}", "Upload-Expires": upload.expires, "Cache-Control": "no-store"}
    return Response(status_code=200, headers=headers)


async def _patch(upload: _Upload, request: _Request) -> Response:
    if not request.has_bytes:
        raise UnsupportedMediaType(f"Send the bytes as {_BYTES}.")
    at = request.number("upload-offset")
    if at is None:
        raise BadRequest("Send the Upload-Offset.")
    await upload.wanted()
    offset = await _append(upload, request, at=at)
    return Response(status_code=204, headers={"Upload-Offset": f"{offset}", "Upload-Expires": upload.expires})


async def _delete(upload: _Upload, _request: _Request) -> Response:
    await upload.wanted()
    await threads.disk(spool.remove, upload.task, upload.key)
    return Response(status_code=204)


_ACTS: Mapping[str, Callable[[_Upload, _Request], Awaitable[Response]]] = {
    "DELETE": _delete,
    "HEAD": _head,
    "PATCH": _patch,
    "POST": _create,
}


async def _state(upload: _Upload) -> tuple[int, int | None]:
    """Return how much is here of how much; what is whole, but was never published since we died, is."""
    try:
        await upload.wanted()
    except Gone:
        # Who did not hear the last answer asks.
        length = upload.length
        if length is None or not await threads.database(_has, upload, length):
            raise
        return length, length
    offset, told = await threads.disk(spool.look, upload.task, upload.key)
    length = told if upload.length is None else upload.length
    if offset == length:
        part = await threads.disk(spool.Part, upload.task, upload.key)
        try:
            await _publish(upload, part)
        finally:
            await threads.disk(part.close)
    return offset, length


def _has(upload: _Upload, size: int) -> bool:
    return File.objects.filter(task_id=upload.task, name=upload.name, size=size, done=True).exists()


async def _append(upload: _Upload, request: _Request, *, at: int) -> int:
    """Add a request's body to an upload and return how much is here now; with the last byte the task ends."""
    part = await threads.disk(spool.Part, upload.task, upload.key)
    try:
        if part.offset != at:
            raise Conflict(f"The upload goes on at {part.offset}, not at {at}.")
        length = await _length(upload, request, part)
        await _receive(request, part, room=(upload.limit if length is None else length) - at)
        if part.offset == length:
            await _publish(upload, part)
        return part.offset
    finally:
        await threads.disk(part.close)


async def _length(upload: _Upload, request: _Request, part: spool.Part) -> int | None:
    _, told = await threads.disk(spool.look, upload.task, upload.key)
    known = told if upload.length is None else upload.length
    new = request.number("upload-length")
    if new is None or new == known:
        return known
    if known is not None or new < part.offset:
        raise BadRequest(f"The Upload-Length cannot be {new} any more.")
    await threads.disk(part.expect, upload.fitting(new))
    return new


async def _receive(request: _Request, part: spool.Part, *, room: int) -> None:
    if (request.number("content-length") or 0) > room:
        raise TooLarge("There are more bytes than the upload has.")
    checksum = Checksum.read(request.headers.get("upload-checksum"))
    if checksum:
        await threads.disk(part.hold)
    pieces: list[bytes] = []
    size = 0
    try:
        async for chunk in bodies.chunks(request.receive):
            room -= len(chunk)
            if room < 0:
                raise TooLarge("There are more bytes than the upload has.")
            pieces.append(chunk)
            size += len(chunk)
            if size >= files.CHUNK:
                full, pieces, size = pieces, [], 0
                await threads.disk(_write, part, full, checksum)
    finally:
        # Whatever ended it, what has come need not come again.
        await threads.disk(_write, part, pieces, checksum)
    if checksum and not checksum.fits:
        raise ChecksumMismatch
    await threads.disk(part.keep)


def _write(part: spool.Part, pieces: list[bytes], checksum: Checksum | None) -> None:
    part.write(pieces)
    if checksum:
        for piece in pieces:
            checksum.running.update(piece)


async def _publish(upload: _Upload, part: spool.Part) -> None:
    stored = await threads.disk(part.store)
    kept = await threads.disk(uploads.format_of, stored, upload.name)
    try:
        await threads.database(
            uploads.publish, upload.task, services.Staged(stored, upload.name, format=kept)
        )
    except Conflict as error:
        raise Gone from error
    await threads.disk(spool.remove_all, upload.task)


def _pairs(metadata: str) -> dict[str, str]:
    told = {}
    for pair in filter(None, map(str.strip, metadata.split(","))):
        key, _, value = pair.partition(" ")
        told[key] = checksums.decoded(value, "Upload-Metadata").decode(errors="replace")
    return told


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadRequest(f"The {name.title()} must be a number.")
    return int(text)
