"""Ghostscript: PostScript to PDF and back, smaller PDFs, and PDF/A."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobs.contract import Command, Context, Operation, Option, Result, Tool, Work, limits, pairs

from ._support import ghostscript_pdf_a, page_images, pages
from ._support.ghostscript_optimize import COLOURS, LOSSLESS, Optimize, optimize, probe, read
from ._support.ghostscript_pdf_a import JAVA, Validated, conform
from ._support.ghostscript_words import SAFE, explain
from ._support.locked_pdf import Opened, source
from ._support.numbering import by_page, told
from ._support.page_images import PASSWORD
from ._support.process import Process

DEVICES = {"ps": "ps2write", "eps": "eps2write"}
PROFILES = ("web", "print", LOSSLESS, "mrc", "max")


@dataclass(frozen=True)
class EachPage(Opened):
    """Runs the commands, then numbers the files by their pages."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when a program fails, or leaves no valid output.
        """
        return by_page(work, super().__call__(work, context).files)


def count_pages(work: Work) -> Command:
    """Ask PostScript how many pages there are, which is known when it has been run."""
    argv = [*SAFE, "-q", "-sDEVICE=nullpage", "-dEPSCrop", "-f", f"{work.input}"]
    return Command(argv=[*argv, "-c", "currentpagedevice /PageCount get ="])


def read_count(printed: str) -> dict[str, int]:
    """Read what was printed last; the document may have printed before."""
    found = re.search(r"(\d{1,9})\s*$", printed)
    return {"pages": int(found[1]) if found else 0}


def to_pdf(work: Work) -> list[Command]:
    """Plan a PDF of PostScript; of an EPS, as large as its box."""
    argv = [*SAFE, "-sDEVICE=pdfwrite", "-dEPSCrop", "-dCompatibilityLevel=1.7", "-dEmbedAllFonts=true"]
    argv += ["-sColorConversionStrategy=LeaveColorUnchanged", *_chosen(work)]
    argv += [f"-sOutputFile={work.output}", "-f", f"{work.input}"]
    return [Command(argv=argv, outputs=(work.output,))]


def to_postscript(work: Work) -> list[Command]:
    """Plan PostScript of a PDF: one file, or one for each page where the format holds no more."""
    argv = [*SAFE, f"-sDEVICE={DEVICES[work.output_format]}", f"-r{work.options['pixel_density']}"]
    several = work.output_format == "eps"
    count = len(page_images.wanted(work.options, work.facts["pages"])) if several else work.facts["pages"]
    target = work.output.with_stem(f"{work.output.stem}-%d") if several else work.output
    return [
        Command(
            argv=[*argv, *_chosen(work), f"-sOutputFile={target}", "-f", source(work)],
            outputs=() if several else (target,),
            output_glob=f"{work.output.stem}-*.eps" if several else "",
            progress=told(count),
        )
    ]


def _chosen(work: Work) -> list[str]:
    ranges = pages.chosen(work.options["pages"], page_images.checked(work.facts["pages"]))
    listed = (f"{first}-{last}" for first, last in ranges)
    return [f"-sPageList={','.join(listed)}"] if work.options["pages"] else []


TOOL = Tool(name="ghostscript", argv=("gs", "--version"))
DENSITY = Option(
    name="pixel_density",
    help="Dots per inch of what cannot be kept as shapes, such as transparent parts.",
    type="integer",
    default=300,
    minimum=36,
    maximum=1200,
)
OPTIMIZE = (
    Option(
        name="profile",
        help="What the document is for. Pictures get 150 dots per inch for web (its first page also shows"
        " before the rest has come), 300 for print, 72 for max; mrc is for scans: coarse pictures beside"
        " sharp black-and-white text. archive loses nothing: it is only packed better.",
        type="enum",
        default="web",
        values=PROFILES,
    ),
    Option(
        name="flatten_signatures",
        help="Draw signatures, which any change makes invalid, and all fields of forms into the pages."
        " Otherwise a document with a form keeps it, and is only packed better.",
        type="boolean",
        default=False,
    ),
    Option(
        name="colorspace",
        help="Colours to convert everything to.",
        type="enum",
        default="unchanged",
        values=tuple(COLOURS),
        aliases={"gray": "grayscale", "grey": "grayscale", "greyscale": "grayscale", "srgb": "rgb"},
    ),
    PASSWORD,
)


def _postscript(target: str) -> Operation:
    several = ", one file per page" if target == "eps" else ""
    return Operation(
        name="convert",
        engine="ghostscript",
        queue="ghostscript",
        help=f"Write PDF pages as {target.upper()}{several}.",
        run=(EachPage if several else Opened)(to_postscript, explain=explain, probe=probe, read=read),
        conversions=pairs({"pdf"}, {target}),
        options=(pages.option(), DENSITY, PASSWORD),
        tool=TOOL,
    )


OPERATIONS = (
    Operation(
        name="convert",
        engine="ghostscript",
        queue="ghostscript",
        help="Make a PDF of PostScript.",
        run=Process(to_pdf, explain=explain, probe=count_pages, read=read_count),
        conversions=pairs({"ps", "eps", "ai"}, {"pdf"}),
        options=(pages.option(),),
        tool=TOOL,
    ),
    *map(_postscript, DEVICES),
    Operation(
        name="optimize",
        engine="ghostscript",
        aliases=frozenset({"3heights"}),
        queue="ghostscript",
        help="Make a PDF smaller; its text, links and bookmarks stay. It never gets larger.",
        run=Optimize(optimize, explain=explain, probe=probe, read=read),
        conversions=frozenset({("pdf", None)}),
        options=OPTIMIZE,
        max_seconds=limits.ENGINE_SECONDS,
        tool=TOOL,
    ),
    Operation(
        name="pdf/a",
        engine="ghostscript",
        aliases=frozenset({"3heights"}),
        queue="ghostscript",
        help="Make a PDF/A for archives, which veraPDF has found to conform; else the task fails and names"
        " the rules. Colours become sRGB; forms are drawn into the pages; scripts, attachments and tags go.",
        run=Validated(conform, explain=ghostscript_pdf_a.explain, probe=probe, read=read, profile=JAVA),
        conversions=frozenset({("pdf", None)}),
        options=(
            Option(
                name="conformance_level",
                help="Part and level of the standard. Part 1 knows no transparency: pages with transparent"
                " parts become pictures in it, whose text cannot be searched; prefer 2b or 3b.",
                type="enum",
                default="3b",
                values=("1b", "2b", "3b"),
            ),
            PASSWORD,
        ),
        tool=TOOL,
    ),
)
