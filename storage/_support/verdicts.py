"""What goes wrong between us and a web server, in sentences for whoever waits for the file."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from jobs.contract.errors import (
    DownloadFailed,
    DownloadUnreachable,
    TaskError,
    UploadFailed,
    UploadUnreachable,
)

MAX_HEADER_LINES = 100
MAX_HEADER_BYTES = 64 * 1024
_LATER = {408, 425, 429}


@dataclass(frozen=True)
class Verdicts:
    """The failures of one direction."""

    failed: type[TaskError]
    """The far side refused, or sent what cannot be right."""
    unreachable: type[TaskError]
    """It did not answer or broke off; another attempt later may do better."""

    def on(self, status: int) -> None:
        """Return if an answer with this status is a positive one.

        :raises TaskError: when it is not.
        """
        if 200 <= status < 300:
            return
        phrase = next((f" {known.phrase}" for known in HTTPStatus if known == status), "")
        text = f"The server answered {status}{phrase}."
        raise self.unreachable(text) if status >= 500 or status in _LATER else self.failed(text)

    def on_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Return if an answer's headers are no more than what is sensible.

        :raises TaskError: when they are.
        """
        # The library stops reading soon after; this is the same number everywhere.
        size = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > MAX_HEADER_LINES or size > MAX_HEADER_BYTES:
            raise self.failed("The server sent more headers than a file needs.")

    @contextmanager
    def sentences(self, host: str) -> Iterator[None]:
        """Turn the library's failures into ours.

        :param host: as the customer named it; no other is told.
        """
        try:
            yield
        except httpx.TimeoutException as error:
            raise self.unreachable(f"The server {host} did not answer in time.") from error
        except httpx.ConnectError as error:
            raise self._on_connecting(host, error) from error
        except httpx.LocalProtocolError as error:
            raise self.failed("The request could not be sent; check the headers.") from error
        except httpx.RemoteProtocolError as error:
            raise self.unreachable(f"The server {host} broke off or does not speak HTTP.") from error
        except httpx.TransportError as error:
            raise self.unreachable(f"The connection to {host} broke off.") from error

    def _on_connecting(self, host: str, error: httpx.ConnectError) -> TaskError:
        causes = tuple(type(cause) for cause in _causes(error))
        if any(issubclass(cause, ssl.SSLCertVerificationError) for cause in causes):
            return self.failed(f"The certificate of {host} is not valid.")
        if any(issubclass(cause, socket.gaierror | UnicodeError) for cause in causes):
            return self.unreachable(f"The host {host} could not be found.")
        return self.unreachable(f"The server {host} could not be reached.")


DOWNLOAD = Verdicts(DownloadFailed, DownloadUnreachable)
UPLOAD = Verdicts(UploadFailed, UploadUnreachable)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__
