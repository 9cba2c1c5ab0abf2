"""MuPDF's program: PDF, XPS, comic books and e-books to drawings, pictures, text, web pages and PDF."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobs.contract import Command, Context, Operation, Option, Result, Tool, Work, pairs
from jobs.contract.errors import ConversionFailed, OpenFailed, PasswordRequired, TaskError

from ._support import inner_code, page_images, pages
from ._support.locked_pdf import FORBIDDEN, Opened, source
from ._support.numbering import by_page, told
from ._support.page_images import ALPHA, DENSITY, PASSWORD, SIZE

SCRIPT = "engines/_support/mupdf-scripts/pages.js"


@dataclass(frozen=True)
class Asked(Opened):
    """Runs the commands; the probe is a script of ours, for the tool itself tells this of PDF only."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when a program fails, or leaves no valid output.
        """
        script = inner_code.folder() / SCRIPT
        return super().__call__(replace(work, related={**work.related, "script": (script,)}), context)


@dataclass(frozen=True)
class Pages(Asked):
    """Runs the commands, then numbers the files by their pages: the tool counts what it makes."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when a program fails, or leaves no valid output.
        """
        return by_page(work, super().__call__(work, context).files)


def probe(work: Work) -> Command:
    """Ask how many pages there are, how large, and whether words may be taken out."""
    [script] = work.related["script"]
    most = page_images.MOST_PAGES
    return Command(argv=["mutool", "run", f"{script}", source(work), f"{most}"])


def read(printed: str) -> Mapping[str, Any]:
    """Read what the probe printed.

    :raises OpenFailed: when it is not what we asked for.
    """
    try:
        facts: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
        facts["sizes"] = [(max(x2 - x1, 1.0), max(y2 - y1, 1.0)) for x1, y1, x2, y2 in facts["sizes"]]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise OpenFailed from error
    return facts


def pictures(work: Work) -> list[Command]:
    """Plan one picture per page, within the width and height."""
    density, width, height = (work.options[name] for name in ("pixel_density", "width", "height"))
    for number in page_images.wanted(work.options, work.facts["pages"]):
        page_images.shape(number, work.facts["sizes"][number - 1], density, work.options)
    argv = [
        "mutool",
        "draw",
        "-F",
        "png",
        "-c",
        "rgba" if work.options["alpha"] else "rgb",
        "-r",
        f"{density}",
    ]
    argv += ["-w", f"{width or page_images.LONGEST_SIDE}", "-h", f"{height or page_images.LONGEST_SIDE}"]
    return [_made(work, argv, several=True)]


def drawings(work: Work) -> list[Command]:
    """Plan one drawing per page."""
    page_images.wanted(work.options, work.facts["pages"])
    text = "path" if work.options["text_to_path"] else "text"
    return [_made(work, ["mutool", "convert", "-F", "svg", "-O", f"text={text}"], several=True)]


def words(work: Work) -> list[Command]:
    """Plan the text, or a web page, of the pages.

    :raises ConversionFailed: when the owner does not let it be taken out.
    """
    if not work.facts["copy"]:
        raise ConversionFailed(FORBIDDEN)
    return [_made(work, ["mutool", "draw", "-F", work.output_format])]


def document(work: Work) -> list[Command]:
    """Plan a PDF."""
    return [_made(work, ["mutool", "convert", "-F", "pdf", "-O", "compress"])]


def _made(work: Work, argv: list[str], *, several: bool = False) -> Command:
    count = page_images.checked(work.facts["pages"])
    ranges = pages.chosen(work.options["pages"], count)
    target = work.output.with_stem(f"{work.output.stem}-%d") if several else work.output
    return Command(
        argv=[*argv, "-o", f"{target}", source(work), ",".join(f"{first}-{last}" for first, last in ranges)],
        outputs=() if several else (work.output,),
        output_glob=f"{work.output.stem}-*.{work.output_format}" if several else "",
        progress=told(sum(last - first + 1 for first, last in ranges), "page "),
    )


def explain(words: str) -> TaskError | None:
    """Say what MuPDF's words, or qpdf's, mean for the customer."""
    if re.search(r"needs a password|cannot authenticate password|^qpdf: .*: invalid password$", words, re.M):
        return PasswordRequired()
    broken = r"cannot (?:open|recognize|find|tell|load|parse|read)|no objects found|unknown document|^qpdf: "
    return OpenFailed() if re.search(broken, words, re.M) else None


TEXT_TO_PATH = Option(
    name="text_to_path",
    help="Draw letters as shapes, which look the same everywhere; false keeps them as text.",
    type="boolean",
    default=True,
)
LIKE_PDF = {"xps"}
FLOWING = {"epub", "fb2"}
"""They have no pages until they are laid out, which Calibre does with more care."""
TOOL = Tool(name="mupdf", argv=("mutool", "-v"))


def _conversion(
    sources: set[str], target: str, plan: Callable[[Work], list[Command]], *options: Option, cost: float
) -> Operation:
    several, copies = target in {"png", "svg"}, target in {"txt", "html"}
    runner = Pages if several else Asked
    return Operation(
        name="convert",
        engine="mupdf",
        queue="mupdf",
        help=f"Make {target.upper()} of pages{', one file each' if several else ''}.",
        run=runner(plan, explain=explain, probe=probe, read=read, copies=copies),
        conversions=pairs(sources, {target}),
        options=(pages.option(), *options, *((PASSWORD,) if "pdf" in sources else ())),
        cost=cost,
        tool=TOOL,
    )


OPERATIONS = tuple(
    record
    for sources, cost in (({"pdf"}, 1.3), (LIKE_PDF | {"cbz"}, 1.0), (FLOWING, 1.1))
    for record in (
        _conversion(sources, "png", pictures, *SIZE[:2], DENSITY, ALPHA, cost=cost),
        _conversion(sources, "svg", drawings, TEXT_TO_PATH, cost=min(cost, 1.1)),
        _conversion(sources - {"cbz"}, "txt", words, cost=cost),
        _conversion(sources - {"cbz"}, "html", words, cost=cost),
        _conversion(sources, "pdf", document, cost=cost),
    )
    if record.conversions
)
