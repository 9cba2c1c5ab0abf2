"""Takes a form's file straight into the file store, and finishes its upload task."""

from __future__ import annotations

import hashlib
import threading
from uuid import UUID
from xml.sax.saxutils import escape

from django.conf import settings
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope

from api import bodies, links, threads
from jobs import files, routing, services
from jobs.contract import formats, names
from jobs.contract.errors import (
    ApiError,
    BadRequest,
    Conflict,
    LengthRequired,
    NotFound,
    TooLarge,
)
from jobs.models import Task
from jobs.states import Status

from .forms import Event, Field, FileBegins, Form

FORM_BYTES = 1024 * 1024
"""What a form may hold beside its file."""


async def receive_form(scope: Scope, receive: Receive, *, task: UUID | None) -> Response:
    """Store the file of a form for its task and finish the task; exactly one file wins.

    :param task: the task the path names, if it does; else the form tells.
    :raises ApiError: when the form is refused; nothing of it is kept, and the task waits as before.
    :raises bodies.ClientGone: likewise, when nobody is left to be told.
    """
    form = _inspect(Headers(scope=scope))
    upload = _Upload(task)
    try:
        async for chunk in bodies.chunks(receive):
            for event in form.feed(chunk):
                await upload.take(event)
        if not form.complete:
            raise BadRequest("The upload form is malformed or incomplete.")
        return await upload.publish()
    finally:
        await upload.clear()


def _inspect(headers: Headers) -> Form:
    """Refuse what need not be read; a client that asked before sending then does not send."""
    try:
        form = Form(headers.get("content-type", ""))
        length = headers.get("content-length", "")
        if not length.isdigit():
            # Chunked bodies too: they are not part of the contract, and hide how much is to come.
            raise LengthRequired
        if int(length) > settings.ATHANOR_MAX_FILE_BYTES + FORM_BYTES:
            raise TooLarge("The file is larger than this service allows.")
    except ApiError as error:
        if "expect" in headers:
            error.headers["Connection"] = "close"
        raise
    return form


class _Upload:
    """The file of one request on its way into the store."""

    def __init__(self, task: UUID | None) -> None:
        self._task = task
        self._fields: dict[str, str] = {}
        self._grant: links.Grant | None = None
        self._redirect: str | None = None
        self._name = ""
        self._limit = 0
        self._size = 0
        self._pieces: list[bytes] = []
        self._piece_bytes = 0
        self._staging: _Staging | None = None

    async def take(self, event: Event) -> None:
        if isinstance(event, Field):
            self._fields[event.name] = event.value
        elif isinstance(event, FileBegins):
            await self._begin(event)
        else:
            await self._write(event)

    async def _begin(self, part: FileBegins) -> None:
        # The file is the last field, so all that allows it is here. Nothing is written for strangers.
        self._grant = links.check_upload(self._fields, task=self._task)
        self._redirect = await threads.database(redirect_of, self._grant.task)
        in_key = self._fields.get("key", "").partition("/")[2]
        given = part.filename or ("" if "${filename}" in in_key else in_key)
        self._name = name_of(given, part.media_type)
        self._limit = min(self._grant.max_size, settings.ATHANOR_MAX_FILE_BYTES)
        self._staging = await threads.disk(_Staging, self._grant.task)

    async def _write(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise TooLarge("The file is larger than this form allows.")
        self._pieces.append(piece)
        self._piece_bytes += len(piece)
        if self._piece_bytes >= files.CHUNK:
            await self._flush()

    async def _flush(self) -> None:
        assert self._staging
        pieces, self._pieces, self._piece_bytes = self._pieces, [], 0
        await threads.disk(self._staging.write, pieces)

    async def publish(self) -> Response:
        if not self._staging or not self._grant:
            raise BadRequest('The form has no file: send it as the last field, named "file".')
        await self._flush()
        stored = await threads.disk(self._staging.close)
        kept = await threads.disk(format_of, stored, self._name)
        self._staging = None
        staged = services.Staged(stored, self._name, format=kept)
        await threads.database(publish, self._grant.task, staged)
        if self._redirect:
            return RedirectResponse(self._redirect, 303)
        return _post_response(self._grant.task, staged)

    async def clear(self) -> None:
        if self._staging:
            await threads.disk(self._staging.discard)


class _Staging:
    """A file that nobody knows yet; for use in threads."""

    def __init__(self, task: UUID) -> None:
        self._hash = hashlib.sha256()
        self._size = 0
        # A request cancelled while it writes discards from another thread.
        self._lock = threading.Lock()
        self._writing = files.begin(task)

    def write(self, pieces: list[bytes]) -> None:
        with self._lock:
            for piece in pieces:
                self._hash.update(piece)
                self._size += len(piece)
                self._writing.write(piece)

    def close(self) -> files.Stored:
        with self._lock:
            self._writing.close()
        return files.Stored(self._writing.key, self._size, self._hash.hexdigest())

    def discard(self) -> None:
        with self._lock:
            self._writing.discard()


def format_of(stored: files.Stored, name: str) -> str:
    """Return the format to keep for a file that has been stored."""
    with files.open(stored.key) as file:
        return routing.format_of_new(file, name)


def redirect_of(task: UUID) -> str | None:
    """Return where the task's browser goes after the upload; refuse when the task takes none."""
    row = Task.objects.filter(pk=task, operation=services.UPLOAD).values_list("status", "payload").first()
    if row is None:
        raise NotFound
    status, payload = row
    if status != Status.WAITING:
        raise Conflict("The task has its file already, or has ended without one.")
    return payload.get("redirect") or None


def publish(task: UUID, staged: services.Staged) -> None:
    """Finish a task with its file; the file is removed when another was faster, and on every failure."""
    # In one piece, so that a caller cancelled meanwhile cannot remove a file that was published.
    try:
        won = services.receive_upload(task, staged)
    except BaseException:
        files.remove(staged.stored.key)
        raise
    if not won:
        files.remove(staged.stored.key)
        raise Conflict("The task has its file already, or has ended without one.")


def name_of(given: str, media_type: str) -> str:
    """Return a file's name: the one given, else a guess."""
    kinds = [extension for extension, kind in formats.MIME_TYPES.items() if kind == media_type.lower()]
    return names.clean(given, fallback=f"file.{kinds[0]}" if kinds else "file")


def _post_response(task: UUID, staged: services.Staged) -> Response:
    """Answer as S3 does: clients look at the status 201, some at the XML."""
    location, etag = links.object_url(task, staged.name), f'"{staged.stored.sha256}"'
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<PostResponse><Location>{escape(location)}</Location><Bucket>tasks</Bucket>"
        f"<Key>{escape(f'{task}/{staged.name}')}</Key><ETag>{escape(etag)}</ETag></PostResponse>"
    )
    return Response(body, 201, {"Location": location, "ETag": etag}, "application/xml")
