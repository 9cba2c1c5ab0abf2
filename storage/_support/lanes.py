"""Moves objects side by side, each lane a thread, while the task's own thread hears when to stop."""

from __future__ import annotations

import contextvars
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType

from jobs.contract import Context
from jobs.contract.errors import (
    AthanorError,
    FileTooLarge,
    Stopped,
    StorageRefused,
    StorageUnreachable,
    TooMuchOutput,
)

from . import limits
from .lines import Lines
from .place import Advance, Location, Open, Place

LARGE = 16 * 1024 * 1024
"""Bytes from which an object moves alone among its like, in parts of its own: memory stays flat."""
TRIES = 3
_QUERY = re.compile(r"\?[^\s'\"<>)]+")
WIND_DOWN_SECONDS = 5.0
"""How long lanes told to stop are waited for."""
HANG_UP_SECONDS = 45.0
"""How long those that were not waited for may still tidy up, until their connections are cut."""


@dataclass(frozen=True)
class Load:
    """One thing to do with a storage."""

    move: Callable[[Place, Advance], None]
    size: int | None = 0
    again: Callable[[], None] = lambda: None
    """Takes away what a try left that broke off."""


@dataclass
class _Ask:
    """A loose end to be remembered, by the task's thread: it is the one that knows the database."""

    loose_end: str
    done: threading.Event


class _Full(Exception):
    """The server lets no more of us in at once than are there already."""


@dataclass
class _Held:
    """The place a lane works with."""

    place: Place | None = None


