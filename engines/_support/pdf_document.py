"""Opening and saving PDFs in the qpdf engine's warm child."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pikepdf

from engines._support.child import Refused
from jobs.contract import limits

PARTIAL = "The file is damaged: part of it may be missing."
LOCKED = "{} is protected by a password. Set the password option to the right one."
_REPAIRED = "file is damaged"
"""What qpdf says when it had to look for a document's objects one by one."""


@dataclass(frozen=True)
class Opened:
    """A document that was opened, with what one had to do for it."""

    pdf: pikepdf.Pdf
    count: int
    """How many pages it has."""
    damaged: bool


@contextmanager
def opened(path: Path, password: str | None, *, name: str = "The file") -> Iterator[Opened]:
    """Open a document for as long as the context lasts.

    :param name: what to call it in a refusal.
    :raises Refused: when the password is wrong, or it cannot be read or has too many pages.
    """
    with _unlocked(path, password, name) as pdf:
        # It may say what it likes, but what it says is known before its pages are looked for.
        claimed = pdf.Root.Pages.get("/Count", 0) if "/Pages" in pdf.Root else 0
        check_count(claimed if isinstance(claimed, int) else 0, f"{name} has")
        try:
            count = len(pdf.pages)
        except (pikepdf.PdfError, RuntimeError) as error:
            raise _unreadable(name) from error
        if not count:
            raise Refused("OpenFailed", f"{name} has no pages.")
        check_count(count, f"{name} has")
        yield Opened(pdf, count, any(_REPAIRED in f"{each}" for each in pdf.get_warnings()))


def check_count(pages: int, what_has: str) -> None:
    """Refuse a document that has too many pages.

    :param what_has: how the refusal begins.
    :raises Refused: when it does.
    """
    if pages > limits.PDF_PAGES:
        raise Refused(
            "FileTooLarge", f"{what_has} {pages:,} pages; at most {limits.PDF_PAGES:,} are allowed."
        )


def save(
    pdf: pikepdf.Pdf,
    target: Path,
    percent: Callable[[float], None] = lambda _percent: None,
    *,
    version: str = "",
) -> None:
    """Write a document, protected as it was if it was opened from a protected one.

    :param version: the version of PDF that it needs at least.
    """
    packed = pikepdf.ObjectStreamMode
    pdf.save(
        target,
        min_version=version,
        encryption=True if pdf.is_encrypted else None,
        # What was a new document has no objects packed yet, and would be twice as large.
        object_stream_mode=packed.preserve if pdf.filename else packed.generate,
        fix_metadata_version=False,
        progress=percent,
    )


def _unlocked(path: Path, password: str | None, name: str) -> pikepdf.Pdf:
    # Older documents know no UTF-8.
    ways = dict.fromkeys([(password or "").encode(), (password or "").encode("latin-1", errors="replace")])
    for given in ways:
        try:
            return pikepdf.Pdf.open(path, password=given)
        except pikepdf.PasswordError:
            continue
        except (pikepdf.PdfError, RuntimeError) as error:
            raise _unreadable(name) from error
    raise Refused("PasswordRequired", LOCKED.format(name))


def _unreadable(name: str) -> Refused:
    return Refused("OpenFailed", f"{name} could not be opened. It is damaged or no PDF.")
