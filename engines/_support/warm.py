"""A runner for engines whose start is slow: children of ours that hold the tool ready, one owner at a time."""

from __future__ import annotations

import json
import logging
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jobs.contract import Context, Output, Result, Work, errors

from . import launcher
from .process import refuse_empty

log = logging.getLogger(__name__)

START_SECONDS = 60
USES = int(os.environ.get("ATHANOR_WARM_USES", "100"))
"""Conversions after which a child is replaced: engines leak."""
SUPPORT = Path(__file__).parent


class _Died(Exception):
    """The child's pipe closed."""


class Child:
    """One warm child and its slot folder, the only place files reach it."""

    def __init__(self, name: str, argv: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self.owner: str | None = None
        self.uses = 0
        self.slot = Path(tempfile.mkdtemp(prefix=f"athanor-{name}-{os.getpid()}-"))
        self._process = launcher.start(
            argv, cwd=self.slot, environment={"PYTHONUNBUFFERED": "1", **environment}, stdin=subprocess.PIPE
        )
        assert self._process.stdout and self._process.stderr
        os.set_blocking(self._process.stdout.fileno(), False)
        self._rest = b""
        self._words = bytearray()
        self._drain = threading.Thread(target=self._keep_words, daemon=True)
        self._drain.start()

    def _keep_words(self) -> None:
        assert self._process.stderr
        fd = self._process.stderr.fileno()
        try:
            while data := os.read(fd, 65536):
                self._words += data
                del self._words[: -launcher.KEPT_BYTES]
        except (OSError, ValueError):
            return

    @property
    def words(self) -> str:
        """The end of what the tool printed in this run."""
        return bytes(self._words).decode(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether the child can still answer."""
        return self._process.poll() is None

    def ready(self, deadline: float, stopped: Callable[[], str | None]) -> None:
        """Wait until the child says it is ready."""
        self._receive(deadline, stopped, lambda _percent: None)

    def ask(
        self,
        request: Mapping[str, Any],
        deadline: float,
        stopped: Callable[[], str | None],
        on_percent: Callable[[float], None],
    ) -> dict[str, Any]:
        """Send a request and return the child's last answer to it."""
        self._words.clear()
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise _Died from error
        self.uses += 1
        return self._receive(deadline, stopped, on_percent)

    def _receive(
        self, deadline: float, stopped: Callable[[], str | None], on_percent: Callable[[float], None]
    ) -> dict[str, Any]:
        assert self._process.stdout
        fd = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_READ)
            while True:
                while b"\n" in self._rest:
                    line, _, self._rest = self._rest.partition(b"\n")
                    message: dict[str, Any] = json.loads(line)
                    if "percent" not in message:
                        return message
                    on_percent(float(message["percent"]))
                if time.monotonic() >= deadline:
                    raise errors.EngineTimeout
                if reason := stopped():
                    raise errors.Stopped(reason)
                if selector.select(launcher.LOOK_SECONDS):
                    data = os.read(fd, 65536)
                    if not data:
                        raise _Died
                    self._rest += data

    def end(self) -> None:
        """Kill the child with everything it started, and remove its folder."""
        launcher.kill(self._process)
        shutil.rmtree(self.slot, ignore_errors=True)


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
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    _idle: list[Child] = field(default_factory=list, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _starting: bool = field(default=False, init=False, repr=False)

    def __call__(self, work: Work, context: Context) -> Result:
        """Run the work.

        :raises TaskError: when the engine refuses, crashes, hangs, or leaves no valid output.
        """
        refuse_empty(work)
        child = self._take(context)
        keep = False
        try:
            here = _into_slot(work, child.slot)
            request = self.request(here)
            answer = child.ask(request, context.deadline, lambda: context.stopped, context.progress)
            context.record(argv=[f"{self.name} (warm)", json.dumps(request)], output=child.words)
            result = self._result(answer, work, here)
            keep = True
        except _Died:
            context.record(argv=[f"{self.name} (warm)"], output=child.words)
            raise errors.EngineCrashed from None
        except errors.TaskError as error:
            # A refusal is an answer; a child that gave one is as good as before.
            keep = not isinstance(error, errors.EngineTimeout | errors.Stopped | errors.EngineCrashed)
            raise
        finally:
            self._give_back(child, keep=keep)
        return result

    def close(self) -> None:
        """End every idle child."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _result(self, answer: Mapping[str, Any], work: Work, here: Work) -> Result:
        if "refused" in answer:
            kind: type[errors.TaskError] = getattr(errors, answer["refused"])
            raise kind(answer.get("message"))
        if "failed" in answer:
            raise (self.explain(answer["failed"]) if self.explain else None) or errors.ConversionFailed()
        done = answer["done"]
        files = []
        for name in done.get("files", ()):
            made = here.output_dir / Path(name).name
            if made.is_symlink() or not made.is_file() or not made.stat().st_size:
                raise errors.ConversionFailed
            files.append(Output(path=Path(shutil.move(made, work.output_dir / made.name))))
        if not files and not done.get("extra"):
            raise errors.ConversionFailed
        return Result(files=tuple(files), message=done.get("message"), extra=done.get("extra") or {})

    def _take(self, context: Context) -> Child:
        with self._lock:
            self._idle = [child for child in self._idle if child.alive]
            mine = next((child for child in self._idle if child.owner == context.owner), None)
            child = mine or next((child for child in self._idle if child.owner is None), None)
            if child:
                self._idle.remove(child)
        if not child:
            child = self._start(context.deadline, lambda: context.stopped)
        child.owner = context.owner
        return child

    def _start(self, deadline: float, stopped: Callable[[], str | None]) -> Child:
        child = Child(self.name, (self.python, f"{SUPPORT / self.script}"), self.environment)
        try:
            child.ready(min(deadline, time.monotonic() + START_SECONDS), stopped)
        except BaseException as error:
            log.warning("A warm %s did not start: %s", self.name, child.words[-2000:])
            child.end()
            if isinstance(error, _Died):
                raise errors.EngineCrashed from None
            raise
        return child

    def _give_back(self, child: Child, *, keep: bool) -> None:
        if keep and child.uses < USES:
            for folder in ("in", "out"):
                shutil.rmtree(child.slot / folder, ignore_errors=True)
            with self._lock:
                # One child per owner and one spare is enough; the longest unused owner's goes.
                others = [other for other in self._idle if other.owner is not None]
                self._idle = [other for other in self._idle if other.owner is None] + [child]
            for other in others:
                other.end()
        else:
            child.end()
        self._start_spare()

    def _start_spare(self) -> None:
        with self._lock:
            if self._starting or any(child.owner is None for child in self._idle):
                return
            self._starting = True
        threading.Thread(target=self._add_spare, name=f"spare-{self.name}", daemon=True).start()

    def _add_spare(self) -> None:
        try:
            child = self._start(time.monotonic() + START_SECONDS, lambda: None)
            with self._lock:
                self._idle.append(child)
        except errors.TaskError:
            log.warning("No spare %s could be started; the next caller waits for a cold start.", self.name)
        finally:
            self._starting = False


def _into_slot(work: Work, slot: Path) -> Work:
    # Links, not copies: a 5 GB file takes no time and no room.
    inside, outside = slot / "in", slot / "out"
    for folder in (inside, outside):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

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
        output_dir=outside,
    )
