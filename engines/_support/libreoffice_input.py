"""Looks at a file before LibreOffice does: its filters take more for theirs than they can read."""

from __future__ import annotations

import csv
import gzip
import re
import shutil
import zipfile
import zlib
from pathlib import Path

from engines._support import encodings, pdf_tables
from engines._support.child import Refused

COPY = "copy"
"""What a copy of an input is called, in the folder the child runs in."""
LOOKED_AT = 64 * 1024
PARTS = ("word", "xl", "ppt", "text", "spreadsheet", "presentation", "graphics")
"""The folders of Office Open XML, and the last words of OpenDocument's types."""
PACKED = {".zabw": ".abw"}
"""Texts in gzip, and what is inside."""
MOST = 256 * 1024 * 1024
"""Bytes of an unpacked text."""
LONGEST_SHEET_NAME = 31
"""Excel opens no file with a longer one."""
SEPARATORS = ",;\t|"


def check(path: Path, *, signature: str | None, part: str | None) -> None:
    """Look whether a file is what it is said to be, where the filter does not care.

    :param signature: what it must begin with, as a regular expression.
    :param part: what makes a package this kind of document and not its cousin: see ``PARTS``.
    :raises Refused: when it is not.
    """
    with path.open("rb") as file:
        head = file.read(64)
    if signature and not re.match(rb"(?:\xef\xbb\xbf)?[\r\n\t ]*" + signature.encode(), head):
        raise Refused("OpenFailed")
    if part and zipfile.is_zipfile(path):
        try:
            found = _parts(path)
        except (zipfile.BadZipFile, RuntimeError, OSError, ValueError):
            raise Refused("OpenFailed") from None
        if part not in found and found.intersection(PARTS):
            raise Refused("OpenFailed")


def prepared(path: Path) -> Path:
    """Return what can be opened of a file that the office cannot open itself; other files as they are.

    :raises Refused: when it is damaged, or too large.
    """
    if path.suffix == ".words":
        copy = Path(COPY).with_suffix(".fods")
        pdf_tables.write(path, copy)
        return copy.absolute()
    if path.suffix not in PACKED:
        return path
    copy = Path(COPY).with_suffix(PACKED[path.suffix])
    left = MOST
    try:
        with gzip.open(path) as source, copy.open("wb") as target:
            while data := source.read(LOOKED_AT):
                left -= len(data)
                if left < 0:
                    raise Refused("FileTooLarge")
                target.write(data)
    except (OSError, EOFError, zlib.error):
        raise Refused("OpenFailed") from None
    return copy.absolute()


def as_utf8(path: Path) -> Path:
    """Return a copy of the text in UTF-8 with a mark that says so, beside the profile.

    :raises Refused: when it is no text.
    """
    encoding = _encoding(path)
    copy = Path(COPY).with_suffix(path.suffix)
    with (
        path.open(encoding=encoding, errors="replace", newline="") as source,
        copy.open("w", encoding="utf-8-sig", newline="") as target,
    ):
        shutil.copyfileobj(source, target, LOOKED_AT)
    return copy.absolute()


def sheet_name(name: str) -> str:
    """Return what the only sheet of a table is called: as its file, without what no sheet may have."""
    return re.sub(r"[\[\]*?:/\\]", "_", name.strip("' "))[:LONGEST_SHEET_NAME].rstrip("' ") or "Sheet1"


def separator(path: Path) -> str:
    """Return what separates the fields of a table in UTF-8: the one that makes most alike columns."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = file.read(LOOKED_AT).splitlines()[:50]

    def likely(mark: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=mark) if row]
        usual = max(set(widths), key=widths.count, default=1)
        return (widths.count(usual) if usual > 1 else 0, usual)

    return max(SEPARATORS, key=likely)


def _parts(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as package:
        found = {name.partition("/")[0] for name in package.namelist()}
        if "mimetype" in found:
            with package.open("mimetype") as file:
                kind = file.read(200).decode(errors="replace")
            found.add(kind.rpartition(".")[2].partition("-")[0].strip())
    return found


def _encoding(path: Path) -> str:
    try:
        return encodings.of(path, is_page=path.suffix == ".html")
    except encodings.NoText:
        raise Refused("OpenFailed") from None
