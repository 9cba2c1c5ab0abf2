"""Chromium's way out of its sandbox: a SOCKS proxy on loopback that hands each connection to the worker's.

Standard library only. It knows hosts by name and looks none up; the worker's end decides (``egress.py``).
"""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from concurrent.futures import Future
from pathlib import Path

from engines._support.relay import Ends, relay

HOST = "127.0.0.1"
WORDS = {1: 4, 4: 16}
"""The bytes of an address, by its type; a name, type 3, says how long it is."""
NO_LOGIN = b"\x05\x00"
CONNECTED, FAILED = b"\x05\x00\x00\x01" + bytes(6), b"\x05\x01\x00\x01" + bytes(6)


class Bridge:
    """Pipes the browser's connections to a unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ready: Future[int] = Future()
        self.problem: str | None = None
        """What the last connection that failed failed from, by the browser's own name for it."""

    def start(self) -> int:
        """Listen on a free port from a thread of its own, and return the port."""
        threading.Thread(target=lambda: asyncio.run(self._listen()), name="bridge", daemon=True).start()
        return self._ready.result()

    async def _listen(self) -> None:
        try:
            server = await asyncio.start_server(self._serve, HOST, 0)
        except OSError as error:
            self._ready.set_exception(error)
            return
        self._ready.set_result(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        browser = Ends(reader, writer)
        try:
            line = await asked(browser)
            worker = Ends(*await asyncio.open_unix_connection(self._path))
            try:
                await self._pass(line, browser, worker)
            finally:
                worker.writer.transport.abort()
        except (OSError, EOFError, ValueError, ExceptionGroup):
            # One connection less; the page does without.
            pass
        finally:
            writer.close()

    async def _pass(self, line: bytes, browser: Ends, worker: Ends) -> None:
        worker.writer.write(line)
        answer = await worker.reader.readline()
        if answer != b"\n":
            self.problem = answer.decode().strip() or None
            browser.writer.write(FAILED)
            await browser.writer.drain()
            return
        browser.writer.write(CONNECTED)
        await relay(browser, worker)


async def asked(browser: Ends) -> bytes:
    """Return the line for the worker that says what the browser wants, having greeted it.

    :raises ValueError: when it wants anything but a connection.
    """
    read = browser.reader.readexactly
    _version, methods = await read(2)
    await read(methods)
    browser.writer.write(NO_LOGIN)
    _version, command, _reserved, kind = await read(4)
    if command != 1 or kind not in {*WORDS, 3}:
        raise ValueError
    size = WORDS.get(kind) or (await read(1))[0]
    raw = await read(size)
    host = raw.decode("ascii") if kind == 3 else f"{ipaddress.ip_address(raw)}"
    port = int.from_bytes(await read(2))
    return f"{host.strip('[]')} {port}\n".encode()
