"""A runner for engines whose start is slow: children that hold the tool ready, one owner at a time."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jobs.contract import Context, Output, Result, Work, errors, limits

from . import inner_code
from .cells import USUAL
from .collecting import check_promise, copy
from .process import refuse_empty, relocated
from .resident import Child, Died
from .room import CODE, Profile, Room

log = logging.getLogger(__name__)

START_SECONDS = 60
USES = int(os.environ.get("ATHANOR_WARM_USES", "100"))
"""Conversions after which a child is replaced: engines leak."""
HELD_BYTES = int(os.environ.get("ATHANOR_WARM_MEGABYTES", "1024")) * 1024 * 1024
"""A child that holds more than this after a conversion is replaced."""
TIDY_SECONDS = 1.0
_TIDY = ThreadPoolExecutor(max_workers=4, thread_name_prefix="tidy")


@dataclass
class Warm:
    """Runs work in warm children started from one of our scripts.

    An owner's files are seen by no child that has seen, or will see, another's. After a timeout, a crash or
    ``USES`` conversions a child is replaced; a spare is started behind the scenes so that nobody waits.
    """

    name: str
    script: str
    """The child's script beside this module."""
    request: Callable[[Work], Mapping[str, Any]]
    """Makes the request of the work; paths in it are taken from the work it is given (the slot's)."""
    explain: Callable[[str], errors.TaskError | None] | None = None
    """Knows what the words of a failure mean."""
    profile: Profile = USUAL
    environment: Mapping[str, str] = field(default_factory=dict)
    secret: tuple[str, ...] = ()
    """Keys of the request that operators must not see."""
    egress: bool = False
    """Whether the child may reach the network, by the outbound rule, while it answers."""
    _idle: list[Child] = field(default_factory=list, init=False, repr=False)
    _tidied: list[Child] = field(default_factory=list, init=False, repr=False)
    """Children on their way back to the idle ones."""
    _lock: threading.Condition = field(default_factory=threading.Condition, init=False, repr=False)
    _starter: threading.Thread | None = field(default=None, init=False, repr=False)
    _closed: bool = field(default=False, init=False, repr=False)

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when the engine refuses, crashes, hangs, or leaves no valid output.
        """
        refuse_empty(work)
        child = self._take(context, work.system)
        keep = False
        try:
            request = self.request(relocated(_into_slot(work, child.slot), child.cell))
            answer = child.ask(request, context.deadline, lambda: context.stopped, context.progress)
            context.record(argv=[f"{self.name} (warm)", self._shown(request)], output=child.words)
            result = self._result(answer, work, child.slot / "out")
            keep = True
        except Died:
            context.record(argv=[f"{self.name} (warm)"], output=child.last_words())
            raise child.reason() or errors.EngineCrashed() from None
        except errors.TaskError as error:
            # A refusal is an answer; a child that gave one is as good as before.
            keep = not isinstance(error, errors.EngineTimeout | errors.Stopped | errors.EngineCrashed)
            raise
        finally:
            with self._lock:
                self._tidied.append(child)
            if keep:
                _TIDY.submit(self._give_back, child, keep=keep)
            else:
                # Whoever was told of a failure may rely on the engine being gone.
                self._give_back(child, keep=keep)
        return result

    @property
    def bare_room(self) -> Room:
        """What a program sees that is like the children, and is given no work."""
        return Room(read={CODE: inner_code.folder()})

    def close(self) -> None:
        """End every idle child; those at work end after it."""
        with self._lock:
            self._closed = True
            self._lock.wait_for(lambda: not self._tidied, timeout=START_SECONDS)
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()
        if self._starter:
            self._starter.join(timeout=START_SECONDS)

    def _shown(self, request: Mapping[str, Any]) -> str:
        return json.dumps({k: "***" if v and k in self.secret else v for k, v in request.items()})

    def _result(self, answer: Mapping[str, Any], work: Work, made: Path) -> Result:
        if "refused" in answer:
            raise refusal(answer)
        if "failed" in answer:
            failed = f"{answer['failed']}"
            raise (self.explain(failed) if self.explain else None) or errors.ConversionFailed()
        done = _done(answer)
        files = _bring_out(made, work, done.get("files") or ())
        if not files and not done.get("extra"):
            raise errors.ConversionFailed
        return Result(files=tuple(files), message=done.get("message"), extra=done.get("extra") or {})

    def _take(self, context: Context, system: Path | None) -> Child:
        with self._lock:
            # Cheaper than another start; it takes some milliseconds.
            returning = _of(self._tidied, context.owner, system)
            if not _of(self._idle, context.owner, system):
                self._lock.wait_for(lambda: not set(returning) & set(self._tidied), timeout=TIDY_SECONDS)
            dead = [child for child in self._idle if not child.alive]
            self._idle = [child for child in self._idle if child not in dead]
            waiting = [*_of(self._idle, context.owner, system), *_of(self._idle, None, system)]
            child = next(iter(waiting), None)
            if child:
                self._idle.remove(child)
        for other in dead:
            other.end()
        if not child:
            child = self._start(context.deadline, lambda: context.stopped, system)
        child.owner = context.owner
        return child

    def starts(self, system: Path | None) -> bool:
        """Tell whether children start on a system, by starting one."""
        try:
            self._start(time.monotonic() + START_SECONDS, lambda: None, system).end()
        except errors.TaskError:
            return False
        return True

    def _start(self, deadline: float, stopped: Callable[[], str | None], system: Path | None) -> Child:
        child = Child(
            self.name, self.script, self.environment, self.profile, egress=self.egress, system=system
        )
        try:
            child.ready(min(deadline, time.monotonic() + START_SECONDS), stopped)
        except BaseException as error:
            log.warning("A warm %s did not start: %s", self.name, child.words[-2000:])
            child.end()
            # No input has reached it yet, so none is to blame.
            hangs = isinstance(error, errors.EngineTimeout) and time.monotonic() < deadline
            if hangs or isinstance(error, Died):
                raise errors.EngineNotReady from None
            raise
        return child

    def _give_back(self, child: Child, *, keep: bool) -> None:
        """Make a child ready for its owner's next work, or end it."""
        keep = child.clear() and keep and child.uses < USES and child.memory() < HELD_BYTES
        with self._lock:
            ended = [child]
            if keep and not self._closed:
                # Only the last owner's children wait for more, as many as ran at once; and one spare.
                ended = [
                    other
                    for other in self._idle
                    if other.system == child.system and other.owner not in {None, child.owner}
                ]
                self._idle = [other for other in self._idle if other not in ended] + [child]
        for other in ended:
            other.end()
        with self._lock:
            self._tidied.remove(child)
            self._lock.notify_all()
        self._start_spare(child.system)

    def _start_spare(self, system: Path | None) -> None:
        with self._lock:
            starting = self._starter and self._starter.is_alive()
            if self._closed or starting or _of(self._idle, None, system):
                return
            self._starter = threading.Thread(
                target=self._add_spare, args=(system,), name=f"spare-{self.name}", daemon=True
            )
            self._starter.start()

    def _add_spare(self, system: Path | None) -> None:
        try:
            child = self._start(time.monotonic() + START_SECONDS, lambda: None, system)
            with self._lock:
                closed = self._closed
                if not closed:
                    self._idle.append(child)
            if closed:
                child.end()
        except errors.TaskError:
            log.warning("No spare %s could be started; the next caller waits for a cold start.", self.name)


