"""Who may do what: keys, scopes, and other customers' rows."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from api.tests.conftest import Caller, caller
from jobs import keys
from jobs.models import ApiKey, Job, Task

IMPORT = {"operation": "import/url", "url": "https://a.example/report.docx"}
JOB = {"tasks": {"in": IMPORT}}

# Method, path, body, scope, status with it.
ENDPOINTS = [
    ("GET", "/v2/jobs", None, "task.read", 200),
    ("POST", "/v2/jobs", JOB, "task.write", 201),
    ("GET", "/v2/jobs/{job}", None, "task.read", 200),
    ("GET", "/v2/jobs/{job}/wait", None, "task.read", 200),
    ("DELETE", "/v2/jobs/{job}", None, "task.write", 204),
    ("GET", "/v2/tasks", None, "task.read", 200),
    ("POST", "/v2/import/url", IMPORT, "task.write", 201),
    ("POST", "/v2/import/upload", None, "task.write", 201),
    ("POST", "/v2/convert", {"input": "{task}", "output_format": "pdf"}, "task.write", 201),
    ("GET", "/v2/tasks/{task}", None, "task.read", 200),
    ("GET", "/v2/tasks/{task}/wait", None, "task.read", 200),
    ("POST", "/v2/tasks/{task}/cancel", None, "task.write", 200),
    ("POST", "/v2/tasks/{ended}/retry", None, "task.write", 201),
    ("DELETE", "/v2/tasks/{task}", None, "task.write", 204),
    ("GET", "/v2/users/me", None, "user.read", 200),
]
NAMES = [f"{method} {path}" for method, path, *_ in ENDPOINTS]
OWNED = [row for row in ENDPOINTS if "{" in row[1]]
UNAUTHENTICATED = {"message": "Unauthenticated.", "code": "UNAUTHENTICATED"}


@pytest.fixture
def mine(me):
    ended = me.post("/v2/import/url", IMPORT).json()["data"]["id"]
    me.post(f"/v2/tasks/{ended}/cancel")
    job = me.job(JOB["tasks"])
    return {"job": job["id"], "task": job["tasks"][0]["id"], "ended": ended}


def call(who, method, path, body, ids):
    filled = body and {
        key: ids.get(value.strip("{}"), value) if isinstance(value, str) else value
        for key, value in body.items()
    }
    return who(method, path.format(**ids), filled)


@pytest.mark.parametrize(("method", "path", "body", "scope", "status"), ENDPOINTS, ids=NAMES)
def test_the_scope_is_all_that_is_needed(me, mine, method, path, body, scope, status):
    assert call(caller("me", scope), method, path, body, mine).status_code == status


@pytest.mark.parametrize(("method", "path", "body", "scope", "status"), ENDPOINTS, ids=NAMES)
def test_the_five_other_scopes_are_not_enough(me, mine, method, path, body, scope, status):
    before = (Job.objects.count(), Task.objects.count())
    others = [each for each in keys.SCOPES if each != scope]

    answer = call(caller("me", *others), method, path, body, mine)

    assert answer.status_code == 403
    assert answer.json() == {"message": "Invalid scope(s) provided.", "code": "FORBIDDEN"}
    assert (Job.objects.count(), Task.objects.count()) == before


NO_KEYS = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer x",
    "Basic eDp5",
    "Bearer " + "x" * 4000,
    "{}",
    "Bearer {} x",
    "Token {}",
]


@pytest.mark.parametrize(("method", "path", "body", "scope", "status"), ENDPOINTS, ids=NAMES)
def test_without_a_key_of_ours_all_is_refused_alike(me, mine, method, path, body, scope, status):
    nobody = Caller(me.account, "")
    for header in NO_KEYS:
        sent = {"Authorization": header.replace("{}", me.key)} if header else {}
        answer = nobody(method, path.format(**mine), body, **sent)

        assert answer.status_code == 401
        assert answer.content == b'{"message":"Unauthenticated.","code":"UNAUTHENTICATED"}'
        assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "body", "scope", "status"), OWNED, ids=[f"{m} {p}" for m, p, *_ in OWNED]
)
def test_a_foreign_and_a_missing_id_are_the_same(me, other, mine, method, path, body, scope, status):
    before = list(Task.objects.order_by("pk").values())
    missing = dict.fromkeys(mine, f"{uuid.uuid4()}")

    foreign = call(other, method, path, body, mine)
    unknown = call(other, method, path, body, missing)

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.content == unknown.content == b'{"message":"Not found.","code":"NOT_FOUND"}'
    assert foreign.headers == unknown.headers
    assert list(Task.objects.order_by("pk").values()) == before


@pytest.mark.parametrize(
    "query",
    [
        *(
            "",
            "?include=tasks",
            "?filter[job_id]={job}",
            "?filter[status]=waiting",
            "?filter[operation]=import/url",
        ),
        *("?include=payload,job,retries,depends_on_tasks", "?per_page=1000", "?filter[access_token]={key}"),
    ],
)
@pytest.mark.parametrize("path", ["/v2/jobs", "/v2/tasks"])
def test_lists_hold_ones_own_rows_only(me, other, mine, path, query):
    key = ApiKey.objects.get(owner=me.account).pk

    assert other.get(path + query.format(key=key, **mine)).json()["data"] == []


def test_a_revoked_key_ends_at_once(me):
    assert me.get("/v2/jobs").status_code == 200
    keys.revoke(ApiKey.objects.get())

    assert me.get("/v2/jobs").json() == UNAUTHENTICATED


def test_the_keys_of_a_locked_account_end_at_once(me):
    me.account.is_active = False
    me.account.save()

    assert me.get("/v2/jobs").json() == UNAUTHENTICATED


def test_a_key_in_the_query_is_none(me):
    nobody = Caller(me.account, "")

    assert nobody.get(f"/v2/jobs?api_key={me.key}&access_token={me.key}").status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_written_in_any_case(me, scheme):
    assert Caller(me.account, "").get("/v2/jobs", Authorization=f"{scheme} {me.key}").status_code == 200


@pytest.mark.parametrize("length", [1187, 2048, 4096])
def test_long_imported_keys_work(me, length):
    _, key = keys.make_key(me.account, name="old", key="e" * length)

    assert Caller(me.account, key).get("/v2/jobs").status_code == 200


def test_the_last_use_is_noted_once_a_minute(me):
    me.get("/v2/jobs")
    first = ApiKey.objects.get().last_used_at
    me.get("/v2/jobs")
    assert ApiKey.objects.get().last_used_at == first is not None
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))

    me.get("/v2/jobs")

    assert ApiKey.objects.get().last_used_at >= first


@pytest.mark.parametrize("path", ["/v2/operations", "/v2/convert/formats", "/healthz", "/readyz", "/"])
def test_some_ask_for_no_key_and_mind_none(nobody, path):
    assert nobody.get(path).status_code == 200
    assert nobody.get(path, Authorization="Bearer nonsense").status_code == 200
