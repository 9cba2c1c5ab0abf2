"""Drives a running stack with the published Python client: upload, convert, export, wait, download.

Runs in an environment of its own, since the client's wheel installs a top-level ``tests``.
Usage: python_client.py athanor.json input.docx output-folder
"""

import json
import sys
from pathlib import Path

import cloudconvert

about = json.loads(Path(sys.argv[1]).read_text())
source, output = Path(sys.argv[2]), Path(sys.argv[3])
cloudconvert.configure(api_key=about["api_key"], endpoint=about["url"], sync_endpoint=about["sync_url"])

job = cloudconvert.Job.create(
    payload={
        "tag": "python-client",
        "tasks": {
            "upload": {"operation": "import/upload"},
            "convert": {"operation": "convert", "input": "upload", "output_format": "pdf", "pages": "1"},
            "export": {"operation": "export/url", "input": ["convert"]},
        },
    }
)
upload = next(task for task in job["tasks"] if task["name"] == "upload")
found = cloudconvert.Task.find(id=upload["id"])
uploaded = cloudconvert.Task.upload(file_name=str(source), task=found)
ended = cloudconvert.Job.wait(id=job["id"])
export = next(task for task in ended["tasks"] if task["name"] == "export")
file = export["result"]["files"][0]
saved = cloudconvert.download(filename=str(output / file["filename"]), url=file["url"])

task = cloudconvert.Task.create(operation="import/url", payload={"url": "http://127.0.0.1:9/none.pdf"})
cancelled = cloudconvert.Task.cancel(id=task["id"])
missing = cloudconvert.Job.find(id="00000000-0000-4000-8000-000000000000")
listed = cloudconvert.Job.all({"filter[tag]": "python-client"})
deleted = cloudconvert.Job.delete(id=job["id"])

print(
    json.dumps(
        {
            "created": job["status"],
            "names": [task["name"] for task in job["tasks"]],
            "uploaded": uploaded,
            "ended": ended["status"],
            "file": file["filename"],
            "saved": str(saved),
            "cancelled": bool(cancelled),
            "missing": missing.get("code"),
            "listed": [each["id"] == job["id"] for each in listed],
            "deleted": deleted,
        }
    )
)
