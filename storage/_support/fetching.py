"""GET over HTTP: redirects we decide on ourselves, and answers told apart by what helps the customer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jobs.contract.errors import DownloadFailed
from jobs.contract.urls import Url

from .asking import MAX_REDIRECTS, Answer, ask
from .door import Transport
from .limits import Watch
from .verdicts import DOWNLOAD

_REDIRECTS = {301, 302, 303, 307, 308}


@contextmanager
def get(url: Url, headers: Mapping[str, str], part: Mapping[str, str], watch: Watch) -> Iterator[Answer]:
    """Ask for a URL and yield the positive answer, while its connection is open.

    :param headers: the customer's; they go to the origin of this URL only, never where it redirects to.
    :param part: what to ask besides, wherever it redirects to.
    :raises AddressRefused: when it is, or redirects to, an address we do not connect to.
    :raises DownloadFailed: when the server refuses or sends what cannot be right.
    :raises DownloadUnreachable: when it does not answer or breaks off.
    """
    with DOWNLOAD.sentences(url.host), Transport(watch) as transport:
        for _ in range(MAX_REDIRECTS + 1):
            with ask(transport, "GET", url, {**headers, **part}) as answer:
                DOWNLOAD.on_headers(answer.response.headers.raw)
                if answer.status not in _REDIRECTS or not answer.header("Location"):
                    DOWNLOAD.on(answer.status)
                    yield answer
                    return
                target = answer.redirect(DOWNLOAD)
            if target.origin != url.origin:
                headers = {}
            url = target
    raise DownloadFailed(f"The server redirected more than {MAX_REDIRECTS} times.")
