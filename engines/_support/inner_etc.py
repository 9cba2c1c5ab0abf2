"""The parts of /etc that engines need, in one folder: to show a dozen would cost time at every start.

Where it cannot be shown as /etc, it is where fontconfig looks.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from pathlib import Path

from jobs.contract.erasing import erase

from . import fonts, identities

NAMES = (
    *("alternatives", "chromium", "chromium.d", "fonts", "ghostscript", "ImageMagick-6", "ImageMagick-7"),
    *("ld.so.cache", "libreoffice", "magic", "mime.types", "papersize"),
    # Java does not start without its settings.
    *sorted(path.name for path in Path("/etc").glob("java-*-openjdk")),
)
"""There is nothing of this machine's, its users' or its secrets in it."""


@functools.cache
def folder(system: Path | None) -> Path:
    """Return the copy of this process; it goes when the process ends.

    :param system: the folder of another system, whose parts they are; None for this machine's own. Fonts are
        this machine's even so.
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
    fonts.configure(made)
    # Some programs do not run as a user without a name.
    (made / "passwd").write_text(
        "".join(f"engine:x:{uid}:{uid}::/tmp:/usr/sbin/nologin\n" for uid in _users())
    )
    made.chmod(0o755)
    return made


def _users() -> set[int]:
    return {*identities.POOL, os.geteuid()} - {0}
