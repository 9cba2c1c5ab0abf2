"""A runner that opens archives: their members as files, or packed again in another format."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.contract import Command, Context, Output, Result, Work, limits, names
from jobs.contract.detection.bounds import GRACE_BYTES
from jobs.contract.erasing import erase
from jobs.contract.errors import DiskFull, TaskError

from . import inner_code, warm
from .cells import USUAL, Cell
from .collecting import collect, collect_tree
from .launcher import Outcome
from .process import failure_of, launch, outputs_of, refuse_empty
from .resident import PYTHON
from .room import CODE, INPUT, OUTPUT, WORK, Profile, Room

SCRIPT = "engines/_support/unpack_child.py"
LEFT_OUT = "{} links or special files of the archive were left out."


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """Where an archive's members lie, as it looks from inside."""

    tree: Path
    listing: Path
    """A file of all paths in the tree, in the archive's order, each ended by a NUL but the last."""


Packer = Callable[[Unpacked, Path], Command]
"""Makes the command that packs members into a file."""


@dataclass(frozen=True)
class Unpacking:
    """Opens an archive in a cell, within the bounds, and publishes its members, or packs them again."""

    pack: Packer | None = None
    profile: Profile = USUAL

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when the archive cannot be opened, or holds too much.
        """
        refuse_empty(work)
        scratch = work.output_dir.with_name("scratch")
        scratch.mkdir()
        try:
            with Cell(_room(work, scratch), self.profile) as cell:
                room = Path(cell.named(WORK))
                tree = room / "tree" if self.pack else Path(cell.named(OUTPUT))
                unpacked = Unpacked(tree=tree, listing=room / "list")
                left_out = self._unpack(work, unpacked, cell, context)
                files = self._packed(work, unpacked, cell, context)
        finally:
            erase(scratch)
        return Result(files=tuple(files), message=LEFT_OUT.format(left_out) if left_out else None)

    def _unpack(self, work: Work, unpacked: Unpacked, cell: Cell, context: Context) -> int:
        code = cell.named(CODE)
        order = {
            "archive": f"{cell.inside(work.input)}",
            "format": work.input_format,
            "name": stem_of(work) or "content",
            "into": f"{unpacked.tree}",
            "list": f"{unpacked.listing}",
            "work": cell.named(WORK),
            "bytes": most_bytes(work.input.stat().st_size),
            "entries": limits.ARCHIVE_ENTRIES,
            "password": work.options.get("password") or "",
        }
        command = Command(
            argv=[PYTHON, f"{code}/{SCRIPT}"],
            environment={"PYTHONPATH": code},
            stdin=json.dumps(order).encode(),
            progress=lambda: _percent,
        )
        share = (0, 50) if self.pack else (0, 100)
        outcome = launch(command, cell, context, share=share, failure=_failure)
        context.progress(share[1])
        return int(_answer(outcome.stdout, "done")["done"]["left_out"])

    def _packed(self, work: Work, unpacked: Unpacked, cell: Cell, context: Context) -> list[Output]:
        if self.pack is None:
            return collect_tree(work.output_dir)
        made = work.output_dir / f"out.{work.output_format}"
        command = self.pack(unpacked, cell.inside(made))
        launch(command, cell, context, failure=_failure)
        context.progress(100)
        [path] = collect(outputs_of(command, cell, work.output_dir), work.output_format)
        return [Output(path=path, name=f"{stem_of(work) or 'archive'}.{work.output_format}")]


def most_bytes(size: int) -> int:
    """Return how much an archive of a size may hold."""
    return min(limits.ARCHIVE_BYTES, limits.OUTPUT_BYTES, max(GRACE_BYTES, limits.ARCHIVE_RATIO * size))


def stem_of(work: Work) -> str:
    """Return the customer's name of the archive without its suffix: the name of what was compressed."""
    [name] = work.names or ("",)
    return name.removesuffix(names.suffix_of(name))


def _failure(outcome: Outcome) -> TaskError:
    return failure_of(outcome, explain)


def explain(words: str) -> TaskError | None:
    """Return the error that the child, or a packer, tells of."""
    if "No space left on device" in words or "Disk full" in words:
        return DiskFull()
    refused = _answer(words, "refused")
    return warm.refusal(refused) if refused else None


def _answer(words: str, key: str) -> Mapping[str, Any]:
    lines = [line for line in words.splitlines() if line.startswith(f'{{"{key}"')]
    return json.loads(lines[-1]) if lines else {}


def _percent(line: str) -> float | None:
    found: Mapping[str, float] = json.loads(line) if line.startswith('{"percent"') else {}
    return found.get("percent")


def _room(work: Work, scratch: Path) -> Room:
    read = {INPUT: work.input.parent, CODE: inner_code.folder()}
    return Room(read=read, write={OUTPUT: work.output_dir, WORK: scratch}, start=WORK)
