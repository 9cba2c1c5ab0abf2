"""One request to a web server, and its answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

import httpx

from jobs.contract.urls import InvalidURL, Url

from .door import TIMEOUTS, Transport
from .inflate import inflated
from .verdicts import Verdicts

MAX_REDIRECTS = 5


@dataclass(frozen=True)
class Answer:
    """A server's answer, its body still to be read."""

    url: Url
    """Where it came from."""
    response: httpx.Response

    @property
    def status(self) -> int:
        """What it is: 200 and the like."""
        return self.response.status_code

    def header(self, name: str) -> str:
        """Return a header's text, or an empty string. Servers send UTF-8 where only ASCII is allowed."""
        wanted = name.lower().encode()
        for key, value in self.response.headers.raw:
            if key.lower() == wanted:
                try:
                    return value.decode()
                except UnicodeDecodeError:
                    return value.decode("latin-1")
        return ""

    @property
    def length(self) -> int | None:
        """How many bytes it says are coming."""
        text = self.header("Content-Length")
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def received(self) -> int:
        """How many bytes have come."""
        return self.response.num_bytes_downloaded

    @property
    def _packing(self) -> str:
        packing = self.header("Content-Encoding").strip().lower()
        return "" if packing == "identity" else packing

    def chunks(self, *, keep_packed: bool) -> Iterator[bytes]:
        """Yield the body in small pieces.

        :param keep_packed: leave it packed, for the file itself is one that is packed that way.
        :raises DownloadFailed: when it is packed in a way we did not ask for and cannot read.
        """
        body = self.response.iter_raw()
        return body if self.is_unpacked(keep_packed=keep_packed) else inflated(body, self._packing)

    def is_unpacked(self, *, keep_packed: bool) -> bool:
        """Tell whether the body is the file's own bytes."""
        return not self._packing or (keep_packed and self._packing in {"gzip", "x-gzip"})

    def redirect(self, verdicts: Verdicts) -> Url:
        """Return where it redirects to.

        :raises TaskError: when that is nowhere we go.
        """
        try:
            return self.url.join(self.header("Location"))
        except (InvalidURL, ValueError) as error:
            text = "The server redirected to something that is no http or https URL."
            raise verdicts.failed(text) from error


@contextmanager
def ask(
    transport: Transport,
    method: str,
    url: Url,
    headers: Mapping[str, str],
    body: bytes | Iterable[bytes] = b"",
) -> Iterator[Answer]:
    """Send one request and yield what is answered, while its connection is open.

    :param headers: they win over ours, except for those that say how the file travels.
    """
    sent = {"user-agent": "Athanor", "accept": "*/*"}
    sent |= {name.lower(): value for name, value in headers.items()}
    sent |= {"accept-encoding": "identity", "connection": "close"}
    encoded = [(name.encode(), value.encode()) for name, value in sent.items()]
    request = httpx.Request(method, f"{url}", headers=encoded, content=body, extensions={"timeout": TIMEOUTS})
    with closing(transport.handle_request(request)) as response:
        yield Answer(url, response)
