"""Azure's SDK, held to our rules: nothing of the environment, names as they are, every piece told."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import requests
from azure.core.credentials import AccessToken, AzureNamedKeyCredential, AzureSasCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient, LinearRetry
from requests.adapters import HTTPAdapter

from jobs.contract import outbound

from . import refusals
from .door import CONNECT_SECONDS, IDLE_SECONDS
from .place import Advance

PIECE = 256 * 1024
PAGE = 500
"""Blobs of one listing: each may come with ten kilobytes of name and notes."""
MOST_BYTES = 8 * 1024 * 1024
"""Of an answer that is no blob."""
MOST_SECONDS = 120.0
CONNECTIONS = 16
Credential = AzureNamedKeyCredential | AzureSasCredential


class Told:
    """Tells of a part's bytes as they pass, each once, however often the request for it is made."""

    def __init__(self, advance: Advance, key: str, length: int) -> None:
        self._advance, self._key, self._length = advance, key, length
        self._at = self._most = 0

    def begin(self) -> None:
        """Hear that the part is moved from its beginning."""
        self._at = 0

    def passed(self, size: int) -> None:
        """Count bytes.

        :raises StorageUnreachable: when they are more than there can be.
        """
        self._at += size
        if self._at > self._length:
            raise refusals.altered(self._key)
        fresh = max(0, self._at - self._most)
        self._most += fresh
        self._advance(fresh)


class _Body:
    """Bytes to send, told of piece by piece; sent from the beginning each time they are asked for."""

    def __init__(self, data: bytes, told: Told) -> None:
        self._data, self._told = data, told

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[memoryview]:
        self._told.begin()
        with memoryview(self._data) as view:
            for start in range(0, len(view), PIECE):
                piece = view[start : start + PIECE]
                yield piece
                self._told.passed(len(piece))


class _Bounded:
    """An answer that is no blob: it ends, or is cut."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, *args: Any, **options: Any) -> Iterator[bytes]:
        """Yield its bytes.

        :raises ValueError: when they are too many, or come too slowly.
        """
        ends, came = time.monotonic() + MOST_SECONDS, 0
        for piece in self._raw.stream(*args, **options):
            came += len(piece)
            if came > MOST_BYTES or time.monotonic() > ends:
                self._raw.close()
                raise ValueError("The answer does not end.")
            yield piece


class _Adapter(HTTPAdapter):
    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        answer = super().send(request, *args, **options)
        if not options.get("stream") or answer.status_code >= 300:
            answer.raw = _Bounded(answer.raw)
        return answer


class _Transport(RequestsTransport):  # type: ignore[misc]
    """Takes no proxy, no netrc and no certificates from the environment; operations may pass ``told``."""

    def __init__(self) -> None:
        session = requests.Session()
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(pool_maxsize=CONNECTIONS, max_retries=0))
        # The system's certificates, so that an operator can add a private authority.
        known = ssl.get_default_verify_paths()
        super().__init__(
            session=session,
            connection_timeout=CONNECT_SECONDS,
            read_timeout=IDLE_SECONDS,
            connection_data_block_size=PIECE,
            connection_verify=known.cafile or known.capath or True,
        )

    def send(self, request: Any, *, told: Told | None = None, **options: Any) -> Any:
        body = request.data
        if told and body:
            request.data = _Body(body, told)
        try:
            answer = super().send(request, auth=partial(_exactly, request.url), **options)
        finally:
            request.data = body
        if told and options.get("stream"):
            answer.stream_download = partial(_listened, answer.stream_download, told)
        return answer


def _exactly(url: str, request: requests.PreparedRequest) -> requests.PreparedRequest:
    # The library takes a/../b for b, which is another blob.
    request.url = url
    return request


def _listened(stream_download: Any, told: Told, *args: Any, **options: Any) -> Any:
    stream = stream_download(*args, **options)
    stream.iter_content_func = _pieces(stream.iter_content_func, told)
    return stream


def _pieces(pieces: Iterator[bytes], told: Told) -> Iterator[bytes]:
    told.begin()
    for piece in pieces:
        told.passed(len(piece))
        yield piece


class _MachineCredential:
    """What the machine that this runs on may do: a managed identity, or what its environment says."""

    def __init__(self) -> None:
        from azure.identity import DefaultAzureCredential

        # No developer's sign-in, and no program is started.
        self._chain = DefaultAzureCredential(
            exclude_cli_credential=True,
            exclude_developer_cli_credential=True,
            exclude_powershell_credential=True,
            exclude_shared_token_cache_credential=True,
            exclude_visual_studio_code_credential=True,
            exclude_interactive_browser_credential=True,
            exclude_broker_credential=True,
        )

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token; it comes from the operator's own services, not from where a customer points."""
        with outbound.trusted():
            return self._chain.get_token(*scopes, **options)


def _silent() -> logging.Logger:
    silent = logging.getLogger("azure.silent")
    silent.disabled = True
    return silent


def opened(endpoint: str, container: str, credential: Credential | None) -> ContainerClient:
    """Return a client of a container.

    :param credential: None for the machine's own.
    """
    return ContainerClient(
        endpoint,
        container,
        credential=credential or _MachineCredential(),
        transport=_Transport(),
        retry_policy=LinearRetry(backoff=1, retry_total=1, random_jitter_range=0),
        permit_redirects=False,
        user_agent_use_env=False,
        # It would log every request.
        logger=_silent(),
    )
