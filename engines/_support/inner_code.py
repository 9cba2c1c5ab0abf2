"""A copy of the code that warm children run, so that they need not see the folder we live in."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
import threading
from importlib import metadata
from pathlib import Path

from jobs.contract.erasing import erase

ROOT = Path(__file__).parents[2]
OURS = ("engines/_support", "jobs/contract")
LIBRARIES = ("cffi", "olefile", "pillow", "pypdfium2", "pyvips", "pyvips-binary", "unoserver", "wand")
"""Distributions of our environment that children import.

Children run on the distribution's Python. What is compiled for another one is of no use to them; then the
engines that need it do not tell a version, and are not on offer.
"""
_LEFT_OUT = shutil.ignore_patterns("tests")


@functools.cache
def folder() -> Path:
    """Return the copy of this process; it goes when the process ends."""
    # The name says whose it is, so that a killed worker's is found and removed.
    made = Path(tempfile.mkdtemp(prefix=f"athanor-code-{os.getpid()}-"))
    atexit.register(erase, made)
    made.chmod(0o755)
    # Times stay as they are, so that what is compiled counts as such.
    for package in OURS:
        parent = package.split("/")[0]
        shutil.copytree(ROOT / package, made / package, ignore=_LEFT_OUT)
        shutil.copy2(ROOT / parent / "__init__.py", made / parent)
    for name in LIBRARIES:
        _bring(name, made)
    for path in made.rglob("*"):
        # Ours may be closed to others; children are others.
        path.chmod(0o755 if path.is_dir() else 0o644)
    return made


def _bring(name: str, into: Path) -> None:
    """Copy a distribution as it was installed, compiled parts and the libraries beside them included."""
    try:
        installed = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return
    # Programs lie above, in a folder of their own.
    for top in {file.parts[0] for file in installed.files or ()} - {".."}:
        found = Path(f"{installed.locate_file(top)}")
        if found.is_dir():
            shutil.copytree(found, into / top, ignore=_LEFT_OUT)
        elif found.is_file():
            shutil.copy2(found, into / top)


def beside(path: Path) -> Path | None:
    """Return a copy of a file of our environment that programs may be shown; None when it is not there."""
    if not path.is_file():
        return None
    made = folder() / "beside" / path.stem / path.name
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        # Another thread may look meanwhile: it is there whole or not at all.
        partial = made.with_suffix(f".{threading.get_ident()}")
        shutil.copyfile(path, partial)
        partial.chmod(0o644)
        partial.replace(made)
    return made
