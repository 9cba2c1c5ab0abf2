"""PUT over HTTP: one file in one request, streamed, that the server takes whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, unquote_plus

import httpx

from jobs.contract.errors import UploadFailed
from jobs.contract.urls import Url

from .asking import MAX_REDIRECTS, Answer, ask
from .door import SLICE, Transport
from .limits import Watch
from .verdicts import UPLOAD

log = logging.getLogger(__name__)

# Those that want the same request again; after others a client would go on with a GET, and lose the file.
_REDIRECTS = {307, 308}
_WORDS_BYTES = 1000


def put(
    source: Path, url: Url, headers: Mapping[str, str], watch: Watch, advance: Callable[[int], None]
) -> None:
    """Send a file to a URL, and again where the server redirects it to.

    :param headers: they go to the origin of this URL only, never where it redirects to.
    :param advance: is told how many bytes were sent; fewer than none when they have to be sent again.
    :raises AddressRefused: when it is, or redirects to, an address we do not connect to.
    :raises UploadFailed: when the server refuses.
    :raises UploadUnreachable: when it does not answer or breaks off.
    """
    length = {"content-length": f"{source.stat().st_size}"}
    with UPLOAD.sentences(url.host), Transport(watch) as transport:
        for _ in range(MAX_REDIRECTS + 1):
            pieces = _Pieces(source, advance)
            with ask(transport, "PUT", url, {**headers, **length}, pieces) as answer:
                UPLOAD.on_headers(answer.response.headers.raw)
                if answer.status not in _REDIRECTS or not answer.header("Location"):
                    _log_words(answer)
                    UPLOAD.on(answer.status)
                    return
                target = answer.redirect(UPLOAD)
            if target.origin != url.origin:
                headers = {}
            if target.scheme == "http" != url.scheme:
                raise UploadFailed("The server redirected to an address without encryption.")
            url = target
            advance(-pieces.sent)
    raise UploadFailed(f"The server redirected more than {MAX_REDIRECTS} times.")


class _Pieces:
    """A file as a request's body."""

    def __init__(self, source: Path, advance: Callable[[int], None]) -> None:
        self._source = source
        self._advance = advance
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        with self._source.open("rb") as file:
            while piece := file.read(SLICE):
                yield piece
                self.sent += len(piece)
                self._advance(len(piece))


def _log_words(answer: Answer) -> None:
    """Log what a server says to its refusal: the customer is told the status only."""
    if answer.status < 300:
        return
    words = b""
    try:
        for piece in answer.response.iter_raw(_WORDS_BYTES):
            words += piece
            if len(words) >= _WORDS_BYTES:
                break
    except httpx.TransportError:
        pass  # The status says enough.
    said = _without_query(words[:_WORDS_BYTES].decode(errors="replace"), answer.url)
    log.warning("%s answered a PUT with %d: %r", answer.url.host, answer.status, said)


def _without_query(text: str, url: Url) -> str:
    # A presigned URL is a key as long as it lives, and servers repeat what they were asked.
    for pair in url.target.partition("?")[2].split("&"):
        value = pair.partition("=")[2]
        for spelling in {value, unquote(value), unquote_plus(value)}:
            text = text.replace(spelling, "...") if len(spelling) > 7 else text
    return text
