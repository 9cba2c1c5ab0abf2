"""A task with a saved connection, from claim to verdict."""

from __future__ import annotations

import json
import logging

import pytest

from jobs import connections, services
from jobs.intake import parse_job
from jobs.models import Connection, Job, Task
from jobs.tests import flow

SECRET = "seeded-secret-value"
WHOLE = {"host": "store.example", "bucket": "files", "user": "me", "password": SECRET}

pytestmark = pytest.mark.usefixtures("vaults")


@pytest.fixture
def saved(owner):
    def save(options=WHOLE, name="mine", known=None, **more) -> Connection:
        payload = {"name": name, "provider": "vault", "options": options}
        draft = connections.parse(payload, owner=owner, known=known)
        return services.save_connection(draft, owner=owner, known=known, **more)

    return save


@pytest.fixture
def task(owner):
    def create(**more) -> Task:
        task = {"operation": "import/vault", "connection": "mine", "key": "a.txt", **more}
        job: Job = services.create_job(parse_job({"tasks": {"in": task}}, owner=owner), owner=owner)
        return job.tasks.get()

    return create


def test_the_storage_is_opened_with_what_both_say(saved, task, run_all):
    saved({name: value for name, value in WHOLE.items() if name != "bucket"})
    row = task(bucket="said")

    run_all()

    row.refresh_from_db()
    assert row.status == "finished"
    assert flow.visits == [{**WHOLE, "bucket": "said", "port": 22, "private_key": None, "key": "a.txt"}]
    assert Connection.objects.get().used_at


def test_a_new_password_counts_for_what_waits(saved, task, run_all):
    row = saved()
    task()
    saved({**WHOLE, "password": "the-next-secret"}, name="renamed", known=row)

    run_all()

    assert flow.visits[0]["password"] == "the-next-secret"


def test_another_of_the_same_name_is_not_taken_for_it(saved, task, run_all):
    services.delete_connection(saved())
    first = saved()
    row = task()
    services.delete_connection(first)
    saved({**WHOLE, "host": "other.example"})

    run_all()

    row.refresh_from_db()
    assert (row.status, row.code) == ("error", "CONNECTION_GONE")
    assert "has been deleted" in row.message and flow.visits == []


def test_what_the_connection_says_now_wins_over_the_task(saved, task, run_all):
    row = saved({name: value for name, value in WHOLE.items() if name != "bucket"})
    waiting = task(bucket="said")
    saved(known=row)
    # As though intake had let it through.
    Task.objects.filter(pk=waiting.pk).update(payload={**waiting.payload, "host": "evil.example"})

    run_all()

    assert (flow.visits[0]["bucket"], flow.visits[0]["host"]) == ("files", "store.example")


def test_workload_identity_comes_from_the_connection_only(saved, task, run_all):
    saved()
    task(workload_identity=True)
    run_all()
    saved({"host": "store.example", "bucket": "files"}, name="trusted", workload_identity=True)
    task(connection="trusted")
    run_all()

    first, second = flow.visits
    assert "workload_identity" not in first
    assert second["workload_identity"] is True and second["password"] is None


@pytest.mark.parametrize("password", [flow.WRONG, flow.SILENT])
def test_its_secret_is_in_nothing_that_is_kept_or_logged(saved, task, run_all, password, caplog):
    caplog.set_level(logging.DEBUG)
    saved({**WHOLE, "password": password})
    row = task()

    run_all()

    row.refresh_from_db()
    kept = json.dumps(Task.objects.values().get(pk=row.pk), default=str)
    assert password not in kept and password not in caplog.text
    assert flow.visits[0]["password"] == password
    assert row.message == ("The password ******** is refused." if password == flow.WRONG else None)


def test_a_retry_takes_the_same_connection(saved, task, run_all):
    saved({**WHOLE, "password": flow.WRONG})
    row = task()
    run_all()
    row.refresh_from_db()

    copy = services.retry(row)

    run_all()
    copy.refresh_from_db()
    assert (copy.connection, copy.code) == (row.connection, "STORAGE_REFUSED")


def test_with_its_key_lost_the_customer_is_told_to_save_it_again(saved, task, run_all, settings):
    saved()
    row = task()
    settings.ATHANOR_SEALING_KEYS = {"new": b"n" * 32}

    for _ in range(3):
        Task.objects.update(ready_at=None)
        run_all()

    row.refresh_from_db()
    assert (row.code, "Save it again" in row.message) == ("SECRET_LOST", True)


def test_a_trial_is_made_once_and_says_what_it_found(saved, run_all):
    good = services.try_connection(saved(), {})
    silent = services.try_connection(saved({**WHOLE, "password": flow.SILENT}, name="silent"), {})

    run_all()

    good.refresh_from_db()
    silent.refresh_from_db()
    assert (good.status, good.message) == ("finished", "There is the bucket files.")
    assert (silent.status, silent.code) == ("error", "STORAGE_UNREACHABLE")
    assert len(flow.visits) == 2
