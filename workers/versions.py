"""Which versions of the engines' programs this machine has."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from jobs import registry
from jobs.contract import Operation, tools
from jobs.contract.errors import TaskError

log = logging.getLogger(__name__)

SECONDS = 20


def of(queues: Iterable[str]) -> dict[str, str]:
    """Return engine to version, for the engines of these queues that are installed."""
    wanted = set(queues)
    records = [record for record in registry.engines().values() if record.queue in wanted and record.tool]
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = list(zip(records, pool.map(_version, records), strict=True))
    return {record.engine: version for record, version in found if record.engine and version}


def _version(record: Operation) -> str | None:
    return tools.version(record.tool, partial(_ask, record)) if record.tool else None


def _ask(record: Operation, argv: Sequence[str]) -> str:
    try:
        deadline = time.monotonic() + SECONDS
        return str(registry.launcher().ask(argv, deadline=deadline, like=record.run))
    except TaskError as error:
        log.warning("%s does not tell its version: %s", argv[0], error)
        return ""
