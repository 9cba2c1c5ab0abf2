"""Kills processes of the browser, as a page that crashes it would."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from engines._support.guard import parents, tree

RENDERER = b"--type=renderer"
BROWSER = b"--hide-scrollbars\0--blink-settings"


def kill(kind: bytes) -> int:
    """Kill the processes of a kind in the browsers our children started; return how many there were."""
    killed = 0
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and kind in (folder / "cmdline").read_bytes():
                pid = int(folder.name)
                if pid in tree(os.getpid(), parents()):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
    return killed
