"""Stands in front of Django: reads bodies, marks requests for the synchronous API, and waits for Django.

Django holds a thread for as long as it has a request. So it is asked only when the body is there, is not told
when a client is gone, and instead of waiting it answers at once with what to wait for
(``Athanor-Wait: job|task <id>``), what to ask for then (``Athanor-Then: <path>``), and perhaps after how
long to do so in any case (``Athanor-Within: <seconds>``).
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Collection
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from django.conf import settings
from starlette.types import Receive, Scope, Send

from jobs.contract.errors import ApiError, TooLarge

from . import bodies, threads, wsgi
from .answers import refusal
from .endings import Endings

log = logging.getLogger(__name__)

SYNC = b"athanor-sync"
_OURS = b"athanor-"
_OF_THE_BODY = {b"content-length", b"content-type", b"content-encoding", b"transfer-encoding", b"expect"}
_WITHOUT_BODY = {204, 304}
_MEMORY_BYTES = 1024 * 1024
"""Longer bodies lie in a temporary file until Django has time for them."""
_THREADS = 16
"""How many requests Django has at once, each for milliseconds, each with a connection to the database."""


class Waiting:
    """The ASGI layer around Django."""

    def __init__(self, application: wsgi.Application, *, sync_ports: Collection[int] = ()) -> None:
        """Stand in front of Django.

        :param sync_ports: ports of our own on which every request is for the synchronous API.
        """
        self.endings = Endings()
        self._django = wsgi.Threads(application, size=_THREADS)
        self._sync_ports = frozenset(sync_ports)
        self._asked: dict[tuple[Any, ...], asyncio.Future[wsgi.Answer]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, however long that takes."""
        try:
            answer = await self._answer(scope, receive)
        except bodies.ClientGone:
            return
        except ApiError as error:
            await refusal(error)(scope, receive, send)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            await refusal(ApiError())(scope, receive, send)
        else:
            await _send(answer, send)

    async def _answer(self, scope: Scope, receive: Receive) -> wsgi.Answer:
        _inspect(scope)
        inner = _marked(scope, is_sync=is_sync(scope, self._sync_ports))
        with tempfile.SpooledTemporaryFile(_MEMORY_BYTES) as body:
            await _read(receive, body)
            answer = await self._django.ask(inner, body)
        awaited = answer.header("athanor-wait")
        if not awaited:
            return answer
        kind, _, thing = awaited.partition(" ")
        within = answer.header("athanor-within")
        await self._ended(kind, UUID(thing), receive, float(within) if within else None)
        return await self._follow(_following(scope, answer.header("athanor-then")))

    async def _follow(self, scope: Scope) -> wsgi.Answer:
        """Ask what is asked after the wait; once for all who ask the same at that moment."""
        question = (scope["path"], scope["query_string"], *scope["headers"])
        asked = self._asked.get(question)
        if asked is None:
            asked = self._asked[question] = asyncio.ensure_future(self._django.ask(scope, BytesIO()))
            asked.add_done_callback(lambda _: self._asked.pop(question))
        return await asyncio.shield(asked)

    async def _ended(self, kind: str, thing: UUID, receive: Receive, within: float | None) -> None:
        gone = asyncio.ensure_future(_gone(receive))
        ended = asyncio.ensure_future(self.endings.wait(kind, thing))
        try:
            await asyncio.wait({gone, ended}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                ended.result()
            elif gone.done():
                raise bodies.ClientGone
        finally:
            gone.cancel()
            ended.cancel()


def is_sync(scope: Scope, sync_ports: Collection[int] = ()) -> bool:
    """Tell whether a request is for the synchronous API: by our own port, or by the host name used."""
    server = scope.get("server")
    if server and server[1] in sync_ports:
        return True
    host = next((value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"), "")
    host = _with_port(host, scope.get("scheme", "http"))
    if host == _place(settings.ATHANOR_PUBLIC_URL):
        return False
    return host == _place(settings.ATHANOR_SYNC_URL) or "sync" in host.partition(":")[0].split(".")[:-1]


def _place(url: str) -> str:
    parts = urlsplit(url)
    return _with_port(parts.netloc.lower(), parts.scheme)


def _with_port(host: str, scheme: str) -> str:
    return host.removesuffix(":443" if scheme == "https" else ":80")


def _inspect(scope: Scope) -> None:
    """Refuse what neither Django nor we need to read."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if int(length) > settings.ATHANOR_MAX_BODY_BYTES:
        expects = any(name == b"expect" for name, _ in scope["headers"])
        raise TooLarge(headers={"Connection": "close"} if expects else None)


def _marked(scope: Scope, *, is_sync: bool) -> Scope:
    headers = [pair for pair in scope["headers"] if not pair[0].lower().startswith(_OURS)]
    return {**scope, "headers": [*headers, *([(SYNC, b"1")] if is_sync else [])]}


def _following(scope: Scope, then: str) -> Scope:
    """Return the scope of the question to ask after the wait: a GET with the client's own headers."""
    path, _, query = then.partition("?")
    headers = [pair for pair in scope["headers"] if pair[0].lower() not in _OF_THE_BODY]
    return {
        **_marked({**scope, "headers": headers}, is_sync=False),
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
    }


async def _read(receive: Receive, into: Any) -> None:
    size = 0
    async for chunk in bodies.chunks(receive):
        size += len(chunk)
        if size > settings.ATHANOR_MAX_BODY_BYTES:
            raise TooLarge
        if size > _MEMORY_BYTES:
            await threads.disk(into.write, chunk)
        else:
            into.write(chunk)
    into.seek(0)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(answer: wsgi.Answer, send: Send) -> None:
    named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers = [pair for pair in named if not pair[0].startswith(_OURS)]
    if not answer.header("content-length") and answer.status not in _WITHOUT_BODY:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
