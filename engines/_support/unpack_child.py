"""The inner side of unpacking: opens one archive, and writes its members as a tree. Started for each archive.

It reads an order from its standard input: ``archive``, ``format``, ``name``, ``into``, ``work``, ``list``,
``bytes``, ``entries``, ``password``. Its last line of output is the answer.
"""

from __future__ import annotations

import json
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Protocol, cast

from engines._support.archive_flows import Flow, decompressor, unar
from engines._support.child import Refused
from engines._support.member_names import decoded
from engines._support.seven_zip_listing import Member, members
from engines._support.unpacked_tree import Facts, Mismatch, Tree, damaged, pieces

LISTED = {"zip": "zip", "jar": "zip", "7z": "7z", "cab": "Cab", "arj": "Arj", "lha": "Lzh"}
"""What 7-Zip calls archives of which it lists the members first."""
DISKS = frozenset({"iso", "img", "dmg"})
"""Of these it finds out itself what they are."""
RAR5 = b"Rar!\x1a\x07\x01"
EMPTY = "The archive is empty."
NOTHING = "The archive holds nothing but links, devices or pipes, which are not unpacked."
Order = dict[str, Any]


class Readable(Protocol):
    """What content is read from, piece by piece."""

    def read(self, size: int, /) -> bytes:
        """Return what comes next."""


