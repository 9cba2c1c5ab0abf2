"""Which engines are here, and in which versions: this machine's own, and those of other systems' folders."""

from __future__ import annotations

import functools
import logging
import re
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from django.conf import settings

from jobs import registry
from jobs.contract import Operation, tools
from jobs.contract.errors import TaskError

log = logging.getLogger(__name__)

SECONDS = 20

Found = dict[str, Path | None]
"""Versions of an engine, this machine's first, and the system each is of: None for this machine itself."""
Tools = dict[str, Found]
"""Each engine that is here, with its versions."""


def found(queues: Collection[str], *, but: Collection[str] = ()) -> Iterator[tuple[str, Found]]:
    """Yield the engines of these queues that are here, each with its versions, as they answer.

    What has no program of its own is here, and tells no version.

    :param but: engines not to ask.
    """
    wanted = [each for each in registry.engines().values() if each.queue in queues and each.engine not in but]
    roots = systems()
    pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="asker")
    try:
        asked = {pool.submit(_versions, record, roots): record for record in wanted}
        for done in as_completed(asked):
            engine, versions = asked[done].engine, done.result()
            if engine and (versions or not asked[done].tool):
                yield engine, versions
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def missing(queues: Collection[str], here: Collection[str]) -> list[str]:
    """Return the engines of these queues that are not here."""
    return sorted(each for queue in queues for each in registry.engines_of(queue) if each not in here)


def systems() -> list[Path]:
    """Return the folders of other systems that can be used here; the log says why others cannot."""
    folders = [Path(text).resolve() for text in settings.ATHANOR_ENGINE_ROOTS]
    if folders and not registry.confinement().tier().maps:
        log.warning(
            "ATHANOR_ENGINE_ROOTS is of no use here: only bubblewrap can show programs another system."
        )
        return []
    for folder in folders:
        if not (folder / "usr/bin").is_dir():
            _complain(folder)
    return [folder for folder in folders if (folder / "usr/bin").is_dir()]


@functools.cache
def _complain(folder: Path) -> None:
    # Once: they are looked at again and again.
    log.error(
        "ATHANOR_ENGINE_ROOTS names %s, which holds no system; folders are separated by commas.", folder
    )


def _versions(record: Operation, roots: Sequence[Path]) -> Found:
    found: Found = {}
    if record.tool and (version := tools.version(record.tool, partial(_ask, record))):
        found[version] = None
    for system in roots:
        if (version := _version_in(record, system)) and version not in found and _starts(record, system):
            found[version] = system
    return found


def _version_in(record: Operation, system: Path) -> str | None:
    # What runs in this process has no other system.
    if not (record.tool and record.tool.argv and hasattr(record.run, "profile")):
        return None
    if not registry.launcher().installed(record.tool.argv[0], system):
        return None
    match = re.search(record.tool.pattern, _ask(record, record.tool.argv, system))
    return match[1] if match else None


def _starts(record: Operation, system: Path) -> bool:
    """Tell whether the engine's warm children, if it has any, start on a system: they need more than it."""
    runs = {id(each.run): each.run for each in registry.operations() if each.engine == record.engine}
    if all(run.starts(system) for run in runs.values() if hasattr(run, "starts")):
        return True
    log.warning("%s of %s is not served: its child does not start there.", record.engine, system)
    return False


def _ask(record: Operation, argv: Sequence[str], system: Path | None = None) -> str:
    try:
        deadline = time.monotonic() + SECONDS
        return str(registry.launcher().ask(argv, deadline=deadline, like=record.run, system=system))
    except TaskError as error:
        said = " ".join(getattr(error, "__notes__", ()))
        log.warning(
            "%s of %s does not tell its version: %s %s", argv[0], system or "this machine", error, said
        )
        return ""
