"""A69, A79, A80: what is left of secrets, of cancelled work, and of our own folders in what is told."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from . import hostile
from .canary import answer
from .conftest import ALLOWED
from .siege import Watching, _below, conversion, import_of, settled
from .test_api import operator

pytestmark = [
    pytest.mark.attack,
    pytest.mark.needs("soffice", "ffmpeg", "convert", "pdftotext", "qpdf", "chromium"),
]


class Eavesdropper(Watching):
    """Reads the command lines and environments of all that runs below the worker, again and again."""

    seconds = 0.005

    def __init__(self, siege):
        super().__init__(siege)
        self.heard = set()
        self.looks = 0

    def look(self):
        self.looks += 1
        for pid in _below(self.siege.worker):
            for name in ("cmdline", "environ"):
                with contextlib.suppress(OSError):
                    self.heard.add(Path(f"/proc/{pid}/{name}").read_bytes())


def protected(samples, password):
    """Return a PDF that the password opens."""
    writer = PdfWriter(clone_from=PdfReader(samples / "tika_text.pdf"))
    writer.encrypt(password, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def told(siege, ends):
    """Return what the API and the operator's pages say of ended jobs and their tasks."""
    page = operator(siege)
    shown = [json.dumps(end.job) for end in ends]
    for end in ends:
        for task in end.job["tasks"]:
            shown += [
                siege.stack.api.get(f"/v2/tasks/{task['id']}?include=payload,job").text,
                page.get(f"/admin/jobs/task/{task['id']}/change/").text,
            ]
    return "".join(shown).encode()


def at_rest(siege):
    """Yield every file of the stack but what customers gave it, by its name."""
    for path in siege.stack.data_dir.rglob("*"):
        if path.is_file() and "files" not in path.relative_to(siege.stack.data_dir).parts:
            with contextlib.suppress(FileNotFoundError):
                yield path.name, path.read_bytes()


def test_a69_a_secret_is_used_and_never_shown(siege, samples):
    secret = {
        name: f"seeded{name}{secrets.token_hex(6)}"
        for name in ("header", "captured", "right", "wrong", "refused")
    }
    origin = siege.origin.url(host=ALLOWED)
    usual, siege.origin.answer = (
        siege.origin.answer,
        lambda path: answer(b"x") if path == "/" else b"HTTP/1.1 500 No\r\n\r\n",
    )
    siege.origin.heard.clear()
    pdf, odt = protected(samples, secret["right"]), (samples / "jod_password.odt").read_bytes()

    def fetch(url, name):
        return {
            "made": {
                "operation": "import/url",
                "url": url,
                "timeout": 3,
                "headers": {"Authorization": secret[name]},
            }
        }

    jobs = {
        "fetched": fetch(origin, "header"),
        "failed": fetch(origin + "x", "header"),
        "refused": fetch("http://127.0.0.1:1/", "refused"),
        "captured": {
            "made": {
                "operation": "capture-website",
                "url": origin,
                "output_format": "pdf",
                "headers": {"X-Token": secret["captured"]},
            }
        },
        "opened": conversion(pdf, "in.pdf", "txt", password=secret["right"]),
        "drawn": conversion(pdf, "in.pdf", "png", password=secret["right"]),
        "not opened": conversion(pdf, "in.pdf", "txt", password=secret["wrong"]),
        "document": conversion(odt, "in.odt", "pdf", password=secret["wrong"]),
        "broken": conversion(b"%PDF-1.7 x", "in.pdf", "png", password=secret["wrong"]),
    }
    try:
        with Eavesdropper(siege) as eavesdropper:
            ends = siege.ends(jobs)
    finally:
        siege.origin.answer = usual

    assert not ends["opened"].failed and not ends["drawn"].failed, ends["opened"].words + ends["drawn"].words
    assert all(ends[name].failed for name in ("failed", "refused", "not opened", "document", "broken"))
    assert secret["header"] in "".join(siege.origin.heard) and secret["captured"] in "".join(
        siege.origin.heard
    )
    shown = [json.dumps(end.job) for end in ends.values()]
    page = operator(siege)
    for end in ends.values():
        for task in end.job["tasks"]:
            path = f"/v2/tasks/{task['id']}?include=payload,job,retries,depends_on_tasks"
            shown += [siege.stack.api.get(path).text, page.get(f"/admin/jobs/task/{task['id']}/change/").text]
            retried = siege.stack.api.post(f"/v2/tasks/{task['id']}/retry")
            shown.append(retried.text)
    shown += [page.get(path).text for path in ("/admin/jobs/task/", "/admin/jobs/job/", "/admin/")]
    places = {
        "API and pages": "".join(shown).encode(),
        "processes": b"".join(eavesdropper.heard),
        **dict(at_rest(siege)),
    }
    found = {
        (name, place)
        for name, text in secret.items()
        for place, data in places.items()
        if text.encode() in data
    }
    assert found == set()
    assert eavesdropper.looks > 10 and any(
        b"bwrap" in line or b"_child.py" in line for line in eavesdropper.heard
    )
    assert b"********" in places["API and pages"]
    assert any(name.startswith("athanor.sqlite3") for name in places) and "worker.log" in places
    settled(lambda: not siege.at_work(), siege.at_work, seconds=60)


