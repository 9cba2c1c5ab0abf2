"""PDF to Word, Excel and PowerPoint: with LibreOffice, MuPDF, and what can be told from where words stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from jobs.contract import Command, Context, Operation, Result, Runner, Tool, Work, pairs
from jobs.contract.errors import OpenFailed

from . import libreoffice, poppler
from ._support import pages
from ._support.locked_pdf import Opened, source
from ._support.page_images import PASSWORD
from ._support.process import Planner

WORDS = "words"
"""The format of what the words' places are kept in, between two programs."""
PDFTRON = frozenset({"pdftron", "bcl"})


def probe(work: Work) -> Command:
    """Ask how many pages there are."""
    return Command(argv=["qpdf", "--warning-exit-0", "--show-npages", "--", source(work)])


def read(printed: str) -> Mapping[str, Any]:
    """Read what the probe printed."""
    count = re.search(r"^\d+$", printed, re.MULTILINE)
    return {"pages": int(count[0]) if count else 0}


def choose(work: Work) -> list[Command]:
    """Plan the document of the pages wanted."""
    if not work.facts["pages"]:
        raise OpenFailed
    ranges = pages.chosen(work.options["pages"], work.facts["pages"])
    wanted = ",".join(f"{first}-{last}" for first, last in ranges)
    made = work.output_dir / f"{work.input.stem}.pdf"
    argv = ["qpdf", "--warning-exit-0", source(work), "--pages", ".", wanted, "--", f"{made}"]
    return [Command(argv=argv, outputs=(made,))]


def words(work: Work) -> list[Command]:
    """Plan the words of the pages wanted, each with its place."""
    [chosen] = choose(work)
    made = work.output_dir / f"{work.input.stem}.{WORDS}"
    argv = ["pdftotext", "-bbox", "-enc", "UTF-8", "--", f"{chosen.outputs[0]}", f"{made}"]
    return [chosen, Command(argv=argv, outputs=(made,))]


def flowing(work: Work) -> list[Command]:
    """Plan a document of the text alone."""
    [chosen] = choose(work)
    argv = ["mutool", "convert", "-F", "docx", "-o", f"{work.output}", f"{chosen.outputs[0]}"]
    return [chosen, Command(argv=argv, outputs=(work.output,))]


def _opened(plan: Planner) -> Opened:
    return Opened(plan, explain=poppler.explain, probe=probe, read=read, copies=True, always=True)


def _then_office(plan: Planner, between: str) -> Runner:
    first = _opened(plan)

    def run(work: Work, context: Context) -> Result:
        """Run the one, and the office on what it made.

        :raises TaskError: when one of them fails, or leaves no valid output.
        """
        [made] = first(replace(work, output_format=""), context).files
        try:
            return libreoffice.WARM(
                replace(work, inputs=(made.path,), input_format=between, options={}), context
            )
        finally:
            made.path.unlink()

    return run


OPTIONS = (pages.option(), PASSWORD)
OFFICE, MUPDF = libreoffice.TOOL, Tool(name="mupdf", argv=("mutool", "-v"))


def _operation(
    run: Runner, targets: Iterable[str], words: str, *aliases: str, mupdf: bool = False
) -> Operation:
    return Operation(
        name="convert",
        engine="mupdf" if mupdf else "libreoffice",
        aliases=PDFTRON.union(aliases),
        queue="mupdf" if mupdf else "libreoffice",
        help=f"{words} A PDF knows places, not paragraphs and tables: look it through.",
        run=run,
        conversions=pairs({"pdf"}, targets),
        options=OPTIONS,
        cost=2.0 if mupdf else 1.5,
        tool=MUPDF if mupdf else OFFICE,
    )


OPERATIONS = (
    _operation(
        _then_office(choose, "pdf"),
        {"doc", "docx", "odt", "rtf"},
        "Make a document that looks like the pages: each line is a box of its own. (The engine mupdf makes"
        " DOCX with running text, without the look.)",
        "pdftron-pdf2word",
    ),
    _operation(
        _then_office(choose, "pdf"),
        {"odp", "ppt", "pptx"},
        "Make a slide of each page.",
        "pdftron-pdf2powerpoint",
    ),
    _operation(
        _then_office(words, WORDS),
        {"ods", "xls", "xlsx"},
        "Make a sheet of each page, with its tables as far as they can be told from where words stand.",
        "pdftron-pdf2excel",
    ),
    _operation(_opened(flowing), {"docx"}, "Take the running text out of pages.", mupdf=True),
)
