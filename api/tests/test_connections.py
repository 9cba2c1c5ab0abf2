"""Saved connections over the API; the bodies of jobs that use them are intake's."""

from __future__ import annotations

import sqlite3
import uuid

import pytest
from django.db import connection as database

from api import catalogue
from api.tests.conftest import Caller, caller
from jobs import fleet, services
from jobs.models import Connection, Task

SECRET = "seeded-secret-value"
OPTIONS = {"host": "store.example", "bucket": "files", "user": "me", "password": SECRET}
BODY = {"name": "mine", "provider": "vault", "options": OPTIONS}
JOB = {"in": {"operation": "import/vault", "connection": "mine", "key": "a.txt"}}

pytestmark = pytest.mark.usefixtures("vaults")


@pytest.fixture
def me(db) -> Caller:
    return caller("me")


@pytest.fixture
def other(db) -> Caller:
    return caller("other")


@pytest.fixture
def saved(me) -> str:
    answer = me.post("/v2/connections", BODY)
    assert answer.status_code == 201, answer.content
    return answer.json()["data"]["id"]


def test_it_is_shown_without_its_secrets(me, saved):
    shown = me.get(f"/v2/connections/{saved}").json()["data"]

    assert shown["options"] == {**OPTIONS, "password": "********"}
    assert (shown["name"], shown["provider"], shown["workload_identity"]) == ("mine", "vault", False)
    assert shown["used_at"] is None and shown["created_at"] == shown["changed_at"]
    assert shown["links"]["self"].endswith(f"/v2/connections/{saved}")


def test_they_are_listed_by_name_in_pages(me, saved):
    me.post("/v2/connections", {**BODY, "name": "another"})

    page = me.get("/v2/connections?per_page=1").json()

    assert [row["name"] for row in page["data"]] == ["another"]
    assert [row["id"] for row in me.get("/v2/connections?page=2&per_page=1").json()["data"]] == [saved]
    assert "page=2" in page["links"]["next"] and SECRET not in f"{page}"


def test_a_whole_new_one_takes_its_place(me, saved):
    body = {"name": "renamed", "options": {"host": "new.example"}}

    answer = me("PUT", f"/v2/connections/{saved}", body)

    assert answer.status_code == 200
    assert answer.json()["data"]["id"] == saved
    assert answer.json()["data"]["options"] == {"host": "new.example"}


def test_what_was_shown_cannot_be_sent_back_with_another_host(me, saved):
    shown = me.get(f"/v2/connections/{saved}").json()["data"]
    shown["options"]["host"] = "evil.example"

    answer = me("PUT", f"/v2/connections/{saved}", shown)

    assert answer.status_code == 422
    assert answer.json()["errors"] == {
        "options.password": ["The password is masked. Send the secret itself."]
    }
    assert Connection.objects.get().options["host"] == "store.example"


def test_nobody_gives_himself_the_service_s_identity(me):
    me.post("/v2/connections", {**BODY, "workload_identity": True})
    inside = me.post("/v2/connections", {**BODY, "options": {"workload_identity": True}})

    assert Connection.objects.get().workload_identity is False
    assert inside.status_code == 422


def test_problems_are_told_by_field(me):
    answer = me.post("/v2/connections", {"name": "a b", "provider": "vault", "options": {"port": "x"}})

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_DATA")
    assert answer.json()["errors"].keys() == {"name", "options.port"}


def test_deleted_it_is_gone(me, saved):
    assert me.delete(f"/v2/connections/{saved}").status_code == 204
    assert me.get(f"/v2/connections/{saved}").status_code == 404
    assert me.post("/v2/jobs", {"tasks": JOB}).json()["errors"].keys() == {"tasks.in.connection"}


# --- Who may


@pytest.mark.parametrize(
    ("method", "path", "body", "scope", "status"),
    [
        ("GET", "/v2/connections", None, "user.read", 200),
        ("POST", "/v2/connections", {**BODY, "name": "next"}, "user.write", 201),
        ("GET", "/v2/connections/{}", None, "user.read", 200),
        ("PUT", "/v2/connections/{}", BODY, "user.write", 200),
        ("POST", "/v2/connections/{}/test", {}, "user.write", 202),
        ("GET", "/v2/connections/{}/test/{trial}", None, "user.write", 200),
        ("DELETE", "/v2/connections/{}", None, "user.write", 204),
    ],
)
def test_one_scope_is_needed_and_nobody_else_finds_it(me, other, saved, method, path, body, scope, status):
    trial = services.try_connection(Connection.objects.get(), {}).pk
    filled = path.format(saved, trial=trial)
    before = list(Connection.objects.values())
    others = [each for each in ("user.read", "user.write", "task.read", "task.write") if each != scope]

    assert caller("me", *others)(method, filled, body).status_code == 403
    assert Caller(me.account, "")(method, filled, body).status_code == 401
    if "{}" in path:
        missing = other(method, path.format(uuid.uuid4(), trial=uuid.uuid4()), body)
        foreign = other(method, filled, body)
        assert missing.status_code == foreign.status_code == 404
        assert missing.content == foreign.content
    assert list(Connection.objects.values()) == before and Task.objects.filter(pk=trial).exists()
    assert caller("me", scope)(method, filled, body).status_code == status


