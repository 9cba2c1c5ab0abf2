"""DjVuLibre: scanned books in DjVu to PDF, pictures and text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.contract import Command, Context, Operation, Option, Result, Tool, Work, limits, pairs
from jobs.contract.errors import ConversionFailed, OpenFailed, TaskError

from ._support import launcher, pages
from ._support.numbering import told
from ._support.page_images import QUALITY, checked
from ._support.process import Process, failure_of

NO_TEXT = "The document has no layer of text. Convert it to PDF, and let pdf/ocr read that."
READ_BYTES = 1024 * 1024
SEPARATORS = bytes.maketrans(b"\v\x1d\x1f", b"\n\n\n")
"""What the tool writes at the end of columns, regions and paragraphs."""


@dataclass(frozen=True)
class Words(Process):
    """Runs the commands; a text without words is none."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when a program fails, or the document has no text.
        """
        result = super().__call__(work, context)
        if not _has_words(result.files[0].path):
            raise ConversionFailed(NO_TEXT)
        return result

    def _failure(self, outcome: launcher.Outcome) -> TaskError:
        return failure_of(outcome, explain)


def _has_words(path: Path) -> bool:
    """Tell whether a text has words, and make it one for people."""
    found = False
    with path.open("r+b") as file:
        while part := file.read(READ_BYTES):
            file.seek(-len(part), os.SEEK_CUR)
            file.write(part.translate(SEPARATORS))
            found = found or bool(part.translate(SEPARATORS).strip())
    return found


def probe(work: Work) -> Command:
    """Ask what the document is made of, to its end, which also tells whether it has one."""
    return Command(argv=["djvudump", f"{work.input}"])


def read(printed: str) -> Mapping[str, Any]:
    """Read what the probe printed: the number of pages, and the size of each in pixels.

    :raises ConversionFailed: when its pages are elsewhere.
    """
    book = re.search(r"^ +DIRM .*\((\w+), \d+ files (\d+) pages\)$", printed, re.MULTILINE)
    if book and book[1] == "indirect":
        raise ConversionFailed("The document's pages are in other files. Send it with its pages bundled.")
    found = re.findall(r"^ +INFO .* DjVu (\d+)x(\d+),", printed, re.MULTILINE)
    sizes = [(int(width), int(height)) for width, height in found]
    return {"pages": int(book[2]) if book else len(sizes), "sizes": sizes}


def draw(work: Work) -> list[Command]:
    """Plan the pages as pictures, in one file.

    :raises FileTooLarge: when one of them is too large.
    """
    argv = ["ddjvu", "-verbose", f"-format={work.output_format}", *_chosen(work)]
    for width, height in work.facts["sizes"]:
        limits.check_picture(width, height)
    if quality := work.options.get("quality"):
        argv.append(f"-quality={quality}")
    progress = told(work.facts["pages"], "-------- page ")
    return [
        Command(argv=[*argv, f"{work.input}", f"{work.output}"], outputs=(work.output,), progress=progress)
    ]


def text(work: Work) -> list[Command]:
    """Plan the layer of text."""
    argv = ["djvutxt", *_chosen(work), f"{work.input}", f"{work.output}"]
    return [Command(argv=argv, outputs=(work.output,))]


def explain(words: str) -> TaskError | None:
    """Say what DjVuLibre's words mean for the customer."""
    damaged = r"Unexpected End Of File|Corrupted|Cannot decode|Failed to open|not a DjVu|\.cpp:\d+\)"
    return OpenFailed() if re.search(damaged, words) else None


def silent(words: str) -> TaskError:
    """Say what it means that a run which ended well left nothing."""
    return explain(words) or ConversionFailed(NO_TEXT)


def _chosen(work: Work) -> list[str]:
    ranges = pages.chosen(work.options["pages"], checked(work.facts["pages"]))
    listed = ",".join(f"{first}-{last}" for first, last in ranges)
    return [f"-page={listed}"] if work.options["pages"] else []


def _conversion(target: str, words: str, run: Process, *options: Option) -> Operation:
    return Operation(
        name="convert",
        engine="djvulibre",
        queue="djvulibre",
        help=words,
        run=run,
        conversions=pairs({"djvu"}, {target}),
        options=(pages.option(), *options),
        # Neither tells its version, but the first line of what it says of itself does.
        tool=Tool(name="djvulibre", argv=("ddjvu", "-help"), pattern=r"DjVuLibre-(\d+(?:\.\d+)+)"),
    )


DRAWN = Process(draw, explain=explain, probe=probe, read=read)
OPERATIONS = (
    _conversion("pdf", "Make a PDF of pictures of the pages, without the layer of text.", DRAWN, QUALITY),
    _conversion("tiff", "Make one picture of all pages.", DRAWN),
    _conversion(
        "txt",
        "Take the layer of text out, where there is one.",
        Words(text, explain=silent, probe=probe, read=read),
    ),
)
