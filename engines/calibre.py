"""Calibre: e-books to each other, and documents to e-books."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jobs.contract import Command, Context, Operation, Option, Output, Result, Tool, Work, limits, pairs
from jobs.contract.errors import ConversionFailed, OpenFailed, TaskError

from ._support.cells import USUAL
from ._support.process import Process
from ._support.room import Profile

COMICS = {"cb7", "cbc", "cbr", "cbz"}
BOOKS = {
    *(
        "azw",
        "azw3",
        "azw4",
        "chm",
        "epub",
        "fb2",
        "htmlz",
        "lit",
        "lrf",
        "mobi",
        "pdb",
        "pml",
        "pmlz",
        "prc",
    ),
    *("rb", "tcr", "txtz"),
    *COMICS,
}
"""Not snb, of which it reads nothing, not even its own."""
# A .recipe would be a program.
DOCUMENTS = {"docx", "html", "odt", "pdf", "rtf", "txt"}
BOOK_TARGETS = {
    *("azw3", "epub", "fb2", "htmlz", "lit", "lrf", "mobi", "oeb", "pdb", "pml", "rb", "snb", "tcr", "txtz"),
}
OTHER_TARGETS = {"docx", "rtf", "txt", "zip"}
"""What a book becomes besides; of documents, other engines make these."""
FOLDERS = {"oeb", "zip"}
"""The book as web pages with all that belongs to them, packed into one file."""
INNER = {"pml": "pmlz"}
"""What it writes as a package, with pictures beside the text."""
TEXT = "index.pml"
"""The text in there."""
ENVIRONMENT = {
    "QT_QPA_PLATFORM": "offscreen",
    # It prints with a browser, whose own sandbox finds no room inside ours.
    "QTWEBENGINE_DISABLE_SANDBOX": "1",
    "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox --disable-gpu",
}
BROWSING = Profile(
    memory=limits.MEMORY_BYTES_LARGE,
    processes=limits.PROCESSES_LARGE,
    address_space=False,
    sockets=True,
)
PROTECTED = "The book is protected (DRM), so only the reader it was bought for can open it."


@dataclass(frozen=True)
class Bound(Process):
    """Runs the commands, and calls what they made after the input."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when a program fails, or leaves no valid output.
        """
        [made] = super().__call__(work, context).files
        return Result(files=(Output(path=made.path.rename(work.output)),))


def convert(work: Work) -> list[Command]:
    """Plan a conversion, with what must be unpacked before and packed after it."""
    source = work.input
    before: list[Command] = []
    if work.input_format in {"cbr", "cb7"}:
        source, before = _unpacked(work)
    made = _made(work)
    argv = ["ebook-convert", f"{source}", f"{made}", *_options(work)]
    main = Command(
        argv=argv,
        outputs=() if work.output_format in FOLDERS | set(INNER) else (made,),
        environment=ENVIRONMENT,
        progress=lambda: _percent,
        weight=10,
    )
    return [*before, main, *_packed(work, made)]


def _made(work: Work) -> Path:
    if work.output_format in FOLDERS:
        # Without an ending it makes a folder.
        return work.output_dir / "pages"
    return work.output.with_suffix(f".{INNER.get(work.output_format, work.output_format)}")


def _unpacked(work: Work) -> tuple[Path, list[Command]]:
    """Bring a comic into the one kind of archive that can be read without what is not free."""
    folder, comic = work.output_dir / "comic", work.output_dir / "comic.cbz"
    unpack = ["unar", "-quiet", "-no-directory", "-output-directory", f"{folder}", f"{work.input}"]
    return comic, [Command(argv=unpack), _zip(comic, f"{folder}/*")]


def _packed(work: Work, made: Path) -> Iterator[Command]:
    if work.output_format in FOLDERS:
        yield _zip(work.output, f"{made}/*")
    elif work.output_format in INNER:
        argv = ["7z", "e", "-y", "-bd", f"-o{work.output_dir}", f"{made}", TEXT]
        yield Command(argv=argv, outputs=(work.output_dir / TEXT,))


def _zip(target: Path, what: str) -> Command:
    argv = ["7z", "a", "-tzip", "-mcu=on", "-bd", "-y", "--", f"{target}", what]
    return Command(argv=argv, outputs=(target,))


def _options(work: Work) -> list[str]:
    given = {"title": work.options["title"], "authors": work.options["author"]}
    argv = [f"--{name}={value}" for name, value in given.items() if value]
    if work.input_format == "html":
        # The page alone: not what it links to.
        argv += ["--max-levels=0"]
    return argv


def _percent(line: str) -> float | None:
    found = re.match(r"(\d{1,3})% ", line)
    return float(found[1]) if found else None


def explain(words: str) -> TaskError | None:
    """Tell what cannot be read from what cannot be written."""
    if "DRMError" in words:
        return ConversionFailed(PROTECTED)
    return OpenFailed() if re.search(r"input_plugin\(|^unar: |Couldn't recognize", words, re.M) else None


OPTIONS = (
    Option(name="title", help="The book's title; its own when not given.", max_length=1000),
    Option(
        name="author",
        help="The book's author, several with & between them; its own when not given.",
        max_length=1000,
    ),
)


def _operation(sources: Iterable[str], targets: Iterable[str], *, cost: float = 1.0) -> Operation:
    prints = set(targets) == {"pdf"}
    return Operation(
        name="convert",
        engine="calibre",
        queue="calibre",
        help="Print e-books to PDF." if prints else "Convert e-books.",
        run=Bound(convert, explain=explain, profile=BROWSING if prints else USUAL),
        conversions=pairs(sources, targets),
        options=OPTIONS,
        cost=cost,
        tool=Tool(name="calibre", argv=("ebook-convert", "--version")),
    )


OPERATIONS = (
    _operation(BOOKS, {"pdf"}),
    _operation(BOOKS, BOOK_TARGETS | OTHER_TARGETS),
    _operation(DOCUMENTS, BOOK_TARGETS),
)
