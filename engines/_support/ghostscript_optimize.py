"""Makes a PDF smaller: what Ghostscript rewrites, what qpdf packs better, and which of them comes out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.contract import Command, Context, Output, Result, Work
from jobs.contract.errors import ConversionFailed, OpenFailed

from .ghostscript_words import SAFE
from .locked_pdf import FORBIDDEN, Opened, source
from .numbering import told
from .page_images import checked

LOSSLESS = "archive"
PROFILES: Mapping[str, tuple[str, ...]] = {
    "web": ("-dPDFSETTINGS=/ebook",),
    "print": ("-dPDFSETTINGS=/printer",),
    "mrc": (
        *("-dPDFSETTINGS=/ebook", "-dPassThroughJPEGImages=false", "-dColorImageResolution=100"),
        *("-dGrayImageResolution=100", "-dMonoImageResolution=600"),
    ),
    "max": ("-dPDFSETTINGS=/screen", "-dPassThroughJPEGImages=false"),
    LOSSLESS: (
        *("-dPDFSETTINGS=/prepress", "-dDownsampleColorImages=false", "-dDownsampleGrayImages=false"),
        *("-dDownsampleMonoImages=false", "-dAutoFilterColorImages=false", "-dAutoFilterGrayImages=false"),
        *("-dColorImageFilter=/FlateEncode", "-dGrayImageFilter=/FlateEncode"),
    ),
}
"""What happens to pictures: 150, 300, 100 and 72 dots per inch, or nothing."""
COLOURS = {
    "unchanged": ("-sColorConversionStrategy=LeaveColorUnchanged",),
    "rgb": ("-sColorConversionStrategy=RGB", "-dProcessColorModel=/DeviceRGB"),
    "cmyk": ("-sColorConversionStrategy=CMYK", "-dProcessColorModel=/DeviceCMYK"),
    "grayscale": ("-sColorConversionStrategy=Gray", "-dProcessColorModel=/DeviceGray"),
}
PACK = ("--warning-exit-0", "--object-streams=generate")
HARDER = ("--recompress-flate", "--compression-level=9")
"""Where nothing else is done: on scans it takes many times as long as Ghostscript, and gains a percent."""
REWRITTEN, REPACKED, SMALLER = "rewritten.pdf", "repacked.pdf", "smaller.pdf"


@dataclass(frozen=True)
class Optimize(Opened):
    """Runs the commands, and gives the smallest of what they made and what there was."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when a program fails, or leaves no valid output.
        """
        made = [output.path for output in super().__call__(work, context).files]
        before = work.input.stat().st_size
        smallest = min(made, key=lambda path: path.stat().st_size)
        smallest = smallest.rename(work.output)
        for name in (REWRITTEN, REPACKED, SMALLER):
            (work.output_dir / name).unlink(missing_ok=True)
        if smallest.stat().st_size >= before and not (changes(work) or work.options["password"]):
            shutil.copyfile(work.input, smallest)
        return Result(files=(Output(path=smallest),), message=reduced(before, smallest.stat().st_size))


def changes(work: Work) -> bool:
    """Tell whether something other than a smaller file was asked for, so that the old one will not do."""
    return work.options["colorspace"] != "unchanged" or bool(work.options["flatten_signatures"])


def reduced(before: int, after: int) -> str:
    """Return the sentence for the customer."""
    return f"File size reduced by {max(0, int(100 * (before - after) / before))}%"


def probe(work: Work) -> Command:
    """Ask a PDF how many pages there are, whether there is a form, and what the owner permits."""
    return Command(argv=["pdfinfo", "--", source(work)])


def read(printed: str) -> dict[str, Any]:
    """Read what the probe printed.

    :raises OpenFailed: when it does not tell the number of pages.
    """
    count = re.search(r"^Pages: +(\d+)$", printed, re.MULTILINE)
    if not count:
        raise OpenFailed
    return {
        "pages": int(count[1]),
        "form": bool(re.search(r"^Form: +(?!none)\S", printed, re.MULTILINE)),
        "locked": bool(re.search(r"^Encrypted: +yes .*change:no", printed, re.MULTILINE)),
    }


def optimize(work: Work) -> list[Command]:
    """Plan what may make the document smaller.

    :raises ConversionFailed: when its owner does not let it be changed.
    """
    count = checked(work.facts["pages"])
    if work.facts["locked"]:
        raise ConversionFailed(FORBIDDEN)
    # Ghostscript draws a form into the pages; qpdf keeps it, and all else that it does not know.
    kept = work.facts["form"] and not work.options["flatten_signatures"]
    if work.options["colorspace"] == "unchanged" and (kept or work.options["profile"] == LOSSLESS):
        return [_packed(work, source(work), SMALLER, *HARDER, outputs=(SMALLER,))]
    rewritten = work.output_dir / REWRITTEN
    # A page that was lost on the way is noticed when it is asked for.
    chosen = ("--pages", ".", f"1-{count}", "--")
    again = _packed(work, f"{rewritten}", SMALLER, pages=chosen, outputs=(SMALLER,))
    first = [_rewritten(work, rewritten), again]
    if changes(work):
        return first
    return [*first, _packed(work, source(work), REPACKED, outputs=(SMALLER, REPACKED))]


def _rewritten(work: Work, target: Path) -> Command:
    argv = [*SAFE, "-sDEVICE=pdfwrite", *PROFILES[work.options["profile"]], "-dCompatibilityLevel=1.7"]
    argv += [*COLOURS[work.options["colorspace"]], "-dDetectDuplicateImages=true", "-dSubsetFonts=true"]
    argv += ["-dEmbedAllFonts=true", f"-sOutputFile={target}", "-f", source(work)]
    return Command(argv=argv, outputs=(target,), progress=told(work.facts["pages"]), weight=8)


def _packed(
    work: Work, path: str, name: str, *how: str, outputs: tuple[str, ...], pages: tuple[str, ...] = ()
) -> Command:
    argv = ["qpdf", *PACK, *how, *(["--linearize"] if work.options["profile"] == "web" else [])]
    argv += [path, *pages, f"{work.output_dir / name}"]
    return Command(argv=argv, outputs=tuple(work.output_dir / each for each in outputs))
