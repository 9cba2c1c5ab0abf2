from __future__ import annotations

import json

import pytest

from api.tests.conftest import work
from jobs import secrets
from jobs.contract.errors import OpenFailed
from jobs.models import Task

IMPORT = {"operation": "import/url", "url": "https://a.example/report.docx"}
SECRET = "seeded-secret-value"


def test_every_operation_can_be_asked_for_on_its_own(me):
    source = me.post("/v2/import/url", IMPORT).json()["data"]["id"]

    made = [
        me.post("/v2/import/raw", {"file": "text", "filename": "a.txt"}),
        me.post("/v2/convert", {"input": source, "output_format": "pdf", "operation": "convert"}),
        me.post("/v2/export/url", {"input": [source], "name": "out"}),
        me.post("/v2/import/azure-blob", {"container": "c"}),
        me.post("/v2/capture-website/", {"url": "https://a.example", "output_format": "png"}),
    ]

    assert [answer.status_code for answer in made] == [201] * 5
    convert = made[1].json()["data"]
    assert (convert["status"], convert["depends_on_task_ids"]) == ("waiting", [source])


def test_an_unreachable_url_is_taken_and_fails_later(me):
    answer = me.post("/v2/import/url", {"url": "http://invalid.url"})

    assert (answer.status_code, answer.json()["data"]["status"]) == (201, "waiting")


@pytest.mark.parametrize("body", [None, "", "{}", "[]"])
def test_an_upload_needs_no_body(me, body):
    kind = {"content_type": ""} if not body else {}
    assert me("POST", "/v2/import/upload", body, **kind).status_code == 201


def test_cancel_ends_a_task_once(me):
    task = me.post("/v2/import/url", IMPORT).json()["data"]["id"]

    first = me.post(f"/v2/tasks/{task}/cancel", {})
    second = me.post(f"/v2/tasks/{task}/cancel")

    data = first.json()["data"]
    assert (first.status_code, data["status"], data["code"]) == (200, "error", "CANCELLED")
    assert second.status_code == 400
    assert second.json() == {
        "message": "The task is already completed.",
        "code": "INVALID_DATA",
        "errors": {"status": ["The task is already completed."]},
    }


def test_retry_makes_a_new_task_from_one_that_has_ended(me):
    task = me.post("/v2/import/url", {**IMPORT, "headers": {"a": "b"}}).json()["data"]["id"]
    early = me.post(f"/v2/tasks/{task}/retry")
    work("storage", error=OpenFailed())

    answer = me.post(f"/v2/tasks/{task}/retry", {})

    assert (early.status_code, early.json()["errors"]) == (400, {"status": ["The task has not ended yet."]})
    copy = answer.json()["data"]
    assert answer.status_code == 201
    assert (copy["retry_of_task_id"], copy["copy_of_task_id"], copy["status"]) == (task, task, "waiting")
    shown = me.get(f"/v2/tasks/{task}?include=retries").json()["data"]
    assert [retried["id"] for retried in shown["retries"]] == [copy["id"]]


def test_delete_removes_a_task(me):
    task = me.post("/v2/import/url", IMPORT).json()["data"]["id"]

    answer = me.delete(f"/v2/tasks/{task}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert me.get(f"/v2/tasks/{task}").status_code == 404


def test_includes_come_only_when_asked_for_and_unknown_ones_are_ignored(me):
    job = me.job({"in": IMPORT, "out": {"operation": "export/url", "input": "in"}})
    path = f"/v2/tasks/{job['tasks'][1]['id']}"

    plain = me.get(path).json()["data"]
    full = me.get(f"{path}?include=payload,depends_on_tasks,job,retries,System.String[]").json()["data"]

    assert set(full) - set(plain) == {"payload", "depends_on_tasks", "job", "retries"}
    assert full["payload"] == {"operation": "export/url", "input": ["in"]}
    assert full["depends_on_tasks"] == [me.get(f"/v2/tasks/{job['tasks'][0]['id']}").json()["data"]]
    assert full["job"] == {key: job[key] for key in job if key != "tasks"}
    assert full["retries"] == []


def test_a_task_without_a_job_includes_none(me):
    task = me.post("/v2/import/url", IMPORT).json()["data"]["id"]

    assert me.get(f"/v2/tasks/{task}?include=job").json()["data"]["job"] is None


def test_secrets_are_never_shown(me):
    bodies = {
        "import/s3": {"bucket": "b", "secret_access_key": SECRET},
        "import/url": {**IMPORT, "headers": {"Authorization": SECRET, "X-List": f"{SECRET}2"}},
        "import/raw": {"file": "x", "filename": "a", "stray": [{"password": SECRET}], "Password": SECRET},
    }
    for operation, body in bodies.items():
        assert me.post(f"/v2/{operation}", body).status_code == 201

    answer = me.get("/v2/tasks?include=payload")

    assert SECRET not in answer.content.decode()
    s3 = next(row for row in answer.json()["data"] if row["operation"] == "import/s3")
    assert s3["payload"]["bucket"] == "b"
    assert s3["payload"]["secret_access_key"] == "********"
    url = next(row for row in answer.json()["data"] if row["operation"] == "import/url")
    assert url["payload"]["headers"] == {"Authorization": "********", "X-List": "********"}
    assert SECRET not in json.dumps([*Task.objects.values_list("payload", flat=True)])


def test_what_a_request_brought_is_hidden_from_the_log(me):
    me.post("/v2/import/url", {**IMPORT, "headers": {"Authorization": SECRET}})

    assert secrets.redacted(f"No room for {SECRET}.") == "No room for ********."


def test_contents_are_not_part_of_the_payload(me):
    task = me.post("/v2/import/raw", {"file": "a long text", "filename": "a.txt"}).json()["data"]["id"]

    shown = me.get(f"/v2/tasks/{task}?include=payload").json()["data"]["payload"]

    assert shown == {"file": "(11 characters)", "filename": "a.txt", "operation": "import/raw"}