def _of(children: Iterable[Child], owner: str | None, system: Path | None) -> list[Child]:
    return [child for child in children if child.owner == owner and child.system == system]


def _done(answer: Mapping[str, Any]) -> dict[str, Any]:
    # An engine that was taken over may say anything.
    done = answer.get("done")
    if not isinstance(done, dict):
        raise errors.EngineCrashed
    for name, kind in (("files", list), ("message", str), ("extra", dict)):
        if not isinstance(done.get(name, kind()), kind | None):
            raise errors.EngineCrashed
    return done


def refusal(answer: Mapping[str, Any]) -> errors.TaskError:
    """Return the error that a child's refusal names."""
    kind = getattr(errors, f"{answer['refused']}", None)
    if not (isinstance(kind, type) and issubclass(kind, errors.TaskError)):
        return errors.EngineCrashed()
    message = answer.get("message")
    return kind(message if isinstance(message, str) else None)


def _bring_out(inside: Path, work: Work, names: Iterable[Any]) -> list[Output]:
    # Copied, not moved: the child may still hold its own open.
    found = [Path(f"{name}").name for name in names]
    if len(found) > limits.OUTPUT_FILES:
        raise errors.TooMuchOutput
    room = limits.OUTPUT_BYTES
    for name in found:
        room -= copy(inside / name, work.output_dir / name, room=room)
        check_promise(work.output_dir / name, work.output_format)
    return [Output(path=work.output_dir / name) for name in found]


def _into_slot(work: Work, slot: Path) -> Work:
    # Links, not copies: a 5 GB file takes no time and no room.
    inside = slot / "in"

    def bring(path: Path, number: str = "") -> Path:
        target = inside / f"{number}{path.name}"
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)
        return target

    return replace(
        work,
        inputs=tuple(bring(path) for path in work.inputs),
        related={
            name: tuple(bring(path, f"{name}-{n}-") for n, path in enumerate(paths))
            for name, paths in work.related.items()
        },
        output_dir=slot / "out",
    )
