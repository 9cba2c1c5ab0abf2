"""Finds tables in the words of a PDF's pages, by where they stand. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from engines._support.child import Refused

WORD = re.compile(
    r'<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</word>'
    r"|<page ([^>]*)>"
)
"""What pdftotext -bbox prints of each word, and of each page before its words."""
GAP = 0.9
"""How wide a gap between cells is at least, in heights of their line; between words it is a third of one."""
NUMBER = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?")
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
)
SCANNED = "The document has no words to make tables of. If it is a scan, read it with pdf/ocr before."


@dataclass(frozen=True)
class Cell:
    """Words that belong together, and from where to where they stand."""

    left: float
    top: float
    right: float
    bottom: float
    words: str

    def joined(self, other: Cell) -> Cell:
        """Return one cell of two in the same line."""
        return Cell(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
            f"{self.words} {other.words}",
        )


Row = list[Cell]


def write(printed: Path, target: Path) -> None:
    """Write a flat OpenDocument workbook with a sheet for each page that has words.

    :param printed: what ``pdftotext -bbox`` printed.
    :raises Refused: when there are none.
    """
    pages = [(number, found) for number, found in enumerate(_pages(printed), 1) if found]
    if not pages:
        raise Refused("ConversionFailed", SCANNED)
    sheets = "".join(_sheet(f"Page {number}", table(found)) for number, found in pages)
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    target.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<office:document {NAMES} office:version="1.3" office:mimetype="{mime}"><office:body>'
        f"<office:spreadsheet>{sheets}</office:spreadsheet></office:body></office:document>",
        encoding="utf-8",
    )


def table(words: Iterable[Cell]) -> list[list[str]]:
    """Return a page's words in rows and columns; a line that is no part of a table has one column."""
    found: list[list[str]] = []
    # Lines of several cells that follow each other are one table, with columns of its own.
    for is_table, group in groupby(_lines(words), key=lambda row: len(row) > 1):
        rows = list(group)
        found += _columns(rows) if is_table else [[cell.words for cell in row] for row in rows]
    return found


def _pages(printed: Path) -> Iterator[Row]:
    page: Row | None = None
    with printed.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            for match in WORD.finditer(line):
                if match[6] is not None:
                    if page is not None:
                        yield page
                    page = []
                elif page is not None:
                    left, top, right, bottom = (float(match[n]) for n in range(1, 5))
                    page.append(Cell(left, top, right, bottom, ILLEGAL.sub("", unescape(match[5]))))
    yield page or []


def _lines(words: Iterable[Cell]) -> Iterator[Row]:
    """Yield the lines from top to bottom, each as the cells it has."""
    line: Row = []
    for word in sorted(words, key=lambda word: (word.top + word.bottom) / 2):
        if line and (word.top + word.bottom) / 2 > line[0].bottom:
            yield _cells(line)
            line = []
        line.append(word)
    if line:
        yield _cells(line)


def _cells(line: Row) -> Row:
    cells: Row = []
    for word in sorted(line, key=lambda word: word.left):
        if cells and word.left - cells[-1].right < GAP * (word.bottom - word.top):
            cells[-1] = cells[-1].joined(word)
        else:
            cells.append(word)
    return cells


def _columns(rows: list[Row]) -> list[list[str]]:
    """Put the cells of lines under each other where they overlap."""
    columns: list[tuple[float, float]] = []
    for cell in sorted((cell for row in rows for cell in row), key=lambda cell: cell.left):
        if columns and cell.left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], cell.right))
        else:
            columns.append((cell.left, cell.right))
    if len(columns) < max(map(len, rows)):
        # Something lies across them all.
        return [[cell.words for cell in row] for row in rows]
    found = []
    for row in rows:
        line = [""] * len(columns)
        for cell in row:
            number = next(n for n, (_, right) in enumerate(columns) if cell.left <= right)
            line[number] = f"{line[number]} {cell.words}".strip()
        found.append(line)
    return found


def _sheet(name: str, rows: list[list[str]]) -> str:
    lines = "".join(f"<table:table-row>{''.join(map(_written, row))}</table:table-row>" for row in rows)
    return f"<table:table table:name={quoteattr(name)}>{lines}</table:table>"


def _written(words: str) -> str:
    if not words:
        return "<table:table-cell/>"
    kind = 'office:value-type="string"'
    if NUMBER.fullmatch(words):
        kind = f'office:value-type="float" office:value="{words.replace(",", "")}"'
    return f"<table:table-cell {kind}><text:p>{escape(words)}</text:p></table:table-cell>"
