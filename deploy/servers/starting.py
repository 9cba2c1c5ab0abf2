"""Starts a server of somebody else's and ends it, with all that it has started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "var" / "servers"
"""Where deploy/servers/setup.sh puts what is not a system package."""
PYTHON = ROOT / "python" / "bin"
NODE = ROOT / "node" / "node_modules" / ".bin"
START_SECONDS = 60.0
END_SECONDS = 5.0


class ServerFailed(Exception):
    """A server ended, or did not answer in time; the text holds the end of its log."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def free_ports() -> tuple[int, int]:
    """Return two such ports, for a stack of a test's own: other runs on this machine choose others."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(
    argv: Sequence[str | Path],
    *,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for as long as the block lasts; it is ready when the block begins.

    It dies with this process, however that ends.

    :raises ServerFailed: when it does not become ready.
    """
    with log.open("wb") as words:
        process = subprocess.Popen(
            # No child outlives a test run that was killed.
            ["setpriv", "--pdeathsig", "KILL", *(f"{arg}" for arg in argv)],
            stdout=words,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**_calm(), **(environment or {})},
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        _await(process, ready, log)
        yield process
    finally:
        _end(process)


def _calm() -> dict[str, str]:
    # Nobody's proxy, and none of our own settings.
    dropped = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    return {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in dropped and not name.startswith(("ATHANOR_", "DJANGO_"))
    }


def _await(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > ends:
            words = log.read_text(errors="replace")[-2000:]
            raise ServerFailed(f"{process.args!r} did not become ready:\n{words}")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
            break
    # What it started may have stayed.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
