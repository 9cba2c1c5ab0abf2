"""PDF/A: Ghostscript writes it, our own look tells that no page was lost, and veraPDF that it conforms."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.contract import Command, Context, Result, Work, limits
from jobs.contract.errors import ConversionFailed, TaskError

from . import ghostscript_words, inner_code
from .ghostscript_words import SAFE
from .locked_pdf import FORBIDDEN, Opened, source
from .numbering import told
from .page_images import checked
from .room import Profile

PROFILE = "/usr/share/color/icc/ghostscript/srgb.icc"
"""Of version 2: PDF/A-1 knows no other."""
DENSITY = 300
"""Dots per inch of pages that become pictures."""
VALIDATOR = Path(sys.prefix, "share", "verapdf", "verapdf.jar")
"""Where setup puts it."""
JAVA = Profile(memory=limits.MEMORY_BYTES, processes=limits.PROCESSES, address_space=False)
SCRIPTS = {
    "definition": "engines/_support/ghostscript-scripts/pdf_a.ps",
    "preparation": "engines/_support/mupdf-scripts/prepare_pdf_a.js",
}
PREPARED, LAST = "prepared.pdf", "last.pdf"
MOST_RULES = 5
NO_VALIDATOR = "PDF/A cannot be made here: the program that proves it is not installed on this worker."


@dataclass(frozen=True)
class Validated(Opened):
    """Runs the commands, the last of which is the validator: what it does not pass is no result."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when a program fails, or the result does not conform.
        """
        validator = inner_code.beside(VALIDATOR)
        if not validator:
            raise TaskError(NO_VALIDATOR)
        ours = {name: (inner_code.folder() / path,) for name, path in SCRIPTS.items()}
        related = {**work.related, **ours, "validator": (validator,)}
        try:
            return super().__call__(replace(work, related=related), context)
        finally:
            for name in (PREPARED, LAST):
                (work.output_dir / name).unlink(missing_ok=True)


def conform(work: Work) -> list[Command]:
    """Plan a PDF/A, and the proof that it is one.

    :raises ConversionFailed: when the owner does not let the document be changed.
    """
    count = checked(work.facts["pages"])
    if work.facts["locked"]:
        raise ConversionFailed(FORBIDDEN)
    prepared, last = work.output_dir / PREPARED, work.output_dir / LAST
    [script], [definition], [jar] = (work.related[n] for n in ("preparation", "definition", "validator"))
    level = work.options["conformance_level"]
    written = [
        *(*SAFE, "-sDEVICE=pdfwrite", f"-dPDFA={level[0]}", "-dPDFACompatibilityPolicy=1", f"-r{DENSITY}"),
        *("-sColorConversionStrategy=RGB", "-dProcessColorModel=/DeviceRGB", "-dEmbedAllFonts=true"),
        *(f"-sProfile={PROFILE}", f"--permit-file-read={PROFILE}", f"-sOutputFile={work.output}"),
        *(f"{definition}", f"{prepared}"),
    ]
    # An empty document conforms too. qpdf refuses a page that is not there.
    there = ["qpdf", f"{work.output}", "--pages", ".", f"{count}", "--", f"{last}"]
    proof = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xmx1g"]
    proof += ["-cp", f"{jar}", "org.verapdf.apps.GreenfieldCliWrapper", "-f", level, "--format", "json"]
    proof += ["--maxfailuresdisplayed", "1", f"{work.output}"]
    return [
        Command(argv=["mutool", "run", f"{script}", source(work), f"{prepared}"], outputs=(prepared,)),
        Command(argv=written, outputs=(work.output,), progress=told(count), weight=4),
        Command(argv=there, outputs=(last,)),
        Command(argv=proof, outputs=(work.output,), weight=4),
    ]


def explain(words: str) -> TaskError | None:
    """Say what the validator's words, or the others', mean for the customer."""
    if '"compliant" : false' not in words:
        return ghostscript_words.explain(words)
    rules = re.findall(r'"clause" : "([\d.]+)".*?"description" : "((?:[^"\\]|\\.)*)"', words, re.DOTALL)
    told_rules = "; ".join(f"{clause}: {text[:200]}" for clause, text in rules[:MOST_RULES])
    return ConversionFailed(f"The result does not conform to PDF/A. Rules it breaks: {told_rules}")