class Lanes:
    """A storage, open for as long as the block lasts."""

    def __init__(self, opened: Open, location: Location, context: Context) -> None:
        self._open, self._location, self._context = opened, location, context
        self._idle: list[Place] = []
        self._opening = threading.Lock()
        self._is_let_in = False
        self._lanes = 1
        self.broke_off = False
        """Whether something was tried again, and may have left a loose end of its first try."""
        self._asks: queue.SimpleQueue[_Ask | None] = queue.SimpleQueue()
        """What lanes want remembered; None of each that has ended."""
        self._moving = threading.Lock()
        self._alone = threading.Semaphore()
        self._moved = 0
        self._most: int | None = None
        self._stop = threading.Event()
        self._lines = Lines()
        self._error: BaseException | None = None

    def __enter__(self) -> Lanes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for place in self._idle:
            with suppress(Exception):
                place.close()

    def begun(self, loose_end: str) -> None:
        """Have it remembered, and return when it is."""
        ask = _Ask(loose_end, threading.Event())
        self._asks.put(ask)
        while not ask.done.wait(limits.LOOK_SECONDS):
            self._go_on()

    def run(self, loads: Sequence[Load], *, most: int | None = None) -> None:
        """Do all of it, in any order.

        :param most: how many bytes may move, whatever sizes were told.
        :raises Stopped: when the task is told to stop; lanes that hear it only later do no harm.
        :raises TooMuchOutput: when more bytes move.
        """
        left = deque(loads)
        total = 0 if any(load.size is None for load in loads) else sum(load.size or 0 for load in loads)
        self._moved, self._most = 0, most
        self._lanes = min(self._open.lanes, len(loads))
        while left and not self._error:
            self._side_by_side(left, total)
            # What is left now nobody was let in for; whoever was let in before goes on with it.
            self._lanes = 1
        if self._error:
            self._record(self._error)
            raise self._error

    def _side_by_side(self, left: deque[Load], total: int) -> None:
        threads = [
            threading.Thread(
                # With what this thread knows to hide in the log.
                target=contextvars.copy_context().run,
                args=(self._lane, left),
                name=f"lane-{number}",
                daemon=True,
            )
            for number in range(self._lanes)
        ]
        for thread in threads:
            thread.start()
        self._look_after(len(threads), total)

    def _record(self, error: BaseException) -> None:
        """Keep the library's own words for the operator."""
        if (cause := error.__cause__) and not isinstance(cause, AthanorError):
            words = f"{type(cause).__module__}.{type(cause).__name__}: {cause}"
            # Signatures stand in queries.
            self._context.record(argv=(), output=_QUERY.sub("?…", words))

    def _look_after(self, lanes: int, total: int) -> None:
        watch, ends = limits.Watch(self._context), 0.0
        while lanes:
            with suppress(queue.Empty):
                ask = self._asks.get(timeout=limits.LOOK_SECONDS)
                lanes -= ask is None
                self._remember(ask)
            if total:
                self._context.progress(100 * self._moved / total)
            if self._stop.is_set():
                ends = ends or time.monotonic() + WIND_DOWN_SECONDS
                if time.monotonic() > ends:
                    _later(HANG_UP_SECONDS, self._lines.hang_up)
                    return
            else:
                try:
                    watch()
                except AthanorError as error:
                    self._fail(error)

    def _remember(self, ask: _Ask | None) -> None:
        if not ask:
            return
        try:
            self._context.begun(ask.loose_end)
        except Exception as error:  # noqa: BLE001 - the lane that waits hears that it is over
            self._fail(error)
        else:
            ask.done.set()

    def _lane(self, left: deque[Load]) -> None:
        held = _Held()
        try:
            with self._lines.noted():
                while load := self._next(left):
                    try:
                        self._carry(load, held)
                    except _Full:
                        left.append(load)
                        return
        except BaseException as error:  # noqa: BLE001 - told by the task's own thread
            self._fail(error)
        finally:
            self._give_back(held)
            self._asks.put(None)

    def _next(self, left: deque[Load]) -> Load | None:
        with suppress(IndexError):
            return None if self._stop.is_set() else left.popleft()
        return None

    def _carry(self, load: Load, held: _Held) -> None:
        is_large = load.size is None or load.size >= LARGE
        with self._alone if is_large else nullcontext():
            for tries in range(1, TRIES + 1):
                # It may have waited for others, long enough for all to be over.
                self._go_on()
                held.place = held.place or self._take()
                count = _Count(self)
                try:
                    load.move(held.place, count)
                    return
                except StorageUnreachable:
                    # What never answered waits for the task's next attempt; what broke off may go on at once.
                    if tries == TRIES or not count.moved:
                        raise
                    self.broke_off = True
                    count.take_back()
                    load.again()
                    self._hang_up(held)

    def _take(self) -> Place:
        if self._open.shared:
            with self._opening:
                self._idle = self._idle or [self._first()]
                return self._idle[0]
        with suppress(IndexError):
            return self._idle.pop()
        with self._opening:
            # One asks to be let in; where it is refused, nobody asks again with the same credentials.
            if not self._is_let_in:
                return self._first()
        try:
            return self._open(self._location, self)
        except (StorageRefused, StorageUnreachable) as error:
            raise error if self._lanes == 1 else _Full from error

    def _first(self) -> Place:
        self._go_on()
        try:
            place = self._open(self._location, self)
        except BaseException as error:
            # Before the next one gets its turn.
            self._fail(error)
            raise
        self._is_let_in = True
        return place

    def _give_back(self, held: _Held) -> None:
        if self._stop.is_set():
            # Perhaps nobody else is left to do so.
            self._hang_up(held)
        elif held.place and not self._open.shared:
            self._idle.append(held.place)

    def _hang_up(self, held: _Held) -> None:
        if held.place and not self._open.shared:
            with suppress(Exception):
                held.place.close()
            held.place = None

    def _fail(self, error: BaseException) -> None:
        with self._moving:
            self._error = self._error or error
        self._stop.set()

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def moved(self, size: int) -> None:
        """Count bytes that moved.

        :raises Stopped: when nothing more is to move.
        :raises TooMuchOutput: when no more may move.
        """
        self._go_on()
        with self._moving:
            self._moved += size
        if self._most is not None and self._moved > self._most:
            raise TooMuchOutput


def _later(seconds: float, do: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, do)
    timer.daemon = True
    timer.start()


class _Count:
    """One try's share of the progress; its parts may count at once."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._counting = threading.Lock()
        self.moved = 0

    def __call__(self, size: int) -> None:
        self._lanes.moved(size)
        with self._counting:
            self.moved += size
        if self.moved > limits.MAX_FILE_BYTES:
            raise FileTooLarge

    def take_back(self) -> None:
        self._lanes.moved(-self.moved)
