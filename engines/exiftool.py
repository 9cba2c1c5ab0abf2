"""ExifTool: what files say of themselves, read and written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobs.contract import Command, Context, Operation, Option, OptionProblem, Result, Tool, Work
from jobs.contract.errors import ConversionFailed, OpenFailed, PasswordRequired, TaskError

from ._support import exif_names, launcher
from ._support.cells import Cell
from ._support.exif_names import WRITABLE
from ._support.process import Process

OURS = {
    *("SourceFile", "Directory", "FileName", "FileModifyDate", "FileAccessDate", "FileCreateDate"),
    *("FileInodeChangeDate", "FilePermissions", "ExifToolVersion", "Warning", "Error"),
}
"""What is about our copy of the file, or our tool."""
BINARY = re.compile(r"\(Binary data \d+ bytes.*\)")
MOST_BYTES = 8 * 1024 * 1024
LONGEST = 8 * 1024
"""Characters of a value; longer ones are nothing to read."""
MOST = 2000
SAFE = ("-config", "", "-charset", "utf8", "-charset", "filename=utf8", "-api", "largefilesupport=1")
"""No settings but these: a file of its own could hold code."""


ABSENT = "athanor:absent"
LISTING = ("-args", "-f", "-q", "-api", f"missingtagvalue={ABSENT}")
"""One tag a line, ``-Name=Value``."""


def asking(work: Work) -> list[Command]:
    """Plan a list of what the file says."""
    # What it prints is longer than what is kept of words.
    argv = ["/usr/bin/dash", "-c", 'exec "$@" >"$0"', f"{work.output}", "exiftool", *SAFE, "-json"]
    return [Command(argv=[*argv, "-@", "-", f"{work.input}"], stdin=_password(work), outputs=(work.output,))]


def writing(work: Work) -> list[Command]:
    """Plan a copy that says what is asked for."""
    written = work.output
    if work.input_format == "pdf":
        # It only adds to a PDF: what was there could be read again.
        written = work.output_dir / "written.pdf"
    lines = exif_names.lines(work.options["metadata"], work.input_format)
    stdin = _password(work) + "".join(f"{line}\n" for line in lines).encode()
    if len(stdin) > launcher.KEPT_BYTES:
        raise ConversionFailed("The metadata must be at most 64 KiB in all.")
    # Names and values come in here, one a line; breaks of lines are escaped, as in HTML.
    argv = ["exiftool", *SAFE, "-E", "-@", "-", "-o", f"{written}", f"{work.input}"]
    commands = [Command(argv=argv, stdin=stdin, outputs=(written,))]
    if written != work.output:
        commands.append(_anew(work, written))
    return [*commands, _listing(work)]


def _listing(work: Work) -> Command:
    """Ask what of it the file says now: what the format has no place for is left out without a word."""
    names = exif_names.wanted(work.options["metadata"], work.input_format)
    stdin = _password(work) + "".join(f"-{name}\n" for name in names).encode()
    argv = ["exiftool", *SAFE, *LISTING, "-@", "-", f"{work.output}"]
    return Command(argv=argv, stdin=stdin, outputs=(work.output,))


def _anew(work: Work, written: Path) -> Command:
    argv = ["qpdf", "--warning-exit-0", "--linearize"]
    if password := work.options["password"]:
        argv.append("--password-file=-")
    stdin = f"{password}\n".encode() if password else b""
    return Command(argv=[*argv, "--", f"{written}", f"{work.output}"], stdin=stdin, outputs=(work.output,))


def _password(work: Work) -> bytes:
    password = work.options["password"]
    # A line of its own would lose a space it begins with, and be a comment where it begins with #.
    return f"-api\nPassword={password}\n".encode() if password else b""


def said(found: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return what a file says of itself as words, without what is about our copy of it.

    :param name: what the customer calls it.
    """
    kept = {"FileName": name}
    for key, value in found.items():
        text = ", ".join(map(_words, value)) if isinstance(value, list) else _words(value)
        if key not in OURS and len(text) <= LONGEST and not BINARY.fullmatch(text) and len(kept) < MOST:
            kept[key] = text
    return kept


def _words(value: object) -> str:
    if isinstance(value, bool):
        return f"{value}".lower()
    # A database takes no such character.
    return f"{value}".replace("\0", "").encode(errors="replace").decode()


