"""import/base64: a file whose content comes in the request, as base64."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from functools import partial

from jobs.contract import Context, Inputs, Operation, Option, OptionProblem, Output, Result, Work, names
from jobs.contract.errors import DownloadFailed

from ._support.limits import CHUNK, CappedFile, Watch

_DATA_URL = re.compile(rb"\s*data:[^,]{0,500},", re.IGNORECASE)
_SPACE = b" \t\r\n\v\f"
_STANDARD = bytes.maketrans(b"-_", b"+/")


class NotBase64(ValueError):
    """The text is not base64."""


def decoded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes a base64 text stands for, piece by piece.

    White space, a ``data:`` URL's beginning, the URL-safe alphabet and missing padding are all right.

    :raises NotBase64: when it is not base64, perhaps after some pieces.
    """
    rest = b""
    try:
        for chunk in _without_beginning(chunks):
            text = rest + chunk.translate(_STANDARD, _SPACE)
            # Only the last four characters may hold padding, and which are the last shows at the end.
            cut = max(0, (len(text) - 1) // 4 * 4)
            yield _decode(text[:cut], padded=False)
            rest = text[cut:]
        yield _decode(rest if b"=" in rest else rest.ljust(-(-len(rest) // 4) * 4, b"="), padded=True)
    except binascii.Error as error:
        raise NotBase64 from error


def _without_beginning(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for number, chunk in enumerate(chunks):
        found = None if number else _DATA_URL.match(chunk)
        yield chunk[found.end() :] if found else chunk


def _decode(text: bytes, *, padded: bool) -> bytes:
    if not padded and b"=" in text:
        raise NotBase64
    return binascii.a2b_base64(text, strict_mode=True)


def _base64(text: str) -> str:
    try:
        # In pieces, so that checking a large text costs no memory.
        pieces = (text[i : i + CHUNK].encode("ascii") for i in range(0, len(text), CHUNK))
        for _piece in decoded(pieces):
            pass
    except (NotBase64, UnicodeEncodeError):
        raise OptionProblem("The file must be base64.") from None
    return text


def fetch(work: Work, context: Context) -> Result:
    """Make a file of the stored base64 text.

    :raises DownloadFailed: when it is not base64.
    """
    target = work.output_dir / "content"
    watch = Watch(context)
    try:
        with work.related["file"][0].open("rb") as text, CappedFile(target) as file:
            for piece in decoded(iter(partial(text.read, CHUNK), b"")):
                watch()
                file.write(piece)
    except NotBase64 as error:
        raise DownloadFailed("The file must be base64.") from error
    return Result(files=(Output(path=target, name=work.options["filename"]),))


OPERATIONS = (
    Operation(
        name="import/base64",
        queue="storage",
        help="Make a file of base64 in the request.",
        run=fetch,
        inputs=Inputs.NONE,
        options=(
            Option(
                name="file",
                help="The file's content as base64; a data: URL is good too.",
                required=True,
                content=True,
                check=_base64,
            ),
            Option(
                name="filename",
                help="The file's name, with its extension.",
                required=True,
                check=names.clean,
            ),
        ),
    ),
)
