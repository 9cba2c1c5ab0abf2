"""import/raw: a text file whose content comes in the request."""

from __future__ import annotations

import shutil

from jobs.contract import Context, Inputs, Operation, Option, OptionProblem, Output, Result, Work, names


def _text(text: str) -> str:
    # JSON can carry half a character; UTF-8 cannot.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise OptionProblem("The file must be valid Unicode text.") from None
    return text


def fetch(work: Work, _context: Context) -> Result:
    """Make a file of the stored text."""
    target = work.output_dir / "content"
    shutil.copyfile(work.related["file"][0], target)
    return Result(files=(Output(path=target, name=work.options["filename"]),))


OPERATIONS = (
    Operation(
        name="import/raw",
        queue="storage",
        help="Make a file of a text in the request.",
        run=fetch,
        inputs=Inputs.NONE,
        options=(
            Option(name="file", help="The file's text.", required=True, content=True, check=_text),
            Option(
                name="filename",
                help="The file's name, with its extension.",
                required=True,
                check=names.clean,
            ),
        ),
    ),
)