@dataclass(frozen=True)
class Reading(Process):
    """Makes what the tool listed part of the result."""

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when the file says nothing that can be read.
        """
        [listed] = super().__call__(replace(work, output_format="json"), context).files
        if listed.path.stat().st_size > MOST_BYTES:
            raise ConversionFailed("The file says more of itself than can be shown.")
        try:
            [found] = json.loads(listed.path.read_bytes().decode(errors="replace"))
        except (ValueError, RecursionError) as error:
            raise ConversionFailed from error
        if not isinstance(found, dict) or "FileType" not in found:
            raise OpenFailed(UNKNOWN)
        return Result(extra={"metadata": said(found, work.names[0] if work.names else listed.path.name)})


@dataclass(frozen=True)
class Writing(Process):
    """Fails when something asked for was not written: the tool warns, and goes on without it."""

    def _launch(
        self, command: Command, cell: Cell, context: Context, *, share: tuple[float, float]
    ) -> launcher.Outcome:
        outcome = super()._launch(command, cell, context, share=share)
        missing = absent(outcome.stdout) if LISTING[0] in command.argv else []
        if failure := left_out(outcome.words, *missing):
            raise failure
        return outcome


UNKNOWN = "The file is of no kind whose metadata can be read."
_NOT_WRITTEN = re.compile(
    r"^Warning: (?:Sorry, |Can't convert |Tag ')([\w:-]+)|^Warning: .* (?:in|for) ([\w:-]+) \(\w+ConvInv\)",
    re.MULTILINE,
)


def absent(listed: str) -> list[str]:
    """Return the names of tags that a file has not."""
    return re.findall(rf"^-([\w:#-]+)={ABSENT}$", listed, re.MULTILINE)


def left_out(words: str, *more: str) -> TaskError | None:
    """Return the failure for tags that were not written, naming them; None when all were."""
    names = dict.fromkeys([*(found[1] or found[2] for found in _NOT_WRITTEN.finditer(words)), *more])
    if not names:
        return None
    return ConversionFailed(
        f"The metadata could not be written: {', '.join(names)}. The file's format has no such tag, or the"
        " value is none for it."
    )


def explain(words: str) -> TaskError | None:
    """Say what the tool's words mean for the customer."""
    if "password protected" in words or "Incorrect password" in words or "invalid password" in words:
        return PasswordRequired()
    if failure := left_out(words):
        return failure
    if found := re.search(r"Error: .*?(?:Writing of|writing of) ([\w.]+)", words):
        return ConversionFailed(f"Metadata cannot be written into {found[1]} files.")
    damaged = r"Error: .*(format error|Not a valid|Invalid|[Tt]runcated|[Bb]ad )|^qpdf: "
    return OpenFailed() if re.search(damaged, words, re.MULTILINE) else None


def _unread(words: str) -> TaskError | None:
    return explain(words) or OpenFailed(UNKNOWN)


def tidy(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Return names and values to write.

    :raises OptionProblem: when a name is none of a tag, or there is nothing to write.
    """
    if not metadata:
        raise OptionProblem("The metadata must have at least one entry, such as Title.")
    for name, value in metadata.items():
        if not exif_names.is_tag(name):
            raise OptionProblem(
                f"The metadata has the name {name[:80]!r}, which is none of a tag. Use one like Title, or"
                " XMP-dc:Creator."
            )
        if "\0" in value:
            raise OptionProblem(f"The metadata must not contain a NUL character: {name}.")
    return metadata


PASSWORD = Option(
    name="password",
    help="The password that opens the document.",
    pattern=r"[^\r\n]+",
    secret=True,
    selects=True,
    max_length=1024,
)
TOOL = Tool(name="exiftool", argv=("exiftool", "-ver"), pattern=r"(\d+\.\d+)")

OPERATIONS = (
    Operation(
        name="metadata",
        engine="exiftool",
        queue="exiftool",
        help="Tell what a file says of itself; of several files, the first.",
        run=Reading(asking, explain=_unread),
        conversions=frozenset({(None, None)}),
        options=(PASSWORD,),
        tool=TOOL,
    ),
    Operation(
        name="metadata/write",
        engine="exiftool",
        queue="exiftool",
        help="Change what a file says of itself; the rest stays.",
        run=Writing(writing, explain=explain),
        conversions=frozenset((source, None) for source in WRITABLE),
        options=(
            Option(
                name="metadata",
                help="Tags and their values, such as Title or Copyright; an empty value removes the tag.",
                type="dictionary",
                required=True,
                check=tidy,
            ),
            PASSWORD,
        ),
        tool=TOOL,
    ),
)
