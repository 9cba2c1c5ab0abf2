"""The parts of /etc that engines need, in one folder: to show a dozen would cost time at every start."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from pathlib import Path

from jobs.contract.erasing import erase

NAMES = (
    *("alternatives", "chromium", "chromium.d", "fonts", "ghostscript", "ImageMagick-6", "ImageMagick-7"),
    *("ld.so.cache", "libreoffice", "magic", "mime.types", "papersize"),
)
"""There is nothing of this machine's, its users' or its secrets in it."""


@functools.cache
def folder(system: Path | None = None) -> Path:
    """Return the copy of this process; it goes when the process ends.

    :param system: the folder of another system, whose parts they are. Fonts are this machine's even so.
    """
    made = Path(tempfile.mkdtemp(prefix=f"athanor-etc-{os.getpid()}-"))
    atexit.register(erase, made)
    for name in NAMES:
        others = system if name != "fonts" else None
        source = Path(others or "/", "etc", name)
        # What we may not read ourselves, or is not installed, is not there for engines either.
        with contextlib.suppress(OSError, shutil.Error):
            if source.is_dir():
                # What this machine's fonts' links lead to may not be in another system.
                shutil.copytree(source, made / name, symlinks=not (system and name == "fonts"))
            else:
                shutil.copy2(source, made / name)
    made.chmod(0o755)
    return made
