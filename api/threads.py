"""Two small thread pools for blocking work, so that a thousand idle connections cost a handful of threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")

_DATABASE = ThreadPoolExecutor(8, thread_name_prefix="rows")
# Apart, so that a file is not kept waiting by a busy database.
_DISK = ThreadPoolExecutor(8, thread_name_prefix="disk")


async def database(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run work on rows in a thread. Once begun it runs to its end, whatever becomes of the caller."""

    def run() -> T:
        close_old_connections()
        try:
            return work(*args, **kwargs)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_DATABASE, run)


async def disk(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run work on files in a thread. Once begun it runs to its end, whatever becomes of the caller."""
    return await asyncio.get_running_loop().run_in_executor(_DISK, lambda: work(*args, **kwargs))
