"""Removing what a stranger's program made: any depth, any names, any modes, never through a link."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from pathlib import Path

USUAL = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def erase(folder: Path, *, keep: bool = False, most: int | None = None) -> bool:
    """Remove a folder with all in it, and tell whether nothing is left; that it had gone already is fine.

    Nested folders are taken apart from the outside in, so that none is too deep. What cannot go stays.
    Who made it may still run, and put links in the place of folders meanwhile, or more where some was.

    :param keep: remove only what is in it.
    :param most: give up after so many folders; whoever still runs might make them faster than they go.
    """
    try:
        top = _open(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        numbers = itertools.count()
        todo = _emptied(top, top, numbers)
        for _ in itertools.count() if most is None else range(most):
            if not todo:
                break
            name = todo.pop()
            with contextlib.suppress(OSError):
                todo += _opened(top, name, numbers)
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=top)
        empty = not list(os.scandir(top))
    finally:
        os.close(top)
    if not keep:
        with contextlib.suppress(OSError):
            folder.rmdir()
    return empty


def _open(name: Path | str, within: int | None = None) -> int:
    """Open a folder that may be closed to its owner, too."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    try:
        # By its name it might be another thing by now, of ours.
        here = Path(f"/proc/self/fd/{place}")
        with contextlib.suppress(OSError):
            if os.fstat(place).st_mode & stat.S_IRWXU != stat.S_IRWXU:
                here.chmod(0o700)
        return os.open(".", USUAL, dir_fd=place)
    finally:
        os.close(place)


def _opened(top: int, name: str, numbers: itertools.count[int]) -> list[str]:
    inner = _open(name, top)
    try:
        return _emptied(inner, top, numbers)
    finally:
        os.close(inner)


def _emptied(inner: int, top: int, numbers: itertools.count[int]) -> list[str]:
    """Remove a folder's files, and move its folders up to the top; return what they are called there."""
    moved = []
    for entry in list(os.scandir(inner)):
        with contextlib.suppress(OSError):
            if not stat.S_ISDIR(entry.stat(follow_symlinks=False).st_mode):
                os.unlink(entry.name, dir_fd=inner)
            elif inner == top:
                moved.append(entry.name)
            else:
                name = f"erased-{next(numbers)}"
                _rename(entry.name, name, inner, top)
                moved.append(name)
    return moved


def _rename(old: str, new: str, inner: int, top: int) -> None:
    try:
        os.rename(old, new, src_dir_fd=inner, dst_dir_fd=top)
    except PermissionError:
        # To have another parent, a folder must be one its owner may write to.
        os.close(_open(old, inner))
        os.rename(old, new, src_dir_fd=inner, dst_dir_fd=top)
