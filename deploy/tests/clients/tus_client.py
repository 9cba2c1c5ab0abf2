"""Drives a running stack's resumable uploads with the published tus client for Python.

Usage: tus_client.py athanor.json file
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from tusclient.client import TusClient
from tusclient.uploader import Uploader

ABOUT = json.loads(Path(sys.argv[1]).read_text())
SOURCE = Path(sys.argv[2])
CHUNK = 256 * 1024


def call(method: str, path: str) -> dict:
    request = urllib.request.Request(f"{ABOUT['url']}/v2/{path}", method=method)
    request.add_header("Authorization", f"Bearer {ABOUT['api_key']}")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["data"]


def new_task() -> tuple[str, str]:
    task = call("POST", "import/upload")
    form = task["result"]["form"]
    return task["id"], f"{form['url']}?{urlencode(form['parameters'])}"


def came(task: str) -> list:
    shown = call("GET", f"tasks/{task}")
    return [shown["status"], [[file["filename"], file["size"]] for file in shown["result"]["files"]]]


told = {}

task, endpoint = new_task()
begun = TusClient(endpoint).uploader(
    f"{SOURCE}", chunk_size=CHUNK, metadata={"filename": "größe.bin"}, upload_checksum=True
)
begun.upload_chunk()
# As after a crash: all that is known is the URL of the upload.
resumed = Uploader(f"{SOURCE}", url=begun.url, chunk_size=CHUNK, upload_checksum=True)
told["resumed_at"] = resumed.offset
resumed.upload()
told["created"] = came(task)

task, endpoint = new_task()
query = urlencode({"upload_length": SOURCE.stat().st_size, "filename": "direct.bin"})
Uploader(f"{SOURCE}", url=f"{endpoint}&{query}", chunk_size=CHUNK).upload()
told["direct"] = came(task)

print(json.dumps(told))
