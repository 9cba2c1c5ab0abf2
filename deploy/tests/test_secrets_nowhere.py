"""A secret goes where it is needed, and is found nowhere else."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from pypdf import PdfWriter

pytestmark = [pytest.mark.stack, pytest.mark.needs("qpdf", "pdftocairo")]

TOKEN = "seeded-header-token-7d1f"
PASSWORD = "seeded-password-9b2c"
SECRETS = (TOKEN, PASSWORD)


def locked_pdf() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(72, 72)
    writer.encrypt("another", algorithm="RC4-128")
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


@pytest.fixture
def origin() -> Iterator[tuple[str, list[str]]]:
    """A server that asks for a header, and the headers it was sent."""
    seen: list[str] = []
    content = locked_pdf()

    class Origin(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.send_response(200 if self.path == "/in.pdf" else 403)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


def told(secret: str, content: bytes) -> bool:
    return secret.encode() in content


def processes() -> Iterator[Path]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and folder.name != f"{os.getpid()}":
            yield from (folder / "cmdline", folder / "environ")


def contents(paths: Iterator[Path]) -> dict[str, bytes]:
    found = {}
    for path in paths:
        try:
            found[f"{path}"] = path.read_bytes()
        except OSError:
            continue
    return found


@pytest.fixture
def pages(stack) -> Iterator[httpx.Client]:
    """The operators' pages, logged in."""
    with httpx.Client(base_url=stack.about["url"]) as client:
        client.get("/admin/login/")
        form = {
            "username": stack.about["admin_user"],
            "password": stack.about["admin_password"],
            "csrfmiddlewaretoken": client.cookies["csrftoken"],
            "next": "/admin/",
        }
        assert client.post("/admin/login/", data=form).status_code == 302
        yield client


def test_a_secret_is_found_nowhere_after_its_job_has_failed(stack, origin, pages):
    url, seen = origin
    headers = {"Authorization": f"Bearer {TOKEN}"}
    import_ = {"operation": "import/url", "headers": headers}

    job = stack.job(
        **{
            "in": {**import_, "url": f"{url}/in.pdf"},
            "page": {"operation": "convert", "input": "in", "output_format": "png", "password": PASSWORD},
            "words": {"operation": "convert", "input": "in", "output_format": "txt", "password": PASSWORD},
            "refused": {**import_, "url": f"{url}/refused"},
        }
    )
    codes = {task["name"]: task["code"] for task in job["tasks"]}
    again = stack.sync.post(f"/v2/tasks/{stack.task(job, 'page')['id']}/retry").json()["data"]

    assert codes == {
        "in": None,
        "page": "PASSWORD_REQUIRED",
        "words": "PASSWORD_REQUIRED",
        "refused": "DOWNLOAD_FAILED",
    }
    assert again["code"] == "PASSWORD_REQUIRED"
    assert seen == [f"Bearer {TOKEN}"] * 2
    ids = [task["id"] for task in (*job["tasks"], again)]
    answers = {path: stack.api.get(path).content for path in paths_of(job, ids)}
    answers |= {path: pages.get(path).content for path in pages_of(job, ids)}
    assert all(b"********" in answers[f"/admin/jobs/task/{pk}/change/"] for pk in ids)
    stored = contents(path for path in stack.data_dir.rglob("*") if path.is_file())
    assert any(b"sealed:1:" in content for name, content in stored.items() if "sqlite3" in name)
    places = answers | stored | contents(processes())
    assert not [(place, secret) for secret in SECRETS for place, text in places.items() if told(secret, text)]


def paths_of(job, ids):
    yield f"/v2/jobs/{job['id']}"
    yield "/v2/jobs"
    yield "/v2/tasks?include=payload,job,retries,depends_on_tasks"
    yield from (f"/v2/tasks/{pk}?include=payload,job,retries" for pk in ids)


def pages_of(job, ids):
    yield from ("/admin/jobs/job/", "/admin/jobs/task/", f"/admin/jobs/job/{job['id']}/change/")
    yield from (f"/admin/jobs/task/{pk}/change/" for pk in ids)


@pytest.mark.parametrize("name", ["secret_key", "sealing_keys"])
def test_the_stack_s_own_keys_are_private(stack, name):
    path = stack.data_dir / name

    assert path.stat().st_mode & 0o777 == 0o600
    kept = path.read_bytes().strip().rpartition(b":")[2]
    others = contents(each for each in stack.data_dir.rglob("*") if each.is_file() and each != path)
    assert not [place for place, text in (others | contents(processes())).items() if kept in text]
