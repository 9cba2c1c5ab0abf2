"""Parts of one object, several at once, each answered for in its order."""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TypeVar

Made = TypeVar("Made")


def in_order(do: Callable[[int], Made], count: int, *, width: int) -> Generator[Made, None, None]:
    """Yield ``do(0)``, ``do(1)`` and so on, while those that follow are being done in threads beside.

    Never more than ``width`` are being done or wait to be yielded, so memory stays flat. After a failure, or
    when the generator is closed, nothing is begun any more, and what had been is waited for.
    """
    if count == 1:
        yield do(0)
        return
    running: deque[Future[Made]] = deque()
    try:
        for number in range(count):
            if len(running) == width:
                yield running.popleft().result()
            running.append(_begun(do, number))
        while running:
            yield running.popleft().result()
    finally:
        for each in running:
            each.exception()


def _begun(do: Callable[[int], Made], number: int) -> Future[Made]:
    ended: Future[Made] = Future()

    def run() -> None:
        try:
            ended.set_result(do(number))
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            ended.set_exception(error)

    # With what this thread knows to hide in the log. A pool's threads would keep the process from ending.
    threading.Thread(target=contextvars.copy_context().run, args=(run,), name="part", daemon=True).start()
    return ended
