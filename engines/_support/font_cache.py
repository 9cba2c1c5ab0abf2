"""What fontconfig would find out anew in every program: found out once, in a cell, for all."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from pathlib import Path

from jobs.contract.erasing import erase
from jobs.contract.errors import TaskError

from . import fonts, inner_etc, launcher
from .cells import USUAL, Cell
from .collecting import collect
from .room import OUTPUT, Room
from .tiers import Tier

log = logging.getLogger(__name__)

SECONDS = 120


def fill(tier: Tier) -> None:
    """Look at every font as programs in this tier see them, and keep what was found where they find it."""
    made = Path(tempfile.mkdtemp(prefix="athanor-fonts-"))
    try:
        made.chmod(0o711)
        (made / "out").mkdir()
        with Cell(Room(write={OUTPUT: made / "out"}), USUAL, tier=tier) as cell:
            environment = {"XDG_CACHE_HOME": cell.named(OUTPUT)}
            launcher.run(
                ["fc-cache"], cell=cell, deadline=time.monotonic() + SECONDS, environment=environment
            )
        for path in collect((made / "out").glob(f"{fonts.WRITTEN}/*.cache-*"), ""):
            shutil.copy(path, inner_etc.folder(None) / "fonts" / fonts.CACHE)
    except (TaskError, OSError) as error:
        log.warning("The fonts could not be looked at beforehand; each program does so itself: %s", error)
    finally:
        erase(made)
