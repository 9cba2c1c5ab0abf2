"""The smallest client: one kept connection per port."""

from __future__ import annotations

import http.client
import json
import urllib.request
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BOUNDARY = "athanor-client"


class Client:
    """Speaks to a running stack, as written down in its ``athanor.json``."""

    def __init__(self, about: dict[str, str]) -> None:
        self._key = about["api_key"]
        self._async = http.client.HTTPConnection(urlsplit(about["url"]).netloc)
        self._sync = http.client.HTTPConnection(urlsplit(about["sync_url"]).netloc)

    def call(self, method: str, path: str, payload: Any = None, *, sync: bool = False) -> Any:
        """Make a call and return the parsed answer.

        :raises RuntimeError: when it is refused.
        """
        connection = self._sync if sync else self._async
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        body = json.dumps(payload) if payload is not None else None
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            # The server lets go of a connection that nobody used for a while.
            connection.close()
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]!r}")
        return json.loads(text) if text else None

    def upload(self, path: Path) -> str:
        """Upload a file by an import/upload task and return the task's id."""
        task = self.call("POST", "/v2/import/upload", {})["data"]
        form = task["result"]["form"]
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in form["parameters"].items()
        ]
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
        body = ("".join(parts) + head).encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
        url = urlsplit(form["url"])
        connection = http.client.HTTPConnection(url.netloc)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection.request("POST", f"{url.path}?{url.query}", body=body, headers=headers)
        if connection.getresponse().status != 201:
            raise RuntimeError("the upload was refused")
        return str(task["id"])

    def convert(self, task: str, **options: Any) -> Any:
        """Convert an earlier task's file, export it, and return the ended job.

        :raises RuntimeError: when the job did not finish.
        """
        tasks = {
            "convert": {"operation": "convert", "input": task, **options},
            "export": {"operation": "export/url", "input": "convert"},
        }
        job = self.call("POST", "/v2/jobs", {"tasks": tasks}, sync=True)["data"]
        if job["status"] != "finished":
            raise RuntimeError(f"the job did not finish: {json.dumps(job)[:2000]}")
        return job


def download(url: str) -> bytes:
    """Return what is at a URL that an export gave."""
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own service's
        content: bytes = answer.read()
    return content


def new_text() -> str:
    """Return a text nobody has seen before."""
    return uuid.uuid4().hex
