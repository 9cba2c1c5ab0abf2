"""Knows who waits for which job or task, and wakes them when it has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine
from typing import Any
from uuid import UUID

from django.conf import settings
from redis import RedisError
from redis.asyncio import Redis

from api import threads
from jobs.contract.errors import Unavailable
from jobs.models import Job, Task
from jobs.queues import ENDED
from jobs.states import ACTIVE

log = logging.getLogger(__name__)

KINDS: dict[str, type[Job | Task]] = {"job": Job, "task": Task}
LOOK_SECONDS = 1.0
"""How often everything waited for is looked up, in case a message was lost."""
RECONNECT_SECONDS = 2.0
_QUERY_IDS = 500


class Endings:
    """The waiters of one event loop: a future each, one subscription and one query for all of them."""

    def __init__(self) -> None:
        self._waiters: dict[tuple[str, UUID], set[asyncio.Future[None]]] = {}
        self._fresh: set[tuple[str, UUID]] = set()
        self._look_now = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    @property
    def count(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiters.values()))

    def start(self) -> None:
        """Listen and look from now on; nothing happens when that is so already."""
        if not self._loops:
            self._loops = [asyncio.create_task(loop) for loop in self._all_loops()]

    def _all_loops(self) -> list[Coroutine[Any, Any, None]]:
        return [self._listen(), self._look()]

    async def stop(self) -> None:
        """Stop listening and send the waiters away."""
        self.release()
        loops, self._loops = self._loops, []
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)

    def release(self) -> None:
        """Send the waiters away, for the process is about to stop."""
        for futures in self._waiters.values():
            for future in futures:
                if not future.done():
                    future.set_exception(Unavailable("The service restarts. Ask again."))

    async def wait(self, kind: str, thing: UUID) -> None:
        """Wait until a job or task has ended or is deleted.

        :raises Unavailable: when the process stops first.
        """
        self.start()
        key = (kind, thing)
        future = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(key, set()).add(future)
        # It may have ended before we were in the book.
        self._fresh.add(key)
        self._look_now.set()
        try:
            await future
        finally:
            futures = self._waiters.get(key, set())
            futures.discard(future)
            if not futures:
                self._waiters.pop(key, None)

    def _wake(self, key: tuple[str, UUID]) -> None:
        for future in self._waiters.pop(key, ()):
            if not future.done():
                future.set_result(None)

    async def _listen(self) -> None:
        told = False
        while True:
            try:
                await self._subscribed()
            except (RedisError, OSError, ValueError) as error:
                if not told:
                    log.warning("Endings are not heard of, only looked up: %s", error)
                told = True
            else:
                told = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _subscribed(self) -> None:
        url = settings.ATHANOR_EVENTS_URL
        connection = Redis.from_url(url, socket_connect_timeout=2, health_check_interval=15)
        async with connection as redis, redis.pubsub() as subscription:
            await subscription.subscribe(ENDED)
            while True:
                # The timeout lets the health check find a connection that is dead without a word.
                message = await subscription.get_message(ignore_subscribe_messages=True, timeout=5)
                if message:
                    self._hear(message["data"])

    def _hear(self, told: bytes) -> None:
        try:
            thing = UUID(told.decode())
        except ValueError:
            return
        for kind in KINDS:
            self._wake((kind, thing))

    async def _look(self) -> None:
        clock = asyncio.get_running_loop().time
        next_full = clock()
        while True:
            try:
                async with asyncio.timeout(max(0, next_full - clock())):
                    await self._look_now.wait()
            except TimeoutError:
                next_full = clock() + LOOK_SECONDS
                keys: Collection[tuple[str, UUID]] = set(self._waiters)
            else:
                keys = self._fresh & set(self._waiters)
            self._look_now.clear()
            self._fresh.clear()
            try:
                await self._look_up(keys)
            except Exception:
                log.exception("Endings could not be looked up")
                await asyncio.sleep(LOOK_SECONDS)

    async def _look_up(self, keys: Collection[tuple[str, UUID]]) -> None:
        for kind in KINDS:
            things = [thing for known, thing in keys if known == kind]
            for start in range(0, len(things), _QUERY_IDS):
                part = things[start : start + _QUERY_IDS]
                active = await threads.database(_active, kind, part)
                for thing in part:
                    if thing not in active:
                        self._wake((kind, thing))


def _active(kind: str, things: list[UUID]) -> set[UUID]:
    rows = KINDS[kind].objects.filter(pk__in=things, status__in=ACTIVE)
    return set(rows.values_list("pk", flat=True))
