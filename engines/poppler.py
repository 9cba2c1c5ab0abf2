"""Poppler's command line tools: PDF pages to images, text and web pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from jobs.contract import Command, Context, Operation, Option, Output, Result, Tool, Work, pairs
from jobs.contract.errors import ConversionFailed, OpenFailed, PasswordRequired, TaskError

from ._support import page_images, pages
from ._support.locked_pdf import FORBIDDEN, Opened, source
from ._support.page_images import ALPHA, COUNT, LOOK, PASSWORD, QUALITY, SIZE, Size

SLOWER = 1.2
"""PDFium draws pages as well, and several times as fast."""
SECOND = 1.3
"""Ghostscript and MuPDF have more to choose from."""
PAGES_PER_COMMAND = 20
"""Progress is told after each command."""
FLAGS = {
    "png": ("-png",),
    "jpg": ("-jpeg",),
    "tiff": ("-tiff", "-tiffcompression", "lzw"),
}

LETTER: Size = (612, 792)
"""What Poppler takes a page without a size for."""


@dataclass(frozen=True)
class Numbered(Opened):
    """Runs the commands, then writes page numbers as people do: the tool pads them with zeros."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when a program fails, or leaves no valid output.
        """
        made = super().__call__(work, context).files
        paths = [output.path.rename(plain_name(output.path, work.output_format)) for output in made]
        return Result(files=tuple(Output(path=path) for path in paths))


def plain_name(path: Path, ending: str) -> Path:
    """Return the path with the ending wanted, and a last number without zeros before it."""
    return path.with_name(f"{re.sub(r'-0+(?=[0-9])', '-', path.stem)}.{ending}")


def probe(work: Work) -> Command:
    """Ask how many pages there are, and how large."""
    return Command(argv=["pdfinfo", "-f", "1", "-l", f"{page_images.MOST_PAGES}", "--", source(work)])


def read(printed: str) -> Mapping[str, Any]:
    """Read what the probe printed: the number of pages, and the size of each in points as it is shown."""
    rotated = {int(number) for number in re.findall(r"^Page +(\d+) rot: +(?:90|270)$", printed, re.MULTILINE)}
    sizes: dict[int, Size] = {}
    for number, w, h in re.findall(r"^Page +(\d+) size: +([\d.]+) x ([\d.]+) pts", printed, re.MULTILINE):
        width, height = max(float(w), 1.0), max(float(h), 1.0)
        sizes[int(number)] = (height, width) if int(number) in rotated else (width, height)
    count = re.search(r"^Pages: +(\d+)$", printed, re.MULTILINE)
    return {"pages": int(count[1]) if count else 0, "sizes": sizes}


def images(work: Work) -> list[Command]:
    """Plan one image per page."""
    return _render(work, density=work.options["pixel_density"])


def thumbnails(work: Work) -> list[Command]:
    """Plan small images of the first pages."""
    return _render(work, density=page_images.THUMBNAIL_DENSITY)


def drawings(work: Work) -> list[Command]:
    """Plan one drawing per page: the tool makes no more than one at a time."""
    wanted = page_images.wanted(work.options, work.facts["pages"])
    targets = [work.output.with_stem(f"{work.output.stem}-{n}") for n in wanted]
    targets = targets if len(targets) > 1 else [work.output]
    commands = [
        _drawn(work, target, "-f", f"{page}", "-l", f"{page}")
        for page, target in zip(wanted, targets, strict=True)
    ]
    # The last command's outputs are the run's.
    return [*commands[:-1], replace(commands[-1], outputs=tuple(targets))]


def postscript(work: Work) -> list[Command]:
    """Plan PostScript of the pages."""
    return [_drawn(work, work.output, *_one_range(work))]


def _drawn(work: Work, target: Path, *which: str) -> Command:
    argv = ["pdftocairo", f"-{work.output_format}", *which, "--", source(work), f"{target}"]
    return Command(argv=argv, outputs=(target,))


def text(work: Work) -> list[Command]:
    """Plan the text of the pages, in reading order or where it stands."""
    argv = ["pdftotext", *_one_range(work), "-enc", "UTF-8", "-eol", "unix"]
    argv += ["-layout"] if work.options["layout"] else []
    return [Command(argv=[*argv, "--", source(work), f"{work.output}"], outputs=(work.output,))]


def web_page(work: Work) -> list[Command]:
    """Plan one web page that looks like the document's pages, with its pictures inside."""
    argv = ["pdftohtml", "-c", "-s", "-noframes", "-dataurls", "-zoom", f"{work.options['zoom']:g}"]
    argv += _one_range(work)
    # A bare name, in the folder it runs in: a document without a title is given what stands here.
    return [Command(argv=[*argv, "--", source(work), work.output.name], outputs=(work.output,))]


def explain(words: str) -> TaskError | None:
    """Say what Poppler's words, or qpdf's, mean for the customer."""
    if re.search(r"Incorrect password|^qpdf: .*: invalid password$", words, re.MULTILINE):
        return PasswordRequired()
    if "Permission Error" in words:
        return ConversionFailed(FORBIDDEN)
    damaged = r"Couldn't (find trailer|read xref|read page catalog)|May not be a PDF|wrong page range|^qpdf: "
    if re.search(damaged, words, re.MULTILINE):
        return OpenFailed()
    return None


