"""7-Zip, tar and others: archives made, opened and converted, under the customers' names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jobs.contract import (
    Command,
    Context,
    Inputs,
    Operation,
    Option,
    Output,
    Result,
    Tool,
    Work,
    formats,
    limits,
    pairs,
    paths,
)
from jobs.contract.erasing import erase
from jobs.contract.errors import DiskFull, TaskError

from ._support.process import Process
from ._support.unpacking import Unpacked, Unpacking

SEVEN_ZIP = {"zip": "-tzip", "7z": "-t7z"}
TAR = {"tar": (), "tar.gz": ("--gzip",), "tar.bz2": ("--bzip2",), "tar.xz": ("--xz",)}
MADE = (*SEVEN_ZIP, *TAR)
OPENED = frozenset(
    {
        *(
            "zip",
            "jar",
            "7z",
            "rar",
            "cab",
            "arj",
            "lha",
            "alz",
            "arc",
            "cpio",
            "deb",
            "rpm",
            "iso",
            "img",
            "dmg",
        ),
        *(
            "tar",
            "tar.7z",
            "tar.bz",
            "tar.bz2",
            "tar.gz",
            "tar.lz",
            "tar.lzma",
            "tar.lzo",
            "tar.xz",
            "tar.z",
            "tar.zst",
        ),
        *("bz", "bz2", "gz", "lz", "lzma", "lzo", "rz", "xz", "z", "zst"),
    }
)
"""Nothing that is free opens today's ACE files."""
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
    return _seven_zipped(work.output, work.related[kind][0].parent, level=0 if kind == STORED else 5)


def _seven_zipped(output: Path, folder: Path, *, level: int) -> Command:
    argv = ["7z", "a", SEVEN_ZIP[output.suffix.removeprefix(".")], f"-mx={level}", "-bd", "-y"]
    if output.suffix == ".zip":
        argv.append("-mcu=on")  # names in UTF-8, whatever the locale
    # It stores what the pattern finds without the folder, and no name of a customer's is on its command line.
    return Command(argv=[*argv, "--", f"{output}", f"{folder / '*'}"], outputs=(output,))


def _tar(work: Work) -> Command:
    # --add-file takes any name: one that looks like an option, a pattern or a list is none.
    members = [f"--add-file={name}" for name in work.names]
    return _tarred(work.output, work.related[PACKED][0].parent, ["--mode=0644", *members])


def _tarred(output: Path, folder: Path, members: Sequence[str]) -> Command:
    packer = TAR[formats.of(output.name)]
    argv = ["tar", "--create", "--format=pax", *packer, f"--file={output}", "--force-local"]
    # Nothing of our machine: no owner, no times but the last change, no links between members that are one
    # file in the store.
    argv += ["--hard-dereference", "--owner=0", "--group=0", "--numeric-owner"]
    argv += ["--pax-option=delete=atime,delete=ctime", f"--directory={folder}"]
    return Command(argv=[*argv, *members], outputs=(output,))


def repack(unpacked: Unpacked, output: Path) -> Command:
    """Plan an archive of what was unpacked: every folder and file, under its name and date."""
    if formats.of(output.name) in TAR:
        members = ["--no-recursion", "--null", "--verbatim-files-from", f"--files-from={unpacked.listing}"]
        return _tarred(output, unpacked.tree, members)
    return _seven_zipped(output, unpacked.tree, level=5)


def explain(words: str) -> TaskError | None:
    """Tell a full disk from a failure."""
    return DiskFull() if "No space left on device" in words or "Disk full" in words else None


_run = Process(archive, explain=explain)


def pack(work: Work, context: Context) -> Result:
    """Make the archive; empty files are members like others.

    :raises TaskError: when the tool fails.
    """
    work = replace(work, names=tuple(paths.unique(work.names, work.folders)))
    # Beside the outputs, not in them: nothing the tool makes, and nothing it may change.
    members = work.output_dir.with_name(MEMBERS)
    placed: dict[str, list[Path]] = {PACKED: [], STORED: []}
    try:
        for name, path in zip(work.names, work.inputs, strict=True):
            kind = kind_of(name, work.output_format)
            placed[kind].append(_placed(path, members / kind / name))
        _date_folders(members)
        related = {kind: tuple(found) for kind, found in placed.items() if found}
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


def _date_folders(members: Path) -> None:
    # By what is in them, so that the same files make the same archive.
    for folder, _, _ in os.walk(members, topdown=False):
        newest = max(entry.stat().st_mtime for entry in os.scandir(folder))
        os.utime(folder, (newest, newest))


PASSWORD = Option(
    name="password",
    help="What opens the archive, where it is protected.",
    secret=True,
    selects=True,
    max_length=1000,
)
TOOL = Tool(name="7-Zip", argv=("7z",))

OPERATIONS = (
    Operation(
        name="archive",
        engine="archivetool",
        queue="archivetool",
        help="Put files into one archive.",
        run=pack,
        inputs=Inputs.ALL,
        conversions=frozenset((None, target) for target in MADE),
        max_seconds=limits.ENGINE_SECONDS_LARGE,
        tool=TOOL,
    ),
    Operation(
        name="archive/extract",
        engine="archivetool",
        queue="archivetool",
        help="Give out what an archive holds, file by file.",
        run=Unpacking(),
        conversions=frozenset((source, None) for source in OPENED),
        options=(PASSWORD,),
        max_seconds=limits.ENGINE_SECONDS_LARGE,
        tool=TOOL,
    ),
    Operation(
        name="convert",
        engine="archivetool",
        queue="archivetool",
        help="Pack what an archive holds into another kind of archive.",
        run=Unpacking(repack),
        conversions=pairs(OPENED, MADE),
        options=(PASSWORD,),
        max_seconds=limits.ENGINE_SECONDS_LARGE,
        tool=TOOL,
    ),
)
