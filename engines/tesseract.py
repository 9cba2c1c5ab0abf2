"""Tesseract: what is written in pictures, as text or as a PDF that can be searched."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from jobs.contract import Command, Context, Operation, Option, Tool, Work, limits, pairs
from jobs.contract.errors import ConversionFailed, OpenFailed, TaskError

from ._support import launcher, ocr_languages
from ._support.cells import Cell
from ._support.numbering import told
from ._support.process import Process, failure_of, launch

PICTURES = {"bmp", "gif", "jp2", "jpg", "pgm", "png", "pnm", "ppm", "tiff", "webp"}
LANGUAGES = ocr_languages.installed()
BROKEN = r"Error in (?:pixRead|findFileFormat|fopenReadStream)|^libpng error|Image file .* cannot be read"
SOME_PAGES = 20
"""How many pages a picture is thought to have, until they have been read: nobody tells before."""


@dataclass(frozen=True)
class Reading(Process):
    """Runs the commands; a picture that broke off is none, though the tool is content with what it saw."""

    def _launch(
        self, command: Command, cell: Cell, context: Context, *, share: tuple[float, float]
    ) -> launcher.Outcome:
        failure = functools.partial(failure_of, explain=broken)
        outcome = launch(command, cell, context, share=share, failure=failure)
        if problem := broken(outcome.words):
            raise problem
        return outcome


def recognise(work: Work) -> list[Command]:
    """Plan the text of a picture, page by page."""
    # 1 finds out how a page is turned, 3 takes it as it is.
    argv = ["tesseract", f"{work.input}", f"{work.output.with_suffix('')}"]
    argv += ["-l", "+".join(work.options["language"]), "--psm", "1" if work.options["auto_orient"] else "3"]
    return [
        Command(
            argv=[*argv, work.output_format],
            outputs=(work.output,),
            environment={"OMP_THREAD_LIMIT": "1"},
            progress=told(SOME_PAGES),
        )
    ]


def broken(words: str) -> TaskError | None:
    """Tell from its words whether a picture could not be read to its end."""
    return OpenFailed() if re.search(BROKEN, words, re.MULTILINE) else None


def nothing(words: str) -> TaskError:
    """Say what it means that a run which ended well left nothing."""
    return broken(words) or ConversionFailed("No text was found in the picture. Is its language set right?")


def _conversion(target: str, words: str, cost: float) -> Operation:
    return Operation(
        name="convert",
        engine="tesseract",
        queue="tesseract",
        help=words,
        run=Reading(recognise, explain=nothing),
        conversions=pairs(PICTURES, {target}),
        options=(
            ocr_languages.option(LANGUAGES),
            Option(
                name="auto_orient",
                help="Find out how each page is turned; false reads it as it is.",
                type="boolean",
                default=True,
            ),
        ),
        cost=cost,
        max_seconds=limits.ENGINE_SECONDS_LARGE,
        tool=Tool(name="tesseract", argv=ocr_languages.program("tesseract", LANGUAGES)),
    )


OPERATIONS = (
    _conversion("txt", "Read what is written in a picture, and in each page of a TIFF.", 1.0),
    # Whoever wants a PDF of a picture mostly wants just that; a language asks for more.
    _conversion("pdf", "Make a PDF of pictures, with a layer of text that can be searched.", 2.0),
)