def _render(work: Work, *, density: int) -> list[Command]:
    wanted = page_images.wanted(work.options, work.facts["pages"])
    argv = ["pdftocairo", *FLAGS[work.output_format], "-cropbox", *_look(work)]
    if len(wanted) == 1:
        argv += [*_geometry(work, wanted[0], density), "-f", f"{wanted[0]}", "-singlefile"]
        argv += ["--", source(work), f"{work.output.with_suffix('')}"]  # it adds the suffix itself
        suffix = {"tiff": ".tif"}.get(work.output_format, work.output.suffix)
        return [Command(argv=argv, outputs=(work.output.with_suffix(suffix),))]
    commands = []
    for first, last, geometry in _runs(work, wanted, density):
        part = [*argv, *geometry, "-f", f"{first}", "-l", f"{last}"]
        part += ["--", source(work), f"{work.output.with_suffix('')}"]
        glob = f"{work.output.stem}-*"
        commands.append(Command(argv=part, output_glob=glob, weight=last - first + 1))
    return commands


def _runs(work: Work, wanted: Sequence[int], density: int) -> Iterator[tuple[int, int, list[str]]]:
    """Yield runs of neighbouring pages that are rendered alike."""
    flags = [_geometry(work, number, density) for number in wanted]
    # Neighbours have the same difference between page number and place in the list.
    alike = groupby(enumerate(wanted), key=lambda place: (place[1] - place[0], flags[place[0]]))
    for (_, geometry), run in alike:
        numbers = [number for _, number in run]
        for start in range(0, len(numbers), PAGES_PER_COMMAND):
            chunk = numbers[start : start + PAGES_PER_COMMAND]
            yield chunk[0], chunk[-1], geometry


def _geometry(work: Work, number: int, density: int) -> list[str]:
    """Return the flags that give a page the size asked for."""
    size = work.facts["sizes"].get(number, LETTER)
    page = page_images.shape(number, size, density, work.options)
    if page.scaled == page.natural:
        return ["-r", f"{density}"]
    # It rounds up, sometimes by a whole pixel, so the size is cut out even where nothing is cropped.
    return [
        *("-scale-to-x", f"{page.scaled[0]}", "-scale-to-y", f"{page.scaled[1]}"),
        *("-x", f"{page.offset[0]}", "-y", f"{page.offset[1]}"),
        *("-W", f"{page.shown[0]}", "-H", f"{page.shown[1]}"),
    ]


def _one_range(work: Work) -> list[str]:
    [(first, last)] = pages.chosen(work.options["pages"], page_images.checked(work.facts["pages"]))
    return ["-f", f"{first}", "-l", f"{last}"]


def _look(work: Work) -> list[str]:
    if work.options.get("alpha"):
        return ["-transp"]
    if quality := work.options.get("quality"):
        return ["-jpegopt", f"quality={quality}"]
    return []


LAYOUT = Option(
    name="layout",
    help="Keep words where they stand on the page, with blanks between them, such as in tables.",
    type="boolean",
    default=False,
)
ZOOM = Option(
    name="zoom",
    help="How large the page is shown.",
    type="float",
    default=1.5,
    minimum=0.5,
    maximum=3,
)
TOOL = Tool(name="poppler", argv=("pdftocairo", "-v"))


def _images(target: str, *options: Option) -> Operation:
    return Operation(
        name="convert",
        engine="poppler",
        queue="poppler",
        help=f"Render PDF pages as {target.upper()}.",
        run=Numbered(images, explain=explain, probe=probe, read=read),
        conversions=pairs({"pdf"}, {target}),
        options=(*LOOK, *options),
        cost=SLOWER,
        tool=TOOL,
    )


def _shapes(target: str) -> Operation:
    several = target != "ps"
    return Operation(
        name="convert",
        engine="poppler",
        queue="poppler",
        help=f"Draw PDF pages as {target.upper()}{', one file per page' if several else ''}.",
        run=Opened(drawings if several else postscript, explain=explain, probe=probe, read=read),
        conversions=pairs({"pdf"}, {target}),
        options=(pages.option(several=several), PASSWORD),
        cost=SECOND,
        tool=TOOL,
    )


OPERATIONS = (
    _images("png", ALPHA),
    _images("jpg", QUALITY),
    _images("tiff"),
    _shapes("svg"),
    _shapes("eps"),
    _shapes("ps"),
    Operation(
        name="convert",
        engine="poppler",
        queue="poppler",
        help="Take the text out of PDF pages.",
        run=Opened(text, explain=explain, probe=probe, read=read, copies=True),
        conversions=pairs({"pdf"}, {"txt"}),
        options=(pages.option(several=False), LAYOUT, PASSWORD),
        tool=TOOL,
    ),
    Operation(
        name="convert",
        engine="poppler",
        aliases=frozenset({"pdf2htmlex"}),
        queue="poppler",
        help="Turn PDF pages into one web page that looks like them.",
        run=Opened(web_page, explain=explain, probe=probe, read=read, copies=True),
        conversions=pairs({"pdf"}, {"html"}),
        options=(pages.option(several=False), ZOOM, PASSWORD),
        tool=TOOL,
    ),
    Operation(
        name="thumbnail",
        engine="poppler",
        queue="poppler",
        help="Make small images of the first pages.",
        run=Numbered(thumbnails, explain=explain, probe=probe, read=read),
        conversions=pairs({"pdf"}, {"png", "jpg"}),
        options=(*SIZE, COUNT, PASSWORD),
        cost=SLOWER,
        tool=TOOL,
    ),
)
