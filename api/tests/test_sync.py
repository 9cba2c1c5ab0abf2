"""What views tell the layer that waits; ``test_waiting.py`` shows that it does."""

from __future__ import annotations

import pytest

from api.tests.conftest import Caller, caller, work

IMPORT = {"operation": "import/url", "url": "https://a.example/report.docx"}
PAIR = {"in": IMPORT, "out": {"operation": "export/url", "input": "in"}}


def held(answer):
    return answer.headers.get("Athanor-Wait"), answer.headers.get("Athanor-Then")


def test_an_asynchronous_request_never_waits(me):
    answer = me.post("/v2/jobs", {"tasks": PAIR, "redirect": True})
    job = answer.json()["data"]

    answers = [
        answer,
        me.get(f"/v2/jobs/{job['id']}"),
        me.get(f"/v2/tasks/{job['tasks'][0]['id']}"),
        me.get("/v2/jobs"),
    ]

    assert [held(each) for each in answers] == [(None, None)] * 4


@pytest.mark.parametrize(("redirect", "query"), [(True, "?redirect=true"), (False, ""), (None, "")])
def test_a_job_created_waits_for_its_end(sync, redirect, query):
    answer = sync.post("/v2/jobs", {"tasks": PAIR, "redirect": redirect})

    job = answer.json()["data"]["id"]
    assert held(answer) == (f"job {job}", f"/v2/jobs/{job}{query}")


def test_what_still_needs_an_upload_is_answered_at_once(sync):
    job = sync.post("/v2/jobs", {"tasks": {"in": {"operation": "import/upload"}}})
    task = sync.post("/v2/import/upload")

    assert [held(job), held(task)] == [(None, None)] * 2
    assert held(sync.get(f"/v2/jobs/{job.json()['data']['id']}"))[0]


def test_a_key_that_may_not_read_is_answered_at_once(sync):
    writer = Caller(sync.account, caller("me", "task.write").key, sync=True)

    answer = writer.post("/v2/jobs", {"tasks": PAIR})

    assert (answer.status_code, held(answer)) == (201, (None, None))


def test_a_job_shown_waits_with_its_query(sync):
    job = sync.job(PAIR)["id"]

    answer = sync.get(f"/v2/jobs/{job}?redirect=true&include=tasks")

    assert held(answer) == (f"job {job}", f"/v2/jobs/{job}?redirect=true&include=tasks")


def test_a_task_waits(sync):
    created = sync.post("/v2/import/url", IMPORT)
    task = created.json()["data"]["id"]

    shown = sync.get(f"/v2/tasks/{task}?include=payload")

    assert held(created) == (f"task {task}", f"/v2/tasks/{task}")
    assert held(shown) == (f"task {task}", f"/v2/tasks/{task}?include=payload")


def test_the_old_paths_wait_on_any_host(me):
    job = me.job(PAIR)
    task = job["tasks"][0]["id"]

    answers = [me.get(f"/v2/jobs/{job['id']}/wait"), me.get(f"/v2/tasks/{task}/wait?include=job")]

    assert [held(answer) for answer in answers] == [
        (f"job {job['id']}", f"/v2/jobs/{job['id']}"),
        (f"task {task}", f"/v2/tasks/{task}?include=job"),
    ]


def test_what_has_ended_does_not_wait(sync):
    job = sync.job(PAIR)
    work("storage", "a.docx")
    work("storage", "a.docx")

    paths = [f"/v2/jobs/{job['id']}", f"/v2/jobs/{job['id']}/wait", f"/v2/tasks/{job['tasks'][0]['id']}"]

    assert [(held(sync.get(path)), sync.get(path).status_code) for path in paths] == [((None, None), 200)] * 3
    assert sync.get(f"/v2/jobs/{job['id']}?redirect=true").status_code == 302


def test_lists_and_refusals_do_not_wait_and_lists_stay_on_their_host(sync):
    sync.job(PAIR)

    answers = [sync.get("/v2/jobs"), sync.get("/v2/tasks"), sync.post("/v2/jobs", {}), sync.get("/v2/jobs/x")]

    assert [held(answer) for answer in answers] == [(None, None)] * 4
    assert answers[0].json()["links"]["first"].startswith("http://127.0.0.1:8001/v2/jobs?")


def test_the_query_cannot_break_out_of_the_header(sync):
    job = sync.job(PAIR)["id"]

    answer = sync.get(f"/v2/jobs/{job}?a=%0d%0aX-Evil:%201&b=☃")

    assert held(answer)[1].isascii()
    assert "X-Evil" not in answer.headers
