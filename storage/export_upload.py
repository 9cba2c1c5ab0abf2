"""export/upload: files to web servers, each with one HTTP PUT; presigned URLs of object stores among them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from jobs.contract import Context, Inputs, Operation, Output, Result, Work, formats, paths, urls
from jobs.contract.errors import Stopped, UploadFailed

from ._support import limits, web

LANES = 8
"""How many files are sent at once."""
# Not before what makes it a percent-encoded byte: %d0 is half a Cyrillic letter.
_COUNTER = re.compile(r"%(?:0([1-9]))?d(?![0-9A-Fa-f])")


def store(work: Work, context: Context) -> Result:
    """Send every file; one that is sent again by a later attempt replaces itself.

    :raises UploadFailed: when the server refuses, does not answer, or breaks off.
    """
    from ._support import sending  # the HTTP client is slow to import, and the API never needs it

    given = work.options["headers"] or {}
    pace = _Pace(work.inputs, context)
    targets = [_parsed(text) for text in addresses(work.options["url"], work.names, work.folders)]
    with ThreadPoolExecutor(LANES, thread_name_prefix="put") as pool:
        # With what this thread knows to hide in the log.
        sends = [
            pool.submit(
                copy_context().run, sending.put, path, target, headers(given, target, name), pace.watch, pace
            )
            for path, name, target in zip(work.inputs, work.names, targets, strict=True)
        ]
        try:
            for sent in as_completed(sends):
                sent.result()
        except BaseException:
            pace.end()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Result(files=tuple(_outputs(work)))


def addresses(url: str, names: tuple[str, ...], folders: tuple[str, ...]) -> list[str]:
    """Return the URL of each file: with its number for ``%d``, or its name behind a final slash.

    A single file goes to the URL as it is.

    :raises UploadFailed: when several would have the same.
    """
    numbered = [_numbered(url, number) for number in range(1, len(names) + 1)]
    if len(names) == 1 or len(set(numbered)) > 1:
        return numbered
    before, question, query = url.partition("#")[0].partition("?")
    if not before.endswith("/"):
        raise UploadFailed("The url must have %d for the number of each of several files, or end in a slash.")
    return [f"{before}{quote(path)}{question}{query}" for path in paths.unique(names, folders)]


def _numbered(url: str, number: int) -> str:
    return _COUNTER.sub(lambda found: f"{number:0{found[1] or 0}d}", url)


def headers(given: dict[str, str], url: urls.Url, name: str) -> dict[str, str]:
    """Return the customer's headers, and the file's type if they do not say it and the URL allows it."""
    if any(each.lower() == "content-type" for each in given) or _signs_type(url):
        return given
    return {**given, "content-type": formats.mime_type(name)}


def _signs_type(url: urls.Url) -> bool:
    # Version 2 of S3's and Google's signatures holds the type, or that there is none; 4 what it names itself.
    return {"Signature", "Expires"} <= set(parse_qs(urlsplit(f"{url}").query))


def _parsed(text: str) -> urls.Url:
    try:
        return urls.parse(text)
    except urls.InvalidURL as error:
        raise UploadFailed("The url format is invalid, or too long with the names of the files.") from error


def _outputs(work: Work) -> Iterator[Output]:
    for path, name, folder in zip(work.inputs, work.names, work.folders, strict=True):
        yield Output(path=path, name=name, dir=folder)


class _Pace:
    """Counts what all lanes have sent, and ends the others when one has failed."""

    def __init__(self, files: Sequence[Path], context: Context) -> None:
        self.watch = limits.Watch(context)
        self._context = context
        self._total = sum(path.stat().st_size for path in files) or 1
        self._sent = 0
        self._lock = threading.Lock()
        self._ended = False

    def __call__(self, size: int) -> None:
        with self._lock:
            if self._ended:
                raise Stopped
            self._sent += size
            self._context.progress(100 * self._sent / self._total)

    def end(self) -> None:
        self._ended = True


OPERATIONS = (
    Operation(
        name="export/upload",
        queue="storage",
        help="Send the files to a web server with HTTP PUT.",
        run=store,
        inputs=Inputs.ALL,
        max_seconds=limits.MAX_SECONDS,
        options=web.options(
            where="Where the file is put; %d in it numbers several, their names follow a slash at its end",
            example="https://example.com/inbox/report.pdf",
            headers="such as Authorization or Content-Type",
        ),
    ),
)
