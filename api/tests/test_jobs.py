from __future__ import annotations

import uuid

import pytest

from api.tests.conftest import work
from jobs.contract.errors import OpenFailed
from jobs.models import Job, Task
from jobs.states import Status
from jobs.tests import kept

IMPORT = {"operation": "import/url", "url": "https://a.example/report.docx"}
PAIR = {"in": IMPORT, "out": {"operation": "export/url", "input": "in"}}


def test_tasks_come_back_in_the_order_they_were_sent(me):
    names = [f"t{n}" for n in (5, 3, 9, 1, 7)]

    job = me.job(dict.fromkeys(names, IMPORT))

    assert [task["name"] for task in job["tasks"]] == names
    assert [task["name"] for task in me.get(f"/v2/jobs/{job['id']}").json()["data"]["tasks"]] == names


def test_a_new_job_reads_waiting_although_its_first_task_is_ready(me):
    job = me.job(PAIR)

    assert Task.objects.get(pk=job["tasks"][0]["id"]).status == Status.QUEUED
    assert {job["status"], *(task["status"] for task in job["tasks"])} == {"waiting"}


def test_tasks_may_be_a_list_whose_members_have_names(me):
    job = me.job([{"name": "a", **IMPORT}, {"name": "b", "operation": "export/url", "input": ["a"]}])

    assert [task["name"] for task in job["tasks"]] == ["a", "b"]


def test_what_clients_send_besides_is_ignored(me):
    job = me.job(
        {"in": {**IMPORT, "name": None, "stray": {"deep": [1]}}},
        tag=None,
        webhook_url=None,
        other=1,
        redirect=None,
    )

    assert (job["tag"], len(job["tasks"])) == (None, 1)


def test_the_image_of_a_watermark_is_a_dependency(me):
    job = me.job(
        {
            "logo": IMPORT,
            "in": IMPORT,
            "mark": {"operation": "watermark", "input": "in", "image": "logo"},
        }
    )

    logo, source, mark = job["tasks"]
    assert set(mark["depends_on_task_ids"]) == {logo["id"], source["id"]}


def test_a_job_remembers_its_key_and_can_be_found_by_it(me):
    job = me.job({"in": IMPORT})
    key = Job.objects.get().api_key_id

    assert [row["id"] for row in me.get(f"/v2/jobs?filter[access_token]={key}").json()["data"]] == [job["id"]]
    assert me.get(f"/v2/jobs?filter[access_token]={uuid.uuid4()}").json()["data"] == []


def test_deleting_a_job_takes_its_tasks_and_files_along(me, django_capture_on_commit_callbacks):
    job = me.job({"in": {"operation": "import/raw", "file": "hello", "filename": "a.txt"}})
    [key] = Task.objects.get().contents.values()
    assert kept.is_there(key)

    with django_capture_on_commit_callbacks(execute=True):
        answer = me.delete(f"/v2/jobs/{job['id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert not kept.is_there(key)
    assert not Task.objects.exists()
    assert me.get(f"/v2/jobs/{job['id']}").status_code == 404
    assert me.delete(f"/v2/jobs/{job['id']}").status_code == 404


def test_a_failed_job_is_shown_like_any_other(me):
    job = me.job(PAIR)
    work("storage", error=OpenFailed())

    answer = me.get(f"/v2/jobs/{job['id']}")

    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "error")


def test_redirect_leads_to_the_first_export_once_the_job_has_finished(me):
    job = me.job(PAIR)
    assert me.get(f"/v2/jobs/{job['id']}?redirect=true").status_code == 200
    work("storage", "a.docx")
    work("storage", "a.docx")

    answer = me.get(f"/v2/jobs/{job['id']}?redirect=true")

    [_, out] = me.get(f"/v2/jobs/{job['id']}").json()["data"]["tasks"]
    assert (answer.status_code, answer.content) == (302, b"")
    assert answer["Location"] == out["result"]["files"][0]["url"]


@pytest.mark.parametrize("tasks", [PAIR, {"in": IMPORT}])
def test_redirect_shows_the_job_when_there_is_no_export(me, tasks):
    job = me.job(tasks)
    work("storage", error=OpenFailed()) if len(tasks) == 2 else work("storage", "a.docx")

    answer = me.get(f"/v2/jobs/{job['id']}?redirect=true")

    assert (answer.status_code, answer.json()["data"]["id"]) == (200, job["id"])


@pytest.mark.parametrize(
    "path", ["/v2/jobs/", "/v2/jobs/{id}/", "/v2/jobs/{id}/wait/", "/v2/tasks/", "/v2/users/me/"]
)
def test_a_slash_at_the_end_is_never_redirected(me, path):
    job = me.job({"in": IMPORT})

    assert me.get(path.format(id=job["id"])).status_code == 200


def test_ids_may_be_written_in_capitals(me):
    job = me.job({"in": IMPORT})

    assert me.get(f"/v2/jobs/{job['id'].upper()}").json()["data"]["id"] == job["id"]


def test_head_and_options(me):
    job = me.job({"in": IMPORT})

    assert me("HEAD", f"/v2/jobs/{job['id']}").status_code == 200
    answer = me("OPTIONS", f"/v2/jobs/{job['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Allow"] == "GET, DELETE, HEAD, OPTIONS"
