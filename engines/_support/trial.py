"""The trial of a tier: a program inside tries to read, write, see and connect, and tells what it could."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.contract.erasing import erase
from jobs.contract.errors import TaskError

from . import launcher
from .cells import OFFICE, Cell
from .room import Room
from .tiers import Tier

SECONDS = 20
PROBE = Path(__file__).with_name("trial_probe.py")
HOLES = {
    "root": "a program inside is root",
    "environment": "our environment can be read inside",
    "outside": "files outside can be read inside",
    "private": "files of this user can be read inside",
    "input": "inputs can be written",
    "system": "the system can be written",
    "processes": "processes outside can be seen or signalled",
    "tcp": "this machine's network can be reached",
    "abstract": "sockets of others can be reached",
    "named": "sockets outside can be reached by their path",
    "namespaces": "namespaces can be made inside",
    "tracing": "ptrace is allowed inside",
}
"""What a program inside may have found, and what that means."""


def holes(tier: Tier) -> list[str]:
    """Return what is wrong with a tier, in words; empty when it holds and programs work in it."""
    folder = Path(tempfile.mkdtemp(prefix=f"athanor-trial-{os.getpid()}-"))
    try:
        folder.chmod(0o711)
        return verdict(_tried(tier, folder))
    except (OSError, TaskError, ValueError) as error:
        words = "".join(getattr(error, "__notes__", ())).strip().splitlines()
        return [(words[-1] if words else f"{error}")[:300] or "does not start"]
    finally:
        erase(folder)


def verdict(found: Mapping[str, Any]) -> list[str]:
    """Return what is wrong, given what the probe told.

    A probe that could not even do what it may do has proven nothing.
    """
    if not (found.get("could_read") and found.get("could_write")):
        return ["programs inside cannot do their work"]
    return [text for name, text in HOLES.items() if found.get(name) is not False]


def _tried(tier: Tier, folder: Path) -> dict[str, Any]:
    given, made, private = folder / "in", folder / "out", folder / "private"
    for each in (given, made, private):
        each.mkdir()
    private.chmod(0o755)
    token = secrets.token_hex(16)
    (given / "in.txt").write_text("given")
    (given / PROBE.name).write_text(PROBE.read_text())
    for file in given.iterdir():
        file.chmod(0o644)
    (private / "token").write_text(token)
    (private / "token").chmod(0o644)
    (private / "ours").write_text(token)
    (private / "ours").chmod(0o600)
    with (
        _listening(private) as (port, abstract, named),
        Cell(
            Room(read={"/input": given}, write={"/output": made}, start="/output"), OFFICE, tier=tier
        ) as cell,
    ):
        asked = {
            "input": f"{cell.inside(given)}",
            "output": f"{cell.inside(made)}",
            "outside": f"{private / 'token'}",
            "private": f"{private / 'ours'}",
            "worker": os.getpid(),
            "marks": sorted(name for name in os.environ if name.startswith("ATHANOR_")),
            "port": port,
            "abstract": abstract,
            "named": named,
        }
        probe = f"{cell.inside(given / PROBE.name)}"
        outcome = launcher.run(
            ["/usr/bin/python3", "-I", "-S", probe, json.dumps(asked)],
            cell=cell,
            deadline=time.monotonic() + SECONDS,
        )
    if outcome.returncode:
        error = TaskError(f"a program inside ended with {outcome.returncode}")
        error.add_note(outcome.words)
        raise error
    told: dict[str, Any] = json.loads(outcome.stdout)
    return told


@contextlib.contextmanager
def _listening(folder: Path) -> Any:
    """Listen in the three ways somebody inside might find us, as this machine's own services do."""
    with contextlib.ExitStack() as stack:
        inet = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = f"\0athanor-trial-{secrets.token_hex(8)}"
        named = f"{folder / 's'}"
        for name in (abstract, named):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            if len(name) < 100:
                listener.bind(name)
                listener.listen()
        if Path(named).exists():
            Path(named).chmod(0o600)
        yield inet.getsockname()[1], abstract[1:], named
