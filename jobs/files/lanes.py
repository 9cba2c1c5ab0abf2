"""A few threads for the parts of large files, trusted as those are who asked for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from jobs.contract import outbound

LANES = 4
"""How many parts of one file move at once."""
# For all files of the process together: each thread holds one part in memory.
_POOL = ThreadPoolExecutor(6, thread_name_prefix="bucket")

T = TypeVar("T")
R = TypeVar("R")


def start(work: Callable[[T], R], item: T) -> Future[R]:
    """Begin work in one of the threads; it must not start more."""
    return _POOL.submit(_trusted, work, item)


def each(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Do work for each item, a few at once, and return what came of them in order.

    When one fails, nothing runs any more by the time that its failure is raised.
    """
    flying: deque[Future[R]] = deque()
    done: list[R] = []
    try:
        for item in items:
            if len(flying) == LANES:
                done.append(flying.popleft().result())
            flying.append(start(work, item))
        while flying:
            done.append(flying.popleft().result())
    finally:
        for one in flying:
            one.cancel()
        wait(flying)
    return done


def _trusted(work: Callable[[T], R], item: T) -> R:
    with outbound.trusted():
        return work(item)
