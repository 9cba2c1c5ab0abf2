"""What a stranger's file may cost: every bound as a record, each set by ``ATHANOR_MAX_<NAME>``."""

from __future__ import annotations

import os
from dataclasses import dataclass

from .errors import FileTooLarge

KB, MB, GB = 1024, 1024**2, 1024**3


class LimitError(ValueError):
    """A limit in the environment cannot be used as it is."""


@dataclass(frozen=True)
class Limit:
    """One bound: ``ATHANOR_MAX_<name>`` in the environment, a whole number of its unit."""

    name: str
    default: int
    unit: str
    help: str

    @property
    def variable(self) -> str:
        """What it is called in the environment."""
        return f"ATHANOR_MAX_{self.name}"

    def read(self) -> int:
        """Return its value.

        :raises LimitError: when what stands in the environment is no positive whole number.
        """
        text = os.environ.get(self.variable)
        if text is None:
            return self.default
        if not (text.isascii() and text.isdigit() and int(text)):
            raise LimitError(f"{self.variable}={text!r} must be a positive whole number of {self.unit}.")
        return int(text)


LIMITS: list[Limit] = []
"""Every limit, for the settings and the documentation."""


def _limit(name: str, default: int, unit: str, help_text: str) -> int:
    LIMITS.append(Limit(name, default, unit, help_text))
    return LIMITS[-1].read()


def check_picture(width: int, height: int, frames: int = 1) -> None:
    """Refuse a picture, or a video's, that is larger than allowed.

    :raises FileTooLarge: when it is.
    """
    if width * height > IMAGE_PIXELS or max(width, height) > IMAGE_SIDE:
        raise FileTooLarge(
            f"The picture is {width:,} x {height:,} pixels; at most {IMAGE_PIXELS:,} in all and"
            f" {IMAGE_SIDE:,} a side are allowed."
        )
    if frames > IMAGE_FRAMES:
        raise FileTooLarge(f"The picture has more than {IMAGE_FRAMES:,} frames, which is the most allowed.")


def environment() -> dict[str, str]:
    """Return the variables of those limits that the operator set, for programs started without ours."""
    return {each.variable: f"{each.read()}" for each in LIMITS if each.variable in os.environ}


# More than the 1 GB of most services: 5 GB videos are what people host this for.
FILE_BYTES = _limit("FILE_BYTES", 10 * GB, "bytes", "Largest file in or out of a task.")
OUTPUT_FILES = _limit("OUTPUT_FILES", 2000, "files", "Most files one task may make.")
OUTPUT_BYTES = _limit("OUTPUT_BYTES", 10 * GB, "bytes", "Most bytes one task may make, all files together.")
BODY_BYTES = _limit("BODY_BYTES", 32 * MB, "bytes", "Largest JSON body (base64 and raw imports come in it).")
JSON_DEPTH = _limit("JSON_DEPTH", 32, "levels", "How deep a JSON body may be nested.")
TASKS = _limit("TASKS", 100, "tasks", "Most tasks in one job.")
TASK_DEPTH = _limit("TASK_DEPTH", 20, "tasks", "Longest chain of tasks that wait for each other.")
TASK_INPUTS = _limit("TASK_INPUTS", 500, "tasks", "Most tasks another one may name as its inputs.")

ARCHIVE_ENTRIES = _limit("ARCHIVE_ENTRIES", 10_000, "entries", "Most entries of an archive or a package.")
ARCHIVE_BYTES = _limit("ARCHIVE_BYTES", 10 * GB, "bytes", "Most bytes an archive or a package may hold.")
ARCHIVE_RATIO = _limit("ARCHIVE_RATIO", 200, "times", "How much larger a large package may become unpacked.")
DRAWING_BYTES = _limit("DRAWING_BYTES", 64 * MB, "bytes", "Largest SVG drawing, unpacked.")
IMAGE_PIXELS = _limit("IMAGE_PIXELS", 100_000_000, "pixels", "Most pixels of a picture, or of a video's.")
IMAGE_SIDE = _limit("IMAGE_SIDE", 32_768, "pixels", "Longest side of a picture, or of a video's.")
IMAGE_FRAMES = _limit("IMAGE_FRAMES", 1000, "frames", "Most frames or pages of a picture.")
PDF_PAGES = _limit("PDF_PAGES", 5000, "pages", "Most pages of a PDF.")
PDF_DPI = _limit("PDF_DPI", 600, "dots per inch", "Finest resolution PDF pages are drawn in.")
PDF_SIDE = _limit("PDF_SIDE", 10_000, "pixels", "Longest side of a picture of a PDF's page.")
MEDIA_SECONDS = _limit("MEDIA_SECONDS", 12 * 60 * 60, "seconds", "Longest video or sound.")
MEDIA_STREAMS = _limit("MEDIA_STREAMS", 256, "streams", "Most streams of a video or sound.")

TASK_SECONDS = _limit("TASK_SECONDS", 5 * 60 * 60, "seconds", "Longest timeout a customer can set.")
ENGINE_SECONDS = _limit("ENGINE_SECONDS", 5 * 60, "seconds", "Longest run of an engine.")
ENGINE_SECONDS_LARGE = _limit(
    "ENGINE_SECONDS_LARGE", 60 * 60, "seconds", "The same for media and archives, which take their time."
)
MEMORY_BYTES = _limit("MEMORY_BYTES", 2 * GB, "bytes", "Most memory of an engine.")
MEMORY_BYTES_LARGE = _limit("MEMORY_BYTES_LARGE", 3 * GB, "bytes", "The same for LibreOffice and Chromium.")
PROCESSES = _limit("PROCESSES", 128, "processes", "Most processes and threads of an engine.")
PROCESSES_LARGE = _limit("PROCESSES_LARGE", 512, "processes", "The same for Chromium.")
OPEN_FILES = _limit("OPEN_FILES", 1024, "files", "Most files an engine may have open.")
TMP_BYTES = _limit("TMP_BYTES", 512 * MB, "bytes", "Room for an engine's temporary files.")
WORD_BYTES = _limit("WORD_BYTES", 64 * KB, "bytes", "How much of what an engine prints is kept.")
