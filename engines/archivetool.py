"""7-Zip and tar: several files into one archive, under the customers' names."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from jobs.contract import (
    Command,
    Context,
    Inputs,
    Operation,
    Output,
    Result,
    Tool,
    Work,
    formats,
    limits,
    names,
)
from jobs.contract.erasing import erase
from jobs.contract.errors import DiskFull, TaskError

from ._support.process import Process

SEVEN_ZIP = {"zip": "-tzip", "7z": "-t7z"}
TAR = {"tar": (), "tar.gz": ("--gzip",), "tar.bz2": ("--bzip2",), "tar.xz": ("--xz",)}
PACKED, STORED = "packed", "stored"
MEMBERS = "members"


def archive(work: Work) -> list[Command]:
    """Plan an archive of what lies in the folders of the related files ``packed`` and ``stored``."""
    if work.output_format in TAR:
        return [_tar(work)]
    return [_seven_zip(work, kind) for kind in (PACKED, STORED) if work.related.get(kind)]


def kind_of(name: str, output_format: str) -> str:
    """Return whether a member is packed, or stored as it is."""
    # 7-Zip takes 50 s for a gigabyte of video that gets no smaller, and 2 s to store it.
    is_stored = output_format in SEVEN_ZIP and formats.is_packed(formats.of(name))
    return STORED if is_stored else PACKED


def _seven_zip(work: Work, kind: str) -> Command:
    argv = ["7z", "a", SEVEN_ZIP[work.output_format], "-mx=0" if kind == STORED else "-mx=5", "-bd", "-y"]
    if work.output_format == "zip":
        argv.append("-mcu=on")  # names in UTF-8, whatever the locale
    # It stores what the pattern finds without the folder, and no name of a customer's is on its command line.
    folder = work.related[kind][0].parent
    return Command(argv=[*argv, "--", f"{work.output}", f"{folder / '*'}"], outputs=(work.output,))


def _tar(work: Work) -> Command:
    argv = ["tar", "--create", "--format=pax", *TAR[work.output_format], f"--file={work.output}"]
    # Nothing of our machine: no owner, no links between members that are one file in the store.
    argv += [
        "--force-local",
        "--hard-dereference",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mode=0644",
    ]
    argv += [f"--directory={work.related[PACKED][0].parent}"]
    # --add-file takes any name: one that looks like an option, a pattern or a list is none.
    return Command(argv=[*argv, *(f"--add-file={name}" for name in work.names)], outputs=(work.output,))


def explain(words: str) -> TaskError | None:
    """Tell a full disk from a failure."""
    return DiskFull() if "No space left on device" in words or "Disk full" in words else None


_run = Process(archive, explain=explain)


def pack(work: Work, context: Context) -> Result:
    """Make the archive; empty files are members like others.

    :raises TaskError: when the tool fails.
    """
    work = replace(work, names=tuple(names.unique(work.names)))
    # Beside the outputs, not in them: nothing the tool makes, and nothing it may change.
    members = work.output_dir.with_name(MEMBERS)
    placed: dict[str, list[Path]] = {PACKED: [], STORED: []}
    try:
        for name, path in zip(work.names, work.inputs, strict=True):
            kind = kind_of(name, work.output_format)
            placed[kind].append(_placed(path, members / kind / name))
        related = {kind: tuple(paths) for kind, paths in placed.items() if paths}
        [*_, made] = _run(replace(work, inputs=(), related=related), context).files
    finally:
        erase(members)
    return Result(files=(Output(path=made.path, name=f"archive.{work.output_format}"),))


def _placed(path: Path, member: Path) -> Path:
    # A link, not a copy: a 5 GB file takes no time and no room.
    member.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, member)
    except OSError:
        shutil.copyfile(path, member)
    return member


OPERATIONS = (
    Operation(
        name="archive",
        engine="archivetool",
        queue="archivetool",
        help="Put files into one archive.",
        run=pack,
        inputs=Inputs.ALL,
        conversions=frozenset((None, target) for target in (*SEVEN_ZIP, *TAR)),
        max_seconds=limits.ENGINE_SECONDS_LARGE,
        tool=Tool(name="7-Zip", argv=("7z",)),
    ),
)
