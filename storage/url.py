"""import/url: files from the web, over http and https."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.contract import Context, Inputs, Operation, Option, Output, Result, Work, names, urls
from jobs.contract.errors import DownloadFailed

from ._support import filenames, limits, web

if TYPE_CHECKING:
    from ._support.asking import Answer


def fetch(work: Work, context: Context) -> Result:
    """Download the file.

    :raises DownloadFailed: when the server refuses, does not answer, or breaks off.
    :raises FileTooLarge: when it is, or turns out to be, above the cap.
    """
    from ._support import downloading  # the HTTP client is slow to import, and the API never needs it

    def naming(answer: Answer) -> str:
        return work.options["filename"] or filenames.of_answer(
            answer.header("Content-Disposition"), answer.url.last_segment, answer.header("Content-Type")
        )

    target = work.output_dir / "download"
    url = _parsed(work.options["url"])
    name = downloading.download(url, work.options["headers"] or {}, target, context, naming=naming)
    return Result(files=(Output(path=target, name=name),))


def _parsed(text: str) -> urls.Url:
    try:
        return urls.parse(text)
    except urls.InvalidURL as error:
        raise DownloadFailed("The url format is invalid.") from error


URL, HEADERS = web.options(
    where="Where the file is", example="https://example.com/report.docx", headers="such as Authorization"
)
OPERATIONS = (
    Operation(
        name="import/url",
        queue="storage",
        help="Download a file from the web.",
        run=fetch,
        inputs=Inputs.NONE,
        max_seconds=limits.MAX_SECONDS,
        options=(
            URL,
            Option(
                name="filename",
                help="The file's name with its extension; by default what the server or the URL calls it.",
                check=names.clean,
            ),
            HEADERS,
        ),
    ),
)
