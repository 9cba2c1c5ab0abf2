"""Taking over what a program made, trusting nothing: regular files with one name, within the caps."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from jobs.contract import Output, detection, limits
from jobs.contract.errors import ConversionFailed, TooMuchOutput
from jobs.contract.paths import Paths

BLOCK = 1024 * 1024


def collect(paths: Iterable[Path], promised: str, *, empty: bool = False) -> list[Path]:
    """Make files that a program left ours, where they lie, and return them. Nothing of it may run any more.

    :param promised: the format they are to be of; empty when that is open.
    :param empty: files without bytes are as good as others.
    :raises ConversionFailed: when one is missing, empty, not what was promised, or anything but a regular
        file with one name.
    :raises TooMuchOutput: when there are too many, or they are too large together.
    """
    found = list(paths)
    if len(found) > limits.OUTPUT_FILES:
        raise TooMuchOutput
    room = limits.OUTPUT_BYTES
    for path in found:
        descriptor = _opened(path)
        try:
            room -= _checked(descriptor, room, empty=empty)
            _own(descriptor)
        finally:
            os.close(descriptor)
        check_promise(path, promised)
    return found


def collect_tree(folder: Path) -> list[Output]:
    """Make the regular files below a folder ours as ``collect`` does; links, pipes and the like stay behind.

    Each is published under its own name, cleaned, and the folders it lies in, however deep.

    :raises ConversionFailed: when a folder cannot be looked into.
    :raises TooMuchOutput: when there are too many, or they are too large together.
    """
    found: list[Path] = []
    todo = [folder]
    while todo:
        try:
            with os.scandir(todo.pop()) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            raise ConversionFailed from error
        found += [Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False)]
        todo += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        if len(found) > limits.OUTPUT_FILES:
            raise TooMuchOutput
    collect(found, "", empty=True)
    paths = Paths()
    named = [(path, paths.file(f"{path.relative_to(folder)}").rpartition("/")) for path in sorted(found)]
    return [Output(path=path, name=name, dir=above) for path, (above, _, name) in named]


def copy(source: Path, target: Path, *, room: int) -> int:
    """Copy a file that a program made, which may still run and hold it open; return its size.

    :raises ConversionFailed: as ``collect`` does.
    :raises TooMuchOutput: when it is larger than ``room``.
    """
    descriptor = _opened(source)
    try:
        left = size = _checked(descriptor, room, empty=False)
    except BaseException:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file, target.open("wb") as made:
        while left and (data := file.read(min(left, BLOCK))):
            left -= len(data)
            made.write(data)
    if left:
        raise ConversionFailed
    return size


def check_promise(path: Path, promised: str) -> None:
    """Refuse a file that is not of the format promised.

    :raises ConversionFailed: when it is not.
    """
    if promised and not detection.fits(path, promised):
        raise ConversionFailed


def _opened(path: Path) -> int:
    try:
        # The folder is ours to name, so only the last step can be a trap; a FIFO must not hold us up.
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # the latter for a name that is none
        raise ConversionFailed from error


def _checked(descriptor: int, room: int, *, empty: bool) -> int:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or not (found.st_size or empty):
        raise ConversionFailed
    if found.st_size > min(room, limits.FILE_BYTES):
        raise TooMuchOutput
    return found.st_size


def _own(descriptor: int) -> None:
    # Made by a user who is nobody else next time.
    if os.geteuid() == 0:
        os.fchown(descriptor, os.geteuid(), os.getegid())
    os.fchmod(descriptor, 0o644)
