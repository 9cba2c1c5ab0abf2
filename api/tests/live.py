"""A real server in a thread, for tests that need real connections."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


def quiet(app: ASGIApp) -> uvicorn.Server:
    """Return a server without logs and without lifespan."""
    return uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))


@contextmanager
def running(server: uvicorn.Server, ports: int = 1) -> Iterator[list[int]]:
    """Run a server in a thread; give the ports it listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0), backlog=2048) for _ in range(ports)]
    thread = threading.Thread(target=server.run, args=(sockets,))
    thread.start()
    try:
        yield [each.getsockname()[1] for each in sockets]
    finally:
        server.should_exit = True
        thread.join(1)
        server.force_exit = True
        thread.join()


def exchange(port: int, data: bytes, *, timeout: float = 20) -> bytes:
    """Send bytes on a connection of their own, then nothing more; return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(data)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


async def arrive(port: int, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection and send bytes; what comes back is read later."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    return reader, writer
