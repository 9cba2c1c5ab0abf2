"""How many queries an answer costs: a bound, and no more for more rows."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.tests.conftest import work
from jobs import fleet

IMPORT = {"operation": "import/url", "url": "https://a.example/report.docx"}
EVERYTHING = "payload,job,retries,depends_on_tasks"


def job_of(size):
    tasks = {f"in-{n}": IMPORT for n in range(size)}
    return {"tasks": {**tasks, "out": {"operation": "export/url", "input": list(tasks)}}}


def queries(ask):
    with CaptureQueriesContext(connection) as seen:
        assert ask().status_code < 300
    return [query["sql"] for query in seen if "SAVEPOINT" not in query["sql"]]


@pytest.fixture
def warm(me, monkeypatch):
    """Have the key's use noted and the workers looked at, so that neither is counted."""
    monkeypatch.setattr(fleet, "GOOD_FOR", 300)
    fleet.look()
    me.get("/v2/jobs")
    return me


def test_creating_a_job(warm):
    one = queries(lambda: warm.post("/v2/jobs", job_of(1)))
    ten = queries(lambda: warm.post("/v2/jobs", job_of(10)))

    assert len(one) <= 14
    # One more for each task that is queued.
    assert len(ten) - len(one) == 9


def test_creating_a_task(warm):
    assert len(queries(lambda: warm.post("/v2/import/url", IMPORT))) <= 10


@pytest.mark.parametrize("size", [1, 30])
def test_showing_a_job(warm, size):
    job = warm.post("/v2/jobs", job_of(size)).json()["data"]["id"]
    for _ in range(size):
        work("storage", "a.docx", "b.docx")
    work("storage", *["a.docx"] * size)

    assert len(queries(lambda: warm.get(f"/v2/jobs/{job}"))) == 5


@pytest.mark.parametrize("size", [1, 30])
def test_showing_a_task_with_everything(warm, size):
    job = warm.post("/v2/jobs", job_of(size)).json()["data"]

    assert len(queries(lambda: warm.get(f"/v2/tasks/{job['tasks'][-1]['id']}?include={EVERYTHING}"))) <= 9


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/v2/jobs", 2),
        ("/v2/jobs?include=tasks", 5),
        ("/v2/tasks", 4),
        (f"/v2/tasks?include={EVERYTHING}", 9),
    ],
)
def test_lists(warm, path, most):
    for _ in range(5):
        warm.post("/v2/jobs", job_of(3))

    assert len(queries(lambda: warm.get(path))) <= most


def test_lists_do_not_read_what_they_do_not_show(warm):
    warm.post("/v2/jobs", job_of(3))

    [rows] = [sql for sql in queries(lambda: warm.get("/v2/tasks")) if 'FROM "jobs_task"' in sql]

    for column in ("contents", "arguments", "output", "plan"):
        assert f'"jobs_task"."{column}"' not in rows
    assert 'SELECT "jobs_task"."payload"' not in rows
    assert ', "jobs_task"."payload",' not in rows