def test_a69_the_services_own_secrets_are_in_no_answer_and_no_log(siege):
    about = siege.stack.about
    own = [about[name] for name in ("api_key", "api_key_other", "api_key_readonly", "admin_password")]
    own += [path.read_text().strip() for path in siege.stack.data_dir.glob("*key*") if path.is_file()]
    own.append(f"{siege.bait.stem}environment")

    page = operator(siege)
    texts = [
        siege.logs,
        *(page.get(path).text for path in ("/admin/", "/admin/jobs/apikey/", "/admin/jobs/worker/")),
    ]
    texts += [
        siege.stack.api.get(path).text
        for path in ("/v2/users/me", "/v2/jobs", "/v2/tasks", "/v2/operations", "/x")
    ]

    assert len(own) > 5
    assert not [text for text in own for shown in texts if text in shown]


MOMENTS = (
    set(),
    {"processing", "finished", "error"},
    {"waiting", "processing", "finished", "error"},
    {"finished", "error"},
)
"""What a task is when it is cancelled: just posted, just started, about to be, about to be published."""


def cancelled(siege, tasks, moment):
    """Post a job and cancel all its tasks, as soon as the first is in one of these states."""
    job = siege.stack.api.post("/v2/jobs", json={"tasks": tasks}).json()["data"]
    made = next(task["id"] for task in job["tasks"] if task["name"] == "made")

    def status():
        return siege.stack.api.get(f"/v2/tasks/{made}").json()["data"]["status"]

    settled(lambda: not moment or status() in moment, status, seconds=60)
    for task in job["tasks"]:
        siege.stack.api.post(f"/v2/tasks/{task['id']}/cancel")
    return job["id"]


def unpublished(siege, ends):
    """Return the tasks that failed and yet have files in the store; an import's content was given to it."""
    found = []
    for task in (task for end in ends for task in end.job["tasks"] if task["status"] == "error"):
        folder = siege.stack.data_dir / "files" / task["id"][:2] / task["id"]
        stored = len(list(folder.iterdir())) if folder.exists() else 0
        if stored > (task["operation"] == "import/base64"):
            found.append((task["operation"], stored))
    return found


def test_a79_what_is_cancelled_leaves_nothing(siege, samples):
    video, page = (samples / "made_video.mp4").read_bytes(), (samples / "made_page.html").read_bytes()
    document = (samples / "jod_multi_page.ppt").read_bytes()
    kinds = [
        lambda: conversion(video, "in.mp4", "webm"),
        lambda: conversion(hostile.small_png(), "in.png", "webp"),
        lambda: conversion(page, "in.html", "pdf"),
        lambda: conversion(document, "in.ppt", "png"),
        lambda: {
            "made": import_of(b"x" * 1_000_000, "a.txt"),
            "out": {"operation": "export/url", "input": "made"},
        },
    ]
    jobs = [cancelled(siege, kinds[number % 5](), MOMENTS[number // 5]) for number in range(20)]
    ends = [siege.end(job) for job in jobs]

    assert any(task["code"] == "CANCELLED" for end in ends for task in end.job["tasks"])
    settled(lambda: not unpublished(siege, ends), lambda: unpublished(siege, ends))
    for job in jobs:
        assert siege.stack.api.delete(f"/v2/jobs/{job}").status_code == 204
    kept = [
        siege.stack.data_dir / "files" / task["id"][:2] / task["id"]
        for end in ends
        for task in end.job["tasks"]
    ]
    settled(
        lambda: not [folder for folder in kept if folder.exists() and any(folder.iterdir())],
        lambda: "files of deleted jobs",
    )


def test_a80_no_folder_and_no_machine_is_named(siege, samples):
    broken = {
        "docx": hostile.docx("<w:p><w:r>"),
        "odt": hostile.odf("text", "<text:p>"),
        "xlsx": b"PK\3\4 no",
        "pdf": b"%PDF-1.7\n1 0 obj <</Type/Catalog/Pages 9 0 R>>\n",
        "mp4": (samples / "made_video.mp4").read_bytes()[:9000],
        "png": hostile.small_png()[:60],
        "svg": '<svg xmlns="http://www.w3.org/2000/svg"><g>',
        "heic": (samples / "willow_tree.heic").read_bytes()[:2000],
        "webp": b"RIFF\0\0\0\0WEBPVP8 ",
        "html": "<script>document.write(location.href); document.write(document.baseURI)</script>",
        "mp3": b"ID3" + bytes(500),
        "psd": hostile.psd(10, 10),
    }
    targets = ("pdf", "png", "jpg", "txt", "mp4", "wav", "webp")
    jobs = {}
    for kind, data in broken.items():
        for target in targets:
            tasks = conversion(data, f"in.{kind}", target, timeout=30)
            if (
                siege.stack.api.post(
                    "/v2/jobs", json={"tasks": {**tasks, "made": {**tasks["made"], "input_format": kind}}}
                ).status_code
                == 201
            ):
                jobs[kind, target] = tasks

    ends = siege.ends(jobs)

    for end in ends.values():
        siege.harmless(end)
    assert sum(end.failed for end in ends.values()) > 15
    # A page knows its address; what it shows of it names no folder of ours.
    shown = ends["html", "pdf"].files
    assert shown and not siege.places(
        "".join(page.extract_text() for page in PdfReader(io.BytesIO(*shown.values())).pages)
    )