def test_lists_hold_ones_own_only(other, saved):
    assert other.get("/v2/connections").json()["data"] == []


def test_who_makes_jobs_can_use_it_and_neither_read_nor_move_it(saved):
    maker = caller("me", "task.read", "task.write")

    assert maker.get("/v2/connections").status_code == 403
    assert maker.post("/v2/jobs", {"tasks": JOB}).status_code == 201
    moved = maker.post("/v2/jobs", {"tasks": {"in": {**JOB["in"], "host": "evil.example"}}})
    assert moved.json()["errors"].keys() == {"tasks.in.host"}


# --- What jobs show


def test_a_job_shows_the_name_and_no_more(me, saved):
    job = me.job(JOB)
    task = me.get(f"/v2/tasks/{job['tasks'][0]['id']}?include=payload,job").json()["data"]

    assert task["payload"] == {"operation": "import/vault", "connection": "mine", "key": "a.txt"}
    assert saved not in f"{job}{task}"


def test_operations_list_the_option_and_not_what_is_ours(me):
    fleet.announce("w1", queues=["storage"], tools={}, running=0)
    catalogue.forget()
    rows = me.get("/v2/operations?include=options").json()["data"]
    options = {row["operation"]: [option["name"] for option in row["options"]] for row in rows}

    assert options["import/vault"][0] == "connection" and "connection" not in options["import/url"]
    assert not [name for name in options if name.startswith("connection/")]
    assert me.post("/v2/connection/vault", {"connection": "mine"}).status_code == 404
    assert me.get("/v2/operations/plan?operation=connection/vault").status_code == 422


def test_a_trial_is_no_task_of_the_customer_s(me, saved):
    trial = services.try_connection(Connection.objects.get(), {})

    assert me.get("/v2/tasks").json()["data"] == []
    assert me.get("/v2/tasks?filter[operation]=connection/vault").json()["data"] == []
    for answer in (
        me.get(f"/v2/tasks/{trial.pk}"),
        me.post(f"/v2/tasks/{trial.pk}/cancel"),
        me.post(f"/v2/tasks/{trial.pk}/retry"),
        me.delete(f"/v2/tasks/{trial.pk}"),
    ):
        assert answer.status_code == 404
    needing = me.post("/v2/export/url", {"input": f"{trial.pk}"})
    assert needing.json()["errors"] == {"input": [f"The task '{trial.pk}' does not exist."]}


def test_a_task_is_not_deleted_by_taking_it_for_a_trial(me, saved):
    task = me.job(JOB)["tasks"][0]["id"]

    assert me.get(f"/v2/connections/{saved}/test/{task}").status_code == 404
    assert Task.objects.filter(pk=task).exists()


def test_what_is_needed_for_a_trial_is_asked_for(me, saved):
    bare = me.post("/v2/connections", {**BODY, "name": "bare", "options": {"password": SECRET}})
    path = f"/v2/connections/{bare.json()['data']['id']}/test"

    assert me.post(path).json()["errors"].keys() == {"bucket", "connection"}
    assert me.post(path, {"host": "evil.example"}).json()["errors"].keys() == {"bucket", "connection", "host"}
    assert Task.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_no_secret_lies_in_the_database_s_file(me, saved, tmp_path):
    me.job(JOB)
    copy = tmp_path / "copy.sqlite3"
    with sqlite3.connect(copy) as target:
        database.connection.backup(target)

    content = copy.read_bytes()

    assert SECRET.encode() not in content
    assert b"sealed:1:" in content and b"store.example" in content


def test_a_storage_that_takes_too_long_is_told_from_a_worker_that_is_not_there(me, saved):
    task = services.try_connection(Connection.objects.get(), {})
    services.claim("storage", worker="w1", host_name="host", tools={})

    answer = me.get(f"/v2/connections/{saved}/test/{task.pk}")

    told = {"ok": False, "code": "STORAGE_UNREACHABLE", "message": "The storage did not answer in time."}
    assert answer.json() == {"data": told}
    assert not Task.objects.exists()
