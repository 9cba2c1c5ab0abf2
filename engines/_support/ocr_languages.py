"""The languages that Tesseract reads here: which are installed, and the option that chooses among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jobs.contract import Option, OptionProblem

FOLDERS = Path("/usr/share/tesseract-ocr")
NO_LANGUAGE = ("osd", "equ")
"""Data of other kinds, which lie beside the languages."""
LIBRARIANS = {
    "alb": "sqi",
    "arm": "hye",
    "baq": "eus",
    "bur": "mya",
    "cze": "ces",
    "dut": "nld",
    "fre": "fra",
    "geo": "kat",
    "ger": "deu",
    "gre": "ell",
    "ice": "isl",
    "mac": "mkd",
    "mao": "mri",
    "may": "msa",
    "per": "fas",
    "rum": "ron",
    "slo": "slk",
    "tib": "bod",
    "wel": "cym",
}
"""The codes of ISO 639-2 that have two: Tesseract has the other one."""


def installed(folders: Path = FOLDERS) -> tuple[str, ...]:
    """Return the codes of the languages that are installed."""
    found = {path.stem for path in folders.glob("*/tessdata/*.traineddata")}
    return tuple(sorted(found.difference(NO_LANGUAGE)))


def option(languages: Sequence[str]) -> Option:
    """Return the ``language`` option where these are installed."""

    def tidy(chosen: list[str]) -> list[str]:
        if not languages:
            raise OptionProblem("The language cannot be chosen: none is installed here.")
        if not chosen:
            raise OptionProblem(f"The language must be one or more of: {', '.join(languages)}.")
        return list(dict.fromkeys(chosen))

    return Option(
        name="language",
        help="The languages of the text, as ISO 639-2 codes; the first counts most.",
        type="list",
        default=["eng"] if "eng" in languages else list(languages[:1]),
        values=tuple(languages),
        aliases={code: name for code, name in LIBRARIANS.items() if name in languages},
        check=tidy,
    )


def program(name: str, languages: Sequence[str]) -> tuple[str, ...]:
    """Return what tells a program's version; of a program that is nowhere, where it has no language."""
    return (name, "--version") if languages else ("no language to read",)
