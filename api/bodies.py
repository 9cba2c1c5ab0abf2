"""Reads request bodies as they come, holding no thread, and does not wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Receive

from jobs.contract.errors import TooSlow

STALL_SECONDS = 30.0
"""The longest pause in a body."""
SLOWEST = 1024
"""Bytes a second that a body must reach, counted from ``STALL_SECONDS`` after its start."""


class ClientGone(Exception):
    """Nobody is there to be answered."""


async def chunks(receive: Receive) -> AsyncIterator[bytes]:
    """Yield a request's body piece by piece.

    :raises TooSlow: when it stops coming, or comes in drops.
    :raises ClientGone: when the client is gone before its end.
    """
    clock = asyncio.get_running_loop().time
    # The time we take to write it down is not the client's.
    waited, received, more = 0.0, 0, True
    while more:
        began = clock()
        patience = min(STALL_SECONDS, STALL_SECONDS + received / SLOWEST - waited)
        try:
            async with asyncio.timeout(patience):
                message = await receive()
        except TimeoutError:
            raise TooSlow from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        waited += clock() - began
        chunk, more = message.get("body", b""), message.get("more_body", False)
        received += len(chunk)
        if chunk:
            yield chunk