class Header(tarfile.TarInfo):
    """A tar's header, of which a damaged one is told from the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Header:
        """Return the next header.

        :raises ReadError: when it is damaged; tarfile would take it for the end.
        """
        try:
            return super().fromtarfile(archive)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(f"{error}") from error


def unpack(order: Order, tree: Tree) -> None:
    """Unpack an archive into a tree.

    :raises Refused: when it cannot be, or is more than may be.
    """
    kind, archive = order["format"], Path(order["archive"])
    if kind in LISTED or kind in DISKS:
        _listed(archive, tree, LISTED.get(kind), order["password"])
    elif kind == "tar":
        with archive.open("rb") as file:
            _tar(file, tree)
    elif kind == "rar":
        _rar(order, tree)
    elif kind in {"alz", "arc"}:
        _by_unar(order, tree)
    elif kind == "rz":
        _rzipped(order, tree)
    else:
        with Flow(_command(order), password=order["password"]) as flow:
            if kind.startswith("tar.") or kind in {"deb", "rpm", "cpio"}:
                _tar(flow, tree)
            else:
                tree.file(order["name"], pieces(flow.read))
            flow.finish(tree.last)


def _command(order: Order) -> list[str]:
    kind, archive = order["format"], order["archive"]
    if kind in {"rpm", "cpio", "rar"}:
        return ["bsdtar", "--create", "--format=pax", "--file=-", f"@{archive}"]
    if kind == "deb":
        # It looks through to the one tar that holds a package's files.
        return ["7z", "x", "-so", "-bd", "--", archive]
    return decompressor(kind.removeprefix("tar."), Path(archive))


def _listed(archive: Path, tree: Tree, kind: str | None, password: str) -> None:
    """Unpack by 7-Zip's listing and one stream of all content: so no member's name is ever a path of its."""
    what = ["-bd", *([f"-t{kind}"] if kind else []), "--", f"{archive}"]
    found: list[Member] = []
    with Flow(["7z", "l", "-slt", "-ba", *what], password=password) as listing:
        for member in members(listing.lines()):
            # The checksum of an LHA is another, and its programs are the ones to check it.
            found.append(replace(member, facts=replace(member.facts, crc=None)) if kind == "Lzh" else member)
            tree.check(0, len(found))
        listing.finish()
    total = sum(member.size or 0 for member in found)
    tree.check(total)
    if not password and any(member.encrypted for member in found):
        raise Refused("PasswordRequired")
    with Flow(["7z", "x", "-so", *what], password=password) as flow:
        done = 0
        for member, name in zip(found, decoded(member.name for member in found), strict=True):
            try:
                _take(member, name, flow, tree)
            except (EOFError, Mismatch):
                flow.finish(name)
                raise damaged(name) from None
            done += member.size or 0
            tell({"percent": 100 * done // max(1, total)})
        if flow.read(1):
            raise damaged()
        flow.finish(tree.last)


def _take(member: Member, name: str, flow: Flow, tree: Tree) -> None:
    if member.is_folder:
        tree.folder(name, modified=member.facts.modified)
    elif member.is_file:
        tree.file(name, pieces(flow.read, member.size), member.facts)
    else:
        tree.leave_out()
        for _ in pieces(flow.read, member.size):
            pass


def _tar(file: Readable, tree: Tree) -> None:
    written: dict[str, Path] = {}
    try:
        with tarfile.open(
            fileobj=cast(IO[bytes], file),
            mode="r|",
            tarinfo=Header,
            encoding="utf-8",
            errors="surrogateescape",
        ) as archive:
            for member in archive:
                _take_tarred(archive, member, tree, written)
                archive.members.clear()  # type: ignore[attr-defined]  # else it remembers all of them
    except (tarfile.TarError, EOFError, ValueError, OverflowError, LookupError, RecursionError) as error:
        if isinstance(file, Flow) and file.is_locked:
            raise Refused("PasswordRequired") from error
        raise damaged(tree.last) from error


def _take_tarred(
    archive: tarfile.TarFile, member: tarfile.TarInfo, tree: Tree, written: dict[str, Path]
) -> None:
    [name] = decoded([member.name.encode("utf-8", "surrogateescape")])
    facts = Facts(modified=member.mtime, executable=bool(member.mode & 0o111))
    if member.isdir():
        tree.folder(name, modified=member.mtime)
    elif member.isreg() and (source := archive.extractfile(member)):
        written[member.name] = tree.file(name, pieces(source.read, member.size), facts)
    elif member.islnk() and member.linkname in written:
        # Another name of a file that was unpacked before; a copy has no more names than one.
        with written[member.linkname].open("rb") as again:
            tree.file(name, pieces(again.read), facts)
    else:
        tree.leave_out()


def _rar(order: Order, tree: Tree) -> None:
    with Path(order["archive"]).open("rb") as file:
        is_new = file.read(len(RAR5)) == RAR5
    # Each of the two knows what the other does not: passwords and old versions, or all of the new one.
    if is_new and not order["password"]:
        with Flow(_command(order)) as flow:
            try:
                _tar(flow, tree)
                flow.finish(tree.last)
                return
            except Refused:
                if tree.last:
                    raise
    _by_unar(order, tree)


def _by_unar(order: Order, tree: Tree) -> None:
    raw = Path(order["work"], "raw")
    raw.mkdir()
    unar(Path(order["archive"]), raw, password=order["password"])
    with Flow(["tar", "--create", "--format=pax", f"--directory={raw}", "."]) as flow:
        _tar(flow, tree)
        flow.finish(tree.last)


def _rzipped(order: Order, tree: Tree) -> None:
    # It reads what it has written, so it writes to no pipe.
    raw = Path(order["work"], "raw")
    with Flow(["rzip", "-d", "-k", "-o", f"{raw}", order["archive"]]) as flow:
        flow.finish(order["name"])
    with raw.open("rb") as file:
        tree.file(order["name"], pieces(file.read))


def tell(message: Order) -> None:
    """Say something to the worker."""
    sys.stdout.write(f"{json.dumps(message)}\n")


def main() -> int:
    """Do what the order says, answer, and return the exit status."""
    order = json.load(sys.stdin)
    into = Path(order["into"])
    into.mkdir(exist_ok=True)
    tree = Tree(into, most_bytes=order["bytes"], most_entries=order["entries"])
    try:
        unpack(order, tree)
        if not tree.files:
            raise Refused("OpenFailed", NOTHING if tree.left_out else EMPTY)
    except Refused as refused:
        tell({"refused": refused.code, "message": refused.message})
        return 1
    listed = b"\0".join(path.encode() for path in tree.finish())
    Path(order["list"]).write_bytes(listed)
    tell({"done": {"files": tree.files, "left_out": tree.left_out}})
    return 0


if __name__ == "__main__":
    sys.exit(main())
