"""Which engines this machine has, and in which versions."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from jobs import registry
from jobs.contract import Operation, tools
from jobs.contract.errors import TaskError

log = logging.getLogger(__name__)

SECONDS = 20

Tools = dict[str, dict[str, Path | None]]
"""Each engine that is here to its versions, this machine's first, and where they are: None for here."""


def found(
    queues: Collection[str], *, but: Collection[str] = ()
) -> Iterator[tuple[str, dict[str, Path | None]]]:
    """Yield the engines of these queues that are here, each with its versions, as they answer.

    What has no program of its own is here, and tells no version.

    :param but: engines not to ask.
    """
    wanted = [each for each in registry.engines().values() if each.queue in queues and each.engine not in but]
    pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="asker")
    try:
        asked = {pool.submit(_versions, record): record for record in wanted}
        for done in as_completed(asked):
            engine, versions = asked[done].engine, done.result()
            if engine and (versions or not asked[done].tool):
                yield engine, versions
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _versions(record: Operation) -> dict[str, Path | None]:
    found: dict[str, Path | None] = {}
    if record.tool and (version := tools.version(record.tool, partial(_ask, record))):
        found[version] = None
    return found


def _ask(record: Operation, argv: Sequence[str]) -> str:
    try:
        deadline = time.monotonic() + SECONDS
        return str(registry.launcher().ask(argv, deadline=deadline, like=record.run))
    except TaskError as error:
        log.warning("%s does not tell its version: %s", argv[0], error)
        return ""
