"""import/url: files from the web, over http and https."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.contract import Context, Inputs, Operation, Option, OptionProblem, Output, Result, Work, names, urls
from jobs.contract.errors import DownloadFailed, FileTooLarge

from ._support import filenames, limits

if TYPE_CHECKING:
    from ._support.fetching import Answer

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_OURS = {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}
_PACKED = (".gz", ".tgz", ".svgz")


def _url(text: str) -> str:
    try:
        urls.parse(text.strip())
    except urls.InvalidURL:
        raise OptionProblem("The url format is invalid.") from None
    return text.strip()


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise OptionProblem(f"The headers must not have a name like {name[:50]!r}.")
        if name.lower() in _OURS or name.lower().startswith("proxy-"):
            raise OptionProblem(f"The headers must not set {name}.")
        if any(char != "\t" and (char < " " or char == "\x7f") for char in value):
            raise OptionProblem(f"The headers must not have line breaks or control characters in {name}.")
        if not _encodes(value):
            raise OptionProblem(f"The headers must have valid text in {name}.")
    return {name: value.strip() for name, value in headers.items()}


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def fetch(work: Work, context: Context) -> Result:
    """Download the file.

    :raises DownloadFailed: when the server refuses, does not answer, or breaks off.
    :raises FileTooLarge: when it is, or turns out to be, above the cap.
    """
    from ._support import fetching  # the HTTP client is slow to import, and the API never needs it

    url = _parsed(work.options["url"])
    target = work.output_dir / "download"
    with fetching.get(url, work.options["headers"] or {}, limits.Watch(context)) as answer:
        name = work.options["filename"] or filenames.of_answer(
            answer.header("Content-Disposition"), answer.url.last_segment, answer.header("Content-Type")
        )
        _save(answer, target, context, keep_packed=name.lower().endswith(_PACKED))
    return Result(files=(Output(path=target, name=name),))


def _parsed(text: str) -> urls.Url:
    try:
        return urls.parse(text)
    except urls.InvalidURL as error:
        raise DownloadFailed("The url format is invalid.") from error


def _save(answer: Answer, target: Path, context: Context, *, keep_packed: bool) -> None:
    length = answer.length
    if length and length > limits.MAX_FILE_BYTES:
        raise FileTooLarge
    with limits.CappedFile(target) as file:
        for chunk in answer.chunks(keep_packed=keep_packed):
            file.write(chunk)
            if length:
                context.progress(100 * answer.received / length)


OPERATIONS = (
    Operation(
        name="import/url",
        queue="storage",
        help="Download a file from the web.",
        run=fetch,
        inputs=Inputs.NONE,
        max_seconds=limits.MAX_SECONDS,
        options=(
            Option(
                name="url",
                help="Where the file is; http or https.",
                required=True,
                check=_url,
                example="https://example.com/report.docx",
            ),
            Option(
                name="filename",
                help="The file's name with its extension; by default what the server or the URL calls it.",
                check=names.clean,
            ),
            Option(
                name="headers",
                type="dictionary",
                help="Request headers to send, such as Authorization; only to the host of the URL.",
                max_length=8 * 1024,
                secret=True,
                check=_headers,
            ),
        ),
    ),
)
