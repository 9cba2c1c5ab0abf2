"""The way out for a confined child: a proxy in the worker, on a unix socket, that keeps the outbound rule.

A child asks with one line, ``host port``, and is answered with one: empty when it is connected, else
Chromium's name of what went wrong. The host is looked up here and nowhere else.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobs.contract import outbound, urls
from jobs.contract.errors import AddressRefused

from .relay import Ends, relay

MOST_BYTES = int(os.environ.get("ATHANOR_PAGE_MEGABYTES", "1024")) * 1024 * 1024
"""What may come in, and go out, for one request of the child."""
MOST_CONNECTIONS = 256
LONGEST_LINE = 1024
CONNECT_SECONDS = 10
IDLE_SECONDS = 30
END_SECONDS = 5
REFUSED = "ERR_NETWORK_ACCESS_DENIED"
_LOOKUPS = 8
"""How many names one child may have looked up at once: one with slow names must not hold up the others."""


class _Spent(Exception):
    """The child has moved all the bytes it may."""


class Egress:
    """One child's way out. It is shut until it is opened."""

    def __init__(self, path: Path, *, most: int = MOST_BYTES) -> None:
        """Prepare to listen at ``path``, a place that only the child and we can reach."""
        self._path = path
        self._most = most
        self._left = [0, 0]
        self._open = False
        self._refused: set[tuple[str, int]] = set()
        """What need not be decided, and told to the log, for every image of a page."""
        self._connections: set[asyncio.Task[None]] = set()
        self._lookups = ThreadPoolExecutor(max_workers=_LOOKUPS, thread_name_prefix="egress-lookup")
        self._server: asyncio.Server | None = None

    def start(self) -> None:
        """Begin to listen."""
        _on_loop(self._listen())

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let connections out during the block, with a fresh budget of bytes; at its end all are cut."""
        self._left = [self._most, self._most]
        self._refused.clear()
        self._open = True
        try:
            yield
        finally:
            self._shut()

    def close(self) -> None:
        """Stop listening, for good."""
        self._shut()
        if self._server:
            _loop().call_soon_threadsafe(self._server.close)
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def _shut(self) -> None:
        self._open = False
        _on_loop(self._cut())

    async def _listen(self) -> None:
        # The kernel takes 107 bytes of path for a socket, and ours may be longer.
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            near = f"/proc/self/fd/{folder}/{self._path.name}"
            self._server = await asyncio.start_unix_server(self._serve, near, limit=LONGEST_LINE)
        finally:
            os.close(folder)
        # Whoever can enter the folder may connect: the child may have another user id.
        self._path.chmod(0o666)

    async def _cut(self) -> None:
        cut = list(self._connections)
        for task in cut:
            task.cancel()
        if cut:
            await asyncio.wait(cut)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        if not self._open or len(self._connections) >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(task)
        try:
            await self._pass(Ends(reader, writer))
        except (OSError, ValueError, asyncio.CancelledError, ExceptionGroup):
            # One connection less; the page does without.
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _pass(self, child: Ends) -> None:
        try:
            outside = await self._connected(child.reader)
        except (OSError, AddressRefused) as error:
            child.writer.write(f"{problem(error)}\n".encode())
            await child.writer.drain()
            return
        try:
            child.writer.write(b"\n")
            await relay(child, outside, idle=IDLE_SECONDS, passing=(self._spend(0), self._spend(1)))
        finally:
            outside.writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader) -> Ends:
        async with asyncio.timeout(IDLE_SECONDS):
            line = await reader.readline()
        host, port = read_line(line)
        if (host, port) in self._refused:
            raise AddressRefused
        loop = asyncio.get_running_loop()
        try:
            left = await loop.run_in_executor(self._lookups, outbound.resolve, host, port)
        except AddressRefused:
            self._refused.add((host, port))
            raise
        ends = loop.time() + CONNECT_SECONDS
        while True:
            address = left.pop(0)
            try:
                async with asyncio.timeout((ends - loop.time()) / (len(left) + 1)):
                    return Ends(*await asyncio.open_connection(address, port))
            except OSError:
                if not left:
                    raise

    def _spend(self, direction: int) -> Callable[[int], None]:
        def spend(count: int) -> None:
            self._left[direction] -= count
            if self._left[direction] < 0:
                raise _Spent

        return spend


def read_line(line: bytes) -> tuple[str, int]:
    """Return the host and the port that a child asks for.

    :raises OSError: when it is no host that a URL could have.
    """
    host, _, port = line.decode("ascii", errors="replace").strip().rpartition(" ")
    text = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
    try:
        url = urls.parse(text)
    except urls.InvalidURL as error:
        raise socket.gaierror(socket.EAI_NONAME, "This is no host's name") from error
    if text.count("/") != 3 or "?" in text or "#" in text:
        raise socket.gaierror(socket.EAI_NONAME, "This is more than a host's name")
    return url.host, url.port


def problem(error: Exception) -> str:
    """Return Chromium's name for what kept us from connecting."""
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (AddressRefused, REFUSED),
        (socket.gaierror, "ERR_NAME_NOT_RESOLVED"),
        (TimeoutError, "ERR_CONNECTION_TIMED_OUT"),
        (ConnectionRefusedError, "ERR_CONNECTION_REFUSED"),
    )
    return next((name for kind, name in kinds if isinstance(error, kind)), "ERR_ADDRESS_UNREACHABLE")


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    # One thread for all children; like every other it is held to the rule when it connects.
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="egress", daemon=True).start()
    return loop


def _on_loop(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run_coroutine_threadsafe(work, _loop()).result(timeout=END_SECONDS)
