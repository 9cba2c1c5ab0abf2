"""Uploads that go on after the API was killed."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

pytestmark = pytest.mark.stack

PAGE = Path(__file__).resolve().parents[2] / "docs" / "http.md"

VERSION = {"Tus-Resumable": "1.0.0"}
BYTES = {**VERSION, "Content-Type": "application/offset+octet-stream"}


def until(condition, *, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_api_loses_nothing_that_came(stack):
    content = os.urandom(12_000_000)
    task = stack.api.post("/v2/import/upload").json()["data"]
    form = task["result"]["form"]
    endpoint = f"{form['url']}?{urlencode(form['parameters'])}"
    url = httpx.post(endpoint, headers={**VERSION, "Upload-Length": f"{len(content)}"}).headers["location"]

    def offset():
        try:
            return int(httpx.head(url, headers=VERSION).headers["upload-offset"])
        except (httpx.TransportError, KeyError):
            return -1

    def patch(at, some):
        headers = {**BYTES, "Upload-Offset": f"{at}"}
        assert httpx.patch(url, content=some, headers=headers).status_code == 204

    patch(0, content[:5_000_000])
    target = urlsplit(url)
    with socket.create_connection((target.hostname, target.port)) as connection:
        head = {**BYTES, "Upload-Offset": "5000000", "Content-Length": "7000000", "Host": target.netloc}
        lines = [f"PATCH {target.path}?{target.query} HTTP/1.1", *(f"{k}: {v}" for k, v in head.items())]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + content[5_000_000:9_000_000])
        until(lambda: offset() > 5_000_000)
        [api] = stack.pids("manage.py", "serve")
        os.kill(api, signal.SIGKILL)

    until(lambda: api not in stack.pids("manage.py", "serve") and offset() >= 0)
    came = offset()
    assert 5_000_000 < came <= 9_000_000
    patch(came, content[came:])

    job = stack.job(out={"operation": "export/url", "input": task["id"]})
    [file] = stack.results(job).values()
    assert hashlib.sha256(file).digest() == hashlib.sha256(content).digest()


def test_the_page_s_lines_work_when_pasted(stack, tmp_path):
    first, *_, last = re.findall(r"^```sh\n(.+?)^```$", PAGE.read_text(), re.M | re.S)
    text = (first + last).replace("http://127.0.0.1:8000", stack.about["url"])
    text = text.replace("var/athanor.json", f"{stack.file}")

    subprocess.run(["bash", "-c", text], cwd=tmp_path, timeout=120, check=True)

    asked = {"filter[operation]": "import/upload", "per_page": 1}
    [task] = stack.api.get("/v2/tasks", params=asked).json()["data"]
    assert task["result"]["files"] == [{"filename": "big.bin", "size": 50_000_000}]
