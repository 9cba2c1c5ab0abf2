"""Runs trials on a stack, as a client would, and judges what came of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.client import Client, download

from .checking import objection
from .trials import Sample, Trial

AT_ONCE = 4
NOT_CLEAR = {"INTERNAL_ERROR", "UNKNOWN_ERROR", "ENGINE_UNAVAILABLE", "WORKER_LOST", "TIMEOUT"}
"""Codes that say something went wrong with us, not what is wrong with the file."""
NOT_OF_WHOLE = {"ENGINE_CRASHED", "INPUT_QUARANTINED", "MEMORY_EXCEEDED"}
"""Codes that are no answer to a file with which nothing is wrong."""
LEAKS = ("/work/", "/tmp/", "/var/", "Traceback", "athanor-")
CONVERTED, REFUSED, BAD = "converted", "refused", "bad"
MEMBERS = 25
"""Of so many files of one result each is looked at."""


@dataclass(frozen=True)
class Outcome:
    """What came of a trial."""

    trial: Trial
    kind: str
    """Converted into a file that holds what it promises, refused with a reason, or bad."""
    code: str = ""
    message: str = ""
    seconds: float = 0


class Runs:
    """Trials on one stack, several at once."""

    def __init__(self, about: dict[str, Any], folder: Path, tell: Callable[[int, int], None]) -> None:
        self._about, self._folder, self._tell = about, folder, tell
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._uploads: dict[Sample, str] = {}
        self._done = 0

    def run(self, trials: Sequence[Trial]) -> list[Outcome]:
        """Run them all."""
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return list(pool.map(lambda trial: self._one(trial, len(trials)), trials))

    def _one(self, trial: Trial, of: int) -> Outcome:
        begun = time.monotonic()
        try:
            kind, code, message = self._judged(trial)
        except RuntimeError as error:
            kind, code, message = BAD, "HTTP", f"{error}"
        with self._lock:
            self._done += 1
            self._tell(self._done, of)
        return Outcome(trial, kind, code, message, time.monotonic() - begun)

    @property
    def _client(self) -> Client:
        if not hasattr(self._mine, "client"):
            self._mine.client = Client(self._about)
        client: Client = self._mine.client
        return client

    def _upload(self, sample: Sample) -> str:
        with self._lock:
            known = self._uploads.get(sample)
        if not known:
            known = self._client.upload(sample.path)
            with self._lock:
                self._uploads[sample] = known
        return known

    def _judged(self, trial: Trial) -> tuple[str, str, str]:
        tasks: dict[str, Any] = {"do": {"input": self._upload(trial.sample), "timeout": 300, **trial.payload}}
        if trial.operation != "metadata":
            tasks["out"] = {"operation": "export/url", "input": "do"}
        job = self._client.call("POST", "/v2/jobs", {"tasks": tasks}, sync=True)["data"]
        told = {task["name"]: task for task in job["tasks"]}
        did = told["do"]
        if did["status"] != "finished":
            kind, code, message = refusal(did["code"] or "", did["message"] or "")
            return (BAD if code in NOT_OF_WHOLE and not trial.sample.fault else kind), code, message
        if trial.operation == "metadata":
            found = (did["result"] or {}).get("metadata")
            return (CONVERTED, "", "") if found else (BAD, "NO_METADATA", "")
        files = told["out"]["result"]["files"] if told["out"]["status"] == "finished" else []
        if not files:
            return BAD, "NO_FILES", f"{told['out']['message']}"
        wrong = self._objection(files, trial.target or trial.sample.format)
        return (BAD, "OUTPUT", wrong) if wrong else (CONVERTED, "", "")

    def _objection(self, files: list[dict[str, Any]], format_: str) -> str:
        for file in files[:MEMBERS]:
            path = self._folder / f"{threading.get_ident()}.{format_}"
            path.write_bytes(download(file["url"]))
            said = _beside(file["filename"], format_) or objection(path, format_)
            path.unlink()
            if said:
                return f"{file['filename']}: {said}"
        return ""


def _beside(name: str, format_: str) -> str:
    return "" if name.lower().endswith(f".{format_}") else f"it is not called .{format_}"


def refusal(code: str, message: str) -> tuple[str, str, str]:
    """Judge how a task failed: a refusal is clear when its code and sentence are about the file."""
    unclear = code in NOT_CLEAR or not code or not message.endswith((".", "!", "?"))
    leaks = any(word in message for word in LEAKS)
    return (BAD if unclear or leaks else REFUSED), code, message
