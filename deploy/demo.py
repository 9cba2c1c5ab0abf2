"""`make demo`: three real conversions through the REST API, on a stack of their own."""

from __future__ import annotations

import json
import mimetypes
import os
import secrets
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .places import ROOT
from .stack import AlreadyRunning, Stack
from .supervisor import Died, tail

SAMPLES = ROOT / "samples"
FOLDER = ROOT / "var" / "demo"
OUTPUT = FOLDER / "output"
WAIT_SECONDS = 300
MAGIC = {"pdf": (0, b"%PDF-"), "mp4": (4, b"ftyp"), "png": (0, b"\x89PNG"), "webp": (8, b"WEBP")}
"""Where a file of each format says what it is, and in which bytes."""


class Failed(Exception):
    """A conversion of the demo did not do what it should."""


@dataclass(frozen=True)
class Show:
    """One job to show: a sample goes in, what its tasks make of it comes out."""

    title: str
    sample: str
    tasks: Mapping[str, Mapping[str, Any]]


SHOWS = (
    Show("a document to PDF", "jod_simple.docx", {"pdf": {"operation": "convert", "output_format": "pdf"}}),
    Show(
        "a video to a smaller one, and its thumbnail",
        "made_video.mp4",
        {
            "smaller": {"operation": "convert", "output_format": "mp4", "width": 160, "crf": 30},
            "picture": {"operation": "thumbnail", "output_format": "png"},
        },
    ),
    Show(
        "a photo to WebP",
        "willow_exif_rotated.jpg",
        {"webp": {"operation": "convert", "output_format": "webp"}},
    ),
)


@dataclass(frozen=True)
class Shown:
    """What came of one job."""

    show: Show
    came_out: tuple[Path, ...]
    seconds: float


class Client:
    """As much of the API as the demo needs."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        self._url, self._sync_url = about["url"], about["sync_url"]
        self._key = about["api_key"]

    def create_job(self, tasks: Mapping[str, Any]) -> dict[str, Any]:
        """Create a job and return it as it was accepted."""
        return self._call("POST", f"{self._url}/v2/jobs", {"tasks": tasks})

    def wait(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Return the job when it has ended."""
        return self._call("GET", f"{self._sync_url}/v2/jobs/{job['id']}")

    def upload(self, form: Mapping[str, Any], file: Path) -> None:
        """Fill in an upload form; it needs no key."""
        boundary = secrets.token_hex(16)
        body = b"".join(_multipart(form["parameters"], file, boundary))
        request = urllib.request.Request(form["url"], data=body, method="POST")  # noqa: S310 - our own stack's
        request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
        _send(request)

    def download(self, url: str, into: Path) -> Path:
        """Save a finished file under its own name."""
        target = into / Path(unquote(urlsplit(url).path)).name
        with urllib.request.urlopen(url, timeout=WAIT_SECONDS) as answer, target.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(answer, file)
        return target

    def _call(self, method: str, url: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - our own stack's
        request.add_header("Authorization", f"Bearer {self._key}")
        request.add_header("Content-Type", "application/json")
        answer: dict[str, Any] = json.loads(_send(request))["data"]
        return answer


def main() -> int:
    """Show all there is to show; return the exit status."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    begun = time.monotonic()
    print("Starting Athanor: Redis, the API, a worker with every engine ...", flush=True)
    with Stack(FOLDER / "data", inherited=_without_settings(os.environ)) as stack:
        print(f"... ready in {time.monotonic() - begun:.1f} s at {stack.about['url']}\n", flush=True)
        try:
            shown = [_perform(show, Client(stack.about)) for show in SHOWS]
        except (Failed, OSError) as error:
            print(f"\nThe demo failed: {error}\n\nThe end of the worker's log:\n", file=sys.stderr)
            print(tail(stack.logs / "worker.log"), file=sys.stderr)
            return 1
    print(f"\n{table(shown)}\n\nThe results lie in {OUTPUT}. Everything is stopped again.")
    return 0


def table(shown: list[Shown]) -> str:
    """Return what went in, what came out, where it lies and how long it took, a line per file."""
    rows = [("in", "size", "out", "size", "took")]
    for one in shown:
        sample = SAMPLES / one.show.sample
        first = (sample.name, size(sample.stat().st_size))
        for path in one.came_out:
            lies = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
            seconds = f"{one.seconds:.1f} s" if first[0] else ""
            rows.append((*first, f"{lies}", size(path.stat().st_size), seconds))
            first = ("", "")
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(_line(row, widths) for row in rows)


def size(number: int) -> str:
    """Return a size for people."""
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{number / 1e3:.1f} kB"


def check(path: Path) -> None:
    """Look whether a file is what its name says.

    :raises Failed: when it is not.
    """
    where, magic = MAGIC[path.suffix[1:]]
    if path.read_bytes()[where : where + len(magic)] != magic:
        raise Failed(f"{path.name} is no {path.suffix[1:].upper()} file.")


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    into, went, out, came, took = row
    left = f"{into:{widths[0]}}  {went:>{widths[1]}}  ->  "
    return f"{left}{out:{widths[2]}}  {came:>{widths[3]}}  {took:>{widths[4]}}".rstrip()


def _perform(show: Show, client: Client) -> Shown:
    print(f"{show.title} ...", flush=True)
    begun = time.monotonic()
    tasks = {name: {**task, "input": "upload"} for name, task in show.tasks.items()}
    download = {"operation": "export/url", "input": list(tasks)}
    job = client.create_job({"upload": {"operation": "import/upload"}, **tasks, "download": download})
    client.upload(_task(job, "upload")["result"]["form"], SAMPLES / show.sample)
    job = client.wait(job)
    if job["status"] != "finished":
        words = [f"{task['name']}: {task['message']}" for task in job["tasks"] if task["status"] == "error"]
        raise Failed(f"{show.title}: {'; '.join(words)}")
    files = _task(job, "download")["result"]["files"]
    came_out = tuple(client.download(file["url"], OUTPUT) for file in files)
    seconds = time.monotonic() - begun
    if len(came_out) != len(show.tasks):
        raise Failed(f"{show.title}: {len(came_out)} files came out, not {len(show.tasks)}.")
    for path in came_out:
        check(path)
    return Shown(show, came_out, seconds)


def _task(job: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(task for task in job["tasks"] if task["name"] == name)
    return found


def _multipart(fields: Mapping[str, str], file: Path, boundary: str) -> Iterator[bytes]:
    start = f"--{boundary}\r\nContent-Disposition: form-data; name="
    for name, text in fields.items():
        yield f'{start}"{name}"\r\n\r\n{text}\r\n'.encode()
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    yield f'{start}"file"; filename="{file.name}"\r\nContent-Type: {kind}\r\n\r\n'.encode()
    yield file.read_bytes()
    yield f"\r\n--{boundary}--\r\n".encode()


def _send(request: urllib.request.Request) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:  # noqa: S310 - our own stack's
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        text = error.read(2000).decode(errors="replace")
        raise Failed(f"{request.get_method()} {request.full_url} answered {error.code}: {text}") from error


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    # The demo shows the defaults, whatever this shell is set up for.
    return {name: text for name, text in environment.items() if not name.startswith("ATHANOR_")}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AlreadyRunning:
        sys.exit(f"Another demo runs in {FOLDER}.")
    except Died as error:
        sys.exit(f"Athanor did not start: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
