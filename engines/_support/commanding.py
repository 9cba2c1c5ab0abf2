"""A runner for command lines of customers' own: named inputs in, whatever is left in ``/output`` out."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobs.contract import Command, Context, OptionProblem, Result, Work, names, paths
from jobs.contract.erasing import erase
from jobs.contract.errors import ConversionFailed, DiskFull, EngineTimeout, TaskError, Timeout

from . import inner_code
from .cells import USUAL, Cell
from .collecting import collect_tree
from .launcher import Outcome
from .process import failure_of, launch
from .room import CODE, INPUT, OUTPUT, Profile, Room

BIN = Path("/usr/bin")
NOTHING = f"The command ended well, and left no file in {OUTPUT}."
HANGS = "The command did not end in time. Ask for less, or split it."
OPEN_QUOTE = "The arguments have a quote that is not closed, or end in a backslash."
SHOWN = 300
"""How many characters of a failed command's last words a customer is told."""
_FOLDER = re.compile(rf"(?<![\w./-])(?:{INPUT}|{OUTPUT})(?![\w.-])")


@dataclass(frozen=True, kw_only=True)
class Commanding:
    """Runs one program with the customer's arguments: locked in like any engine, and never by a shell.

    It sees its inputs as ``/input/{task}/{name}``; every file it leaves below ``/output`` is published.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    """May speak of ``{code}``, where our code lies inside."""
    profile: Profile = USUAL

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when the program fails, with its last words.
        """
        named = work.output_dir.with_name("named")
        try:
            _place(work, named)
            room = Room(
                read={INPUT: named, CODE: inner_code.folder()},
                write={OUTPUT: work.output_dir},
                start=OUTPUT,
            )
            with Cell(room, self.profile) as cell:
                said = self._run(work, cell, context)
                files = collect_tree(work.output_dir)
        finally:
            erase(named)
        captured = work.options["capture_output"]
        return Result(
            files=tuple(files),
            message=None if files or captured else NOTHING,
            extra={"output": said} if captured else {},
        )

    def _run(self, work: Work, cell: Cell, context: Context) -> str:
        program = work.options["command"]
        code = cell.named(CODE)
        command = Command(
            argv=[f"{BIN / program}", *(_located(text, cell) for text in split(work.options["arguments"]))],
            environment={name: text.format(code=code) for name, text in self.environment.items()},
        )

        def failure(outcome: Outcome) -> TaskError:
            if "No space left on device" in outcome.words:
                return DiskFull()
            if outcome.returncode < 0:
                return failure_of(outcome)
            cause = cause_of(program, shown(outcome.words, cell))
            return ConversionFailed(f"{program} ended with an error: {cause}" if cause else None)

        try:
            return shown(launch(command, cell, context, failure=failure).words, cell)
        except EngineTimeout:
            # It does what the customer wrote: it would again.
            raise Timeout(HANGS) from None


def split(arguments: str) -> list[str]:
    """Return the arguments that a line means, by the rules of POSIX; nothing in it is carried out.

    :raises OptionProblem: when a quote is not closed.
    """
    try:
        return shlex.split(arguments)
    except ValueError:
        raise OptionProblem(OPEN_QUOTE) from None


def cause_of(program: str, words: str) -> str:
    """Return the line in which a failed program says why: its first complaint under its name, else its last.

    What cannot open a picture complains of that first, and then of having none.
    """
    lines = [line for line in map(str.strip, words.splitlines()) if line not in {"", "Conversion failed!"}]
    named = re.compile(rf"{program}[\w.-]*( \w+)?: ")
    own = (line for line in lines if named.match(line) and " @ warning/" not in line)
    return next(own, lines[-1] if lines else "").partition(" @ error/")[0][:SHOWN]


def shown(words: str, cell: Cell) -> str:
    """Return what a program said as the customer sees it: no control characters, no folders of ours."""
    for inside in (INPUT, OUTPUT, CODE):
        words = words.replace(cell.named(inside), inside)
    return "".join(char for char in words.replace("\r\n", "\n") if char in "\n\t\r" or _is_shown(char))


def _is_shown(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cs"}


def _located(text: str, cell: Cell) -> str:
    # Where folders keep their own paths, they are named by these, wherever in an argument they stand.
    return text if cell.tier.maps else _FOLDER.sub(lambda found: cell.named(found[0]), text)


def _place(work: Work, named: Path) -> None:
    """Link each input to where it is seen: in the folder of its task, under the customer's name."""
    folders = [
        f"{names.clean(origin)}/{folder}" for origin, folder in zip(work.origins, work.folders, strict=True)
    ]
    named.mkdir()
    for path, seen in zip(work.inputs, paths.unique(work.names, folders), strict=True):
        place = named / seen
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, place)
        except OSError:
            shutil.copyfile(path, place)
