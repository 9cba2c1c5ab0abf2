"""Where the embedded stack's things lie: its ports, its socket, and what its programs are told of them."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PORTS = (8000, 8001)
LOOPBACK = "127.0.0.0/8,::1"
"""Where customers' URLs may lead besides, so that people can try the service against servers of their own."""
SOCKET_BYTES = 100
"""The kernel takes 107 bytes of path for a socket."""
DRAIN_SECONDS = "4"


def free_ports(asked: tuple[int | None, int | None], usual: tuple[int, int] = PORTS) -> tuple[int, int]:
    """Return the port and the sync port: those asked for, else the usual ones or the next that are free.

    :raises OSError: when a port that was asked for is taken.
    """
    chosen: list[int] = []
    for wish, first in zip(asked, usual, strict=True):
        if wish:
            if not _is_free(wish):
                raise OSError(f"Port {wish} is taken.")
            chosen.append(wish)
            continue
        candidates = (port for port in range(first, first + 1000) if port not in (*chosen, *asked))
        chosen.append(next(port for port in candidates if _is_free(port)))
    return chosen[0], chosen[1]


def socket_folder(data_dir: Path) -> Path | None:
    """Return where Redis's socket may lie for good; None when the path is too long or too odd for one."""
    path = f"{data_dir / 'redis.sock'}"
    return data_dir if len(os.fsencode(path)) <= SOCKET_BYTES and quote(path) == path else None


def work_folder(data_dir: Path, *, is_root: bool) -> Path:
    """Return where tasks are worked on: in the data folder, if the users that engines run as come so far.

    A service that is root gives engines such users, and nobody comes through root's own home.
    """
    way = [folder for folder in (data_dir, *data_dir.parents) if folder.exists()]
    if not is_root or all(folder.stat().st_mode & stat.S_IXOTH for folder in way):
        return data_dir / "work"
    return Path("/var/tmp", f"athanor-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}")  # noqa: S108


def environment(
    inherited: Mapping[str, str], *, data_dir: Path, ports: tuple[int, int], redis: Path
) -> dict[str, str]:
    """Return what the children see: what was given to us, and what the stack adds where nothing was given."""
    usual = {
        "ATHANOR_PUBLIC_URL": f"http://{HOST}:{ports[0]}",
        "ATHANOR_SYNC_URL": f"http://{HOST}:{ports[1]}",
        "ATHANOR_BROKER_URL": f"redis+socket://{quote(f'{redis}')}",
        "ATHANOR_DRAIN_SECONDS": DRAIN_SECONDS,
    }
    if not inherited.get("ATHANOR_BROKER_URL"):
        usual["ATHANOR_EVENTS_URL"] = f"unix://{quote(f'{redis}')}"
    if "ATHANOR_OUTBOUND_ALLOW" not in inherited:
        usual["ATHANOR_OUTBOUND_ALLOW"] = LOOPBACK
    ours = {
        "ATHANOR_DATA_DIR": f"{data_dir}",
        "ATHANOR_EMBEDDED": "1",
        "DJANGO_SETTINGS_MODULE": "deploy.settings",
        "PYTHONUNBUFFERED": "1",
        # Compiled once, whatever this shell prefers: each process would compile everything again.
        "PYTHONDONTWRITEBYTECODE": "",
        "TMPDIR": f"{data_dir / 'work'}",
    }
    return {**usual, **{name: text for name, text in inherited.items() if text}, **ours}


def _is_free(port: int) -> bool:
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            ours.bind((HOST, port))
        except OSError:
            return False
    return True
