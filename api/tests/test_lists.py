from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from api.tests.conftest import work
from jobs.models import Job, Task

IMPORT = {"operation": "import/url", "url": "https://a.example/report.docx"}
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def jobs(me):
    """Five jobs, the oldest first; every other one with a tag."""
    rows = [Job.objects.create(owner=me.account, tag="odd" if n % 2 else None) for n in range(5)]
    for n, row in enumerate(rows):
        Job.objects.filter(pk=row.pk).update(created_at=START + timedelta(seconds=n))
    return [f"{row.pk}" for row in rows]


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["data"]]


def test_the_newest_comes_first(me, jobs):
    assert ids(me.get("/v2/jobs")) == jobs[::-1]


def test_following_next_meets_every_row_once_and_keeps_the_filters(me, jobs):
    url, seen, pages = "/v2/jobs?filter[tag]=&include=tasks&per_page=2", [], 0
    while url:
        body = me.get(url).json()
        seen += [row["id"] for row in body["data"]]
        assert all("tasks" in row for row in body["data"])
        url, pages = body["links"]["next"], pages + 1
        if url:
            assert url.startswith("http://127.0.0.1:8000/v2/jobs?")
            url = "?".join(urlsplit(url)[2:4])

    assert (seen, pages) == (jobs[::-1], 3)


def test_the_middle_page(me, jobs):
    body = me.get("/v2/jobs?per_page=2&page=2").json()

    assert body["meta"] == {
        "current_page": 2,
        "from": 3,
        "path": "http://127.0.0.1:8000/v2/jobs",
        "per_page": 2,
        "to": 4,
    }
    links = body["links"]
    assert links["prev"].endswith("/v2/jobs?per_page=2&page=1")
    assert links["next"].endswith("/v2/jobs?per_page=2&page=3")
    assert links["last"] is None


def test_a_page_behind_the_last_is_empty(me, jobs):
    body = me.get("/v2/jobs?page=9").json()

    assert (body["data"], body["links"]["next"]) == ([], None)
    assert (body["meta"]["from"], body["meta"]["to"]) == (None, None)


@pytest.mark.parametrize(
    ("query", "per_page", "page"),
    [
        ("", 100, 1),
        ("per_page=&page=", 100, 1),
        ("per_page=0&page=0", 1, 1),
        ("per_page=-5&page=-1", 100, 1),
        ("per_page=1000000000&page=1", 1000, 1),
        ("per_page=x&page=%C2%B2", 100, 1),
        ("per_page=" + "9" * 5000 + "&page=" + "9" * 5000, 1000, 1_000_000),
        ("per_page=007&page=2", 7, 2),
    ],
)
def test_numbers_of_pages_are_clamped(me, query, per_page, page):
    meta = me.get(f"/v2/jobs?{query}").json()["meta"]

    assert (meta["per_page"], meta["current_page"]) == (per_page, page)


def test_what_dotnet_sends_means_no_filter(me, jobs):
    query = "filter[status]=&filter[tag]=&include=&per_page=&page="

    assert ids(me.get(f"/v2/jobs?{query}")) == jobs[::-1]
    assert ids(me.get(f"/v2/tasks?{query}&filter[job_id]=&filter[operation]=&include=System.String[]")) == []


def test_filters_of_jobs(me, jobs):
    Job.objects.filter(pk=jobs[0]).update(status="finished")

    assert ids(me.get("/v2/jobs?filter[tag]=odd")) == [jobs[3], jobs[1]]
    assert ids(me.get("/v2/jobs?filter%5Btag%5D=odd&filter[status]=finished")) == []
    assert ids(me.get("/v2/jobs?filter[status]=finished")) == [jobs[0]]
    assert ids(me.get("/v2/jobs?filter[status]=nonsense")) == []
    assert ids(me.get("/v2/jobs?filter[access_token]=nonsense")) == []


def test_filters_of_tasks(me):
    job = me.job({"a": IMPORT, "b": IMPORT, "c": {"operation": "export/url", "input": ["a", "b"]}})
    me.job({"a": IMPORT})
    a, b, c = (task["id"] for task in job["tasks"])
    done = f"{work('storage', 'x').pk}"

    assert ids(me.get(f"/v2/tasks?filter[job_id]={job['id']}")) == [a, b, c]
    assert ids(me.get(f"/v2/tasks?filter[job_id]={job['id']}&filter[operation]=export/url")) == [c]
    assert ids(me.get("/v2/tasks?filter[status]=finished")) == [done]
    assert len(ids(me.get("/v2/tasks?filter[status]=waiting"))) == 3
    assert ids(me.get("/v2/tasks?filter[status]=error")) == []
    assert ids(me.get("/v2/tasks?filter[status]=queued")) == []
    assert ids(me.get("/v2/tasks?filter[job_id]=nonsense")) == []
    assert ids(me.get("/v2/tasks?filter[operation]=nonsense")) == []


def test_tasks_are_part_of_a_list_of_jobs_only_when_included(me):
    me.job({"b": IMPORT, "a": IMPORT})

    [plain] = me.get("/v2/jobs").json()["data"]
    [full] = me.get("/v2/jobs?include=tasks").json()["data"]

    assert "tasks" not in plain
    assert [task["name"] for task in full["tasks"]] == ["b", "a"]
    assert Task.objects.count() == 2
