"""Removing what a stranger's program made: any depth, any names, any modes, never through a link."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from pathlib import Path


def erase(folder: Path, *, keep: bool = False) -> None:
    """Remove a folder with all in it; nothing happens when it has gone already.

    Nested folders are taken apart from the outside in, so that none is too deep. What cannot go stays.

    :param keep: remove only what is in it.
    """
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        numbers = itertools.count()
        todo = _emptied(top, top, numbers)
        while todo:
            name = todo.pop()
            with contextlib.suppress(OSError):
                todo += _opened(top, name, numbers)
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    if not keep:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _opened(top: int, name: str, numbers: itertools.count[int]) -> list[str]:
    with contextlib.suppress(OSError):
        os.chmod(name, 0o700, dir_fd=top)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
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
                os.chmod(entry.name, 0o700, dir_fd=inner)
                os.rename(entry.name, name, src_dir_fd=inner, dst_dir_fd=top)
                moved.append(name)
    return moved
