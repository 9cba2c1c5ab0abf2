"""What Ghostscript is told in every run, and what its words mean."""

from __future__ import annotations

import re

from jobs.contract.errors import ConversionFailed, OpenFailed, PasswordRequired, TaskError

SAFE = ("gs", "-dSAFER", "-dNOPAUSE", "-dBATCH")
"""A document's own commands may open nothing; what it cannot be kept from so, its room keeps it from."""


LOCKED = r"requires a password|Password did not work|Incorrect password|^qpdf: .*: invalid password$"
BROKEN = r"No pages will be processed|Couldn't (?:find trailer|read (?:xref|page cat))|be a PDF|^qpdf: "
BROKEN_POSTSCRIPT = r"^Error: /(?:syntaxerror|undefined|typecheck|ioerror|stackunderflow)\b"


def explain(words: str) -> TaskError | None:
    """Say what Ghostscript's words, or those of its companions, mean for the customer."""
    if re.search(LOCKED, words, re.MULTILINE):
        return PasswordRequired()
    if "invalidfileaccess" in words:
        return ConversionFailed("The document opens other files or starts programs, which is not allowed.")
    if re.search(BROKEN, words, re.MULTILINE):
        return OpenFailed()
    if re.search(BROKEN_POSTSCRIPT, words, re.MULTILINE):
        return OpenFailed("The file is no PostScript that can be read to its end. It is damaged or cut off.")
    return None
