"""Pandoc: markup to each other, and between markup and documents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.contract import Command, Context, Operation, Result, Tool, Work, pairs
from jobs.contract.errors import ConversionFailed, OpenFailed, TaskError

from ._support import encodings
from ._support.process import Process

READ = {
    # LaTeX in Markdown is text: it would only be meant for a LaTeX that runs.
    "md": "markdown-raw_tex",
    "rst": "rst",
    "tex": "latex",
    "html": "html",
    "org": "org",
    "textile": "textile",
    "ipynb": "ipynb",
    "docx": "docx",
    "odt": "odt",
    "epub": "epub-raw_html",
}
WRITTEN = {
    "md": "markdown-raw_tex",
    "rst": "rst",
    "tex": "latex",
    "html": "html5",
    "org": "org",
    "textile": "textile",
    "txt": "plain",
    "docx": "docx",
    "odt": "odt",
    "epub": "epub3",
    "rtf": "rtf",
}
PACKAGES = {"docx", "odt", "epub"}
MARKUP = set(READ) - PACKAGES
# Readers bring in no file. Writers of packages look for what the text names (pictures, covers, what raw
# markup refers to), so that is left out before.
FILTER = """local known = {title=1, subtitle=1, author=1, date=1, lang=1, abstract=1, keywords=1}
function Meta(meta)
  for name in pairs(meta) do if not known[name] then meta[name] = nil end end
  return meta
end
function RawBlock() return {} end
function RawInline() return {} end
function Image(image)
  if image.src:match("^data:image/") or pandoc.mediabag.lookup(image.src) then return nil end
  return image.caption
end
"""
# What says no title is called as its file, on white as paper is.
PAGE = """function Meta(meta)
  if not meta.title and not meta.pagetitle then meta.pagetitle = "{title}" end
  if not meta.backgroundcolor then meta.backgroundcolor = "white" end
  return meta
end
"""
ICONV = {"utf-8-sig": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}
OUTSIDE = "The text brings in another file, which is not followed. Put its content into the text."


@dataclass(frozen=True)
class Decoded(Process):
    """Runs the commands on text whose encoding was found out before."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when the text cannot be read, or a program fails.
        """
        if work.input_format in MARKUP:
            try:
                found = encodings.of(work.input, is_page=work.input_format == "html")
            except encodings.NoText:
                raise OpenFailed from None
            work = replace(work, facts={**work.facts, "encoding": found})
        return super().__call__(work, context)


def convert(work: Work) -> list[Command]:
    """Plan a conversion: to UTF-8, to what the program itself thinks in, to what is wanted."""
    source, target = work.input_format, work.output_format
    text, before = _in_utf8(work)
    reading = ["pandoc", "--sandbox", f"--from={READ[source]}"]
    if PACKAGES & {source, target}:
        before.append(_script(work.output_dir / "outside.lua", FILTER))
        reading.append(f"--lua-filter={work.output_dir / 'outside.lua'}")
    if target == "html":
        before.append(_script(work.output_dir / "page.lua", PAGE.format(title=_quoted(_title(work)))))
        reading.append(f"--lua-filter={work.output_dir / 'page.lua'}")
    if target not in PACKAGES:
        return [*before, Command(argv=[*reading, *_look(work), "--", f"{text}"], outputs=(work.output,))]
    # What packages are made of is read from the disk, which a sandbox forbids; no text is read any more then.
    thought = work.output_dir / "thought.json"
    thinking = [*reading, "--to=json", f"--output={thought}", "--", f"{text}"]
    writing = ["pandoc", "--from=json", f"--to={WRITTEN[target]}", "--standalone", f"--output={work.output}"]
    return [
        *before,
        Command(argv=thinking, outputs=(thought,)),
        Command(argv=[*writing, "--", f"{thought}"], outputs=(work.output,)),
    ]


def _script(path: Path, text: str) -> Command:
    return Command(argv=["tee", f"{path}"], stdin=text.encode(), outputs=(path,), quiet=True)


def _title(work: Work) -> str:
    return Path((*work.names, work.input.name)[0]).stem


def _quoted(text: str) -> str:
    """Return what stands for a text between quotes in a script, whatever is in it."""
    return "".join(f"\\{byte:03d}" for byte in text.encode())


def _in_utf8(work: Work) -> tuple[Path, list[Command]]:
    encoding = work.facts.get("encoding", "utf-8")
    if encoding == "utf-8":
        return work.input, []
    copy = work.output_dir / f"text.{work.input_format}"
    argv = [
        "iconv",
        f"--from-code={ICONV.get(encoding, encoding.replace('_', '-'))}",
        "--to-code=utf-8",
        "-c",
    ]
    return copy, [Command(argv=[*argv, f"--output={copy}", "--", f"{work.input}"], outputs=(copy,))]


def _look(work: Work) -> list[str]:
    argv = [f"--to={WRITTEN[work.output_format]}", f"--output={work.output}"]
    if work.output_format in {"html", "tex", "rtf"}:
        argv.append("--standalone")
    if work.output_format == "html":
        argv.append("--mathml")
        if work.input_format in PACKAGES:
            # Its pictures come along.
            argv.append("--self-contained")
    return argv


def explain(words: str) -> TaskError | None:
    """Tell a text that leads outside from one that cannot be read."""
    if "not found in resource path" in words:
        return ConversionFailed(OUTSIDE)
    if re.search(
        r"^(Error at|couldn't unpack|Could not unzip|Couldn't (parse|extract)|\w+ decoding error)",
        words,
        re.M,
    ):
        return OpenFailed()
    return None


def _operation(
    sources: Iterable[str], targets: Iterable[str], *, cost: float = 1.0, between: bool = False
) -> Operation:
    return Operation(
        name="convert",
        engine="pandoc",
        queue="pandoc",
        help="Convert markup, and documents to and from it.",
        run=Decoded(convert, explain=explain),
        conversions=pairs(sources, targets),
        cost=cost,
        between=between,
        tool=Tool(name="pandoc", argv=("pandoc", "--version")),
    )


NATIVE = MARKUP - {"html"}
OPERATIONS = (
    # Pages are made of the web page, as a browser prints it.
    _operation(NATIVE, {"html"}, between=True),
    _operation(NATIVE, set(WRITTEN) - {"html"}),
    _operation({"html", *PACKAGES}, {"md", "rst", "tex", "org", "textile"}),
    # Others keep more of the look.
    _operation({"html"}, {"txt", "rtf", *PACKAGES}, cost=1.6),
    _operation(PACKAGES, {"html", "txt", "rtf"}, cost=1.6),
)
