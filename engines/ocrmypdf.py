"""OCRmyPDF: a layer of text for scanned PDFs, read by Tesseract."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from jobs.contract import Command, Operation, Option, Tool, Work, limits
from jobs.contract.errors import ConversionFailed, OpenFailed, TaskError

from . import poppler
from ._support import ocr_languages
from ._support.ghostscript_optimize import probe, read
from ._support.locked_pdf import Opened, source
from ._support.page_images import PASSWORD, checked
from ._support.room import Profile

LANGUAGES = ocr_languages.installed()
MOST_AT_ONCE = 4
"""Pages that are read side by side, as far as there are cores: each takes a few hundred megabytes."""
READER = Profile(memory=limits.MEMORY_BYTES_LARGE, processes=limits.PROCESSES)


def recognise(work: Work) -> list[Command]:
    """Plan the document with what can be read on its pages; those that have text stay as they are."""
    count = checked(work.facts["pages"])
    at_once = min(len(os.sched_getaffinity(0)), MOST_AT_ONCE)
    argv = ["ocrmypdf", "--verbose", "1", "--jobs", f"{at_once}", "--skip-text", "--output-type", "pdf"]
    argv += [
        "--max-image-mpixels",
        f"{limits.IMAGE_PIXELS / 1e6:g}",
        "-l",
        "+".join(work.options["language"]),
    ]
    argv += ["--rotate-pages"] if work.options["auto_orient"] else []
    return [
        Command(
            argv=[*argv, source(work), f"{work.output}"],
            outputs=(work.output,),
            # Its pages are read side by side already; what it makes of each does not fit into memory.
            environment={"OMP_THREAD_LIMIT": "1", "TMPDIR": f"{work.output_dir}"},
            progress=told(count),
        )
    ]


def told(count: int) -> Callable[[], Callable[[str], tuple[float, str] | None]]:
    """Return what makes a reader of a run's lines, one of which tells that a page is done."""

    def reader() -> Callable[[str], tuple[float, str] | None]:
        done: set[str] = set()

        def percent(line: str) -> tuple[float, str] | None:
            found = re.match(r" *(\d+) Page rotation: ", line)
            if not found:
                return None
            done.add(found[1])
            return 95 * len(done) / count, f"Read page {len(done)} of {count}"

        return percent

    return reader


def explain(words: str) -> TaskError | None:
    """Say what OCRmyPDF's words, or those of its companions, mean for the customer."""
    if "XFA" in words:
        return ConversionFailed(
            "The document is a dynamic form (XFA): it has no pages before it is filled in."
        )
    if re.search(r"DecompressionBomb|exceeds limit of \d+ pixels|exceed the maximum", words):
        return ConversionFailed("A page holds a picture that is too large to be read.")
    return OpenFailed() if "InputFileError" in words else poppler.explain(words)


OPERATIONS = (
    Operation(
        name="pdf/ocr",
        engine="ocrmypdf",
        aliases=frozenset({"tesseract"}),
        queue="ocrmypdf",
        help="Read what is written on scanned pages, so that it can be searched and copied. Pages that have"
        " text stay as they are. What comes out has no password.",
        run=Opened(
            recognise, explain=explain, probe=probe, read=read, profile=READER, changes=True, always=True
        ),
        conversions=frozenset({("pdf", None)}),
        options=(
            Option(
                name="auto_orient",
                help="Turn pages so that their text is upright.",
                type="boolean",
                default=True,
            ),
            ocr_languages.option(LANGUAGES),
            PASSWORD,
        ),
        max_seconds=limits.ENGINE_SECONDS_LARGE,
        tool=Tool(name="ocrmypdf", argv=ocr_languages.program("ocrmypdf", LANGUAGES)),
    ),
)
