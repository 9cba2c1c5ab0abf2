"""import/upload: files that customers send to the form of the task."""

from __future__ import annotations

from jobs.contract import Context, Inputs, Operation, Option, OptionProblem, Result, Work, urls
from jobs.contract.errors import UploadFailed


def _redirect(text: str) -> str:
    try:
        urls.parse(text)
    except urls.InvalidURL:
        raise OptionProblem("The redirect format is invalid.") from None
    return text


def receive(_work: Work, _context: Context) -> Result:
    """Refuse to run: the API takes the file in, or workers/arrivals.py does where it comes past the API.

    :raises UploadFailed: always.
    """
    raise UploadFailed("The file was not uploaded.")


OPERATIONS = (
    Operation(
        name="import/upload",
        queue="storage",
        help="Wait for a file that is uploaded to the task's form.",
        run=receive,
        inputs=Inputs.NONE,
        options=(
            Option(
                name="redirect",
                help="Where the browser is sent after the upload; http or https.",
                check=_redirect,
                example="https://example.com/thanks",
            ),
        ),
    ),
)
