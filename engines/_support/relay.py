"""Carries bytes between two connections, both ways. Standard library only: warm children use it, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

PIECE = 64 * 1024


class Ends(NamedTuple):
    """The two ends of a connection, as asyncio hands them out."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def relay(
    one: Ends,
    other: Ends,
    *,
    idle: float | None = None,
    passing: tuple[Callable[[int], None], Callable[[int], None]] = (lambda _: None, lambda _: None),
) -> None:
    """Carry on until both sides have said all, one breaks off, or nothing has moved for ``idle`` seconds.

    :param passing: is told of every piece's size, one for each direction; what it raises ends the relay.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(idle) as clock:

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, which: int) -> None:
            while piece := await reader.read(PIECE):
                passing[which](len(piece))
                writer.write(piece)
                await writer.drain()
                if idle:
                    clock.reschedule(loop.time() + idle)
            if writer.can_write_eof():
                writer.write_eof()

        async with asyncio.TaskGroup() as both:
            both.create_task(carry(one.reader, other.writer, 0))
            both.create_task(carry(other.reader, one.writer, 1))
