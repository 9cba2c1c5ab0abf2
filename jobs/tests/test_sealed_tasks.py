from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from jobs import routing, secrets, services
from jobs.contract.errors import Cancelled, IllegalMove
from jobs.intake import parse_job, parse_task
from jobs.models import Task
from jobs.states import Status

SECRET = "seeded-secret-value"
HEADERS = {"Authorization": SECRET}
OLD, NEW = {"old": b"o" * 32}, {"new": b"n" * 32}

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.ATHANOR_SEALING_KEYS = OLD


@pytest.fixture
def task(owner):
    draft = parse_task("import/url", {"headers": HEADERS, "password": SECRET}, owner=owner)
    return services.create_task(draft, owner=owner)


def rows() -> str:
    """Return every task's row as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM jobs_task")
        return f"{cursor.fetchall()}"


def ended(task):
    services.cancel(task)
    task.refresh_from_db()
    return task


def test_no_secret_lies_in_a_task_s_row(owner, task):
    tasks = {
        "in": {"operation": "import/url", "headers": HEADERS},
        # What the operation ignores is a secret all the same.
        "out": {
            "operation": "convert",
            "input": "in",
            "output_format": "pdf",
            "stray": [{"Password": SECRET}],
        },
    }
    job = services.create_job(parse_job({"tasks": tasks}, owner=owner), owner=owner)

    assert SECRET not in rows()
    assert rows().count("sealed:1:old:") == 4
    assert SECRET not in json.dumps([task.payload for task in job.tasks.all()])


def test_a_run_is_given_what_was_sealed(task):
    assert routing.options(task)["headers"] == HEADERS


def test_a_retry_is_sealed_as_its_own(task):
    copy = services.retry(ended(task))

    assert SECRET not in rows()
    assert copy.payload["password"] != task.payload["password"]
    assert secrets.opened(copy.payload, row=copy.pk) == secrets.opened(task.payload, row=task.pk)
    assert routing.options(copy)["headers"] == HEADERS


def test_what_cannot_be_opened_cannot_be_retried(settings, task, caplog):
    settings.ATHANOR_SEALING_KEYS = NEW

    with pytest.raises(IllegalMove, match="can no longer be read"):
        services.retry(ended(task))

    assert Task.objects.count() == 1
    assert "'old'" in caplog.text


def test_resealing_leaves_nothing_to_the_old_key(settings, task, capsys):
    settings.ATHANOR_SEALING_KEYS = NEW | OLD

    call_command("reseal")

    settings.ATHANOR_SEALING_KEYS = NEW
    task.refresh_from_db()
    assert routing.options(task)["headers"] == HEADERS
    assert "sealed:1:old:" not in rows()
    assert "of 1 tasks" in capsys.readouterr().out
    call_command("reseal")
    assert "of 0 tasks" in capsys.readouterr().out


def test_resealing_seals_what_was_stored_before_there_was_sealing(task):
    Task.objects.filter(pk=task.pk).update(payload={"headers": HEADERS})

    assert services.reseal_tasks() == (1, 0)

    task.refresh_from_db()
    assert SECRET not in rows()
    assert routing.options(task)["headers"] == HEADERS


def test_resealing_says_what_it_cannot_open(settings, task):
    settings.ATHANOR_SEALING_KEYS = NEW

    with pytest.raises(CommandError, match="secrets of 1 tasks and 0 connections cannot"):
        call_command("reseal")

    assert "sealed:1:old:" in rows()


def test_secrets_go_with_their_task(settings, task):
    ended(task)
    assert (task.status, task.code) == (Status.ERROR, Cancelled.code)
    settings.ATHANOR_RETENTION_HOURS = 0

    assert services.forget_old() == 1

    assert "sealed:" not in rows()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA secure_delete")
        assert cursor.fetchone() == (1,)
