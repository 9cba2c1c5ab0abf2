from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import files, intake, queues, services
from jobs.models import Job, Lock, Task
from jobs.states import Status
from workers import reconciler

pytestmark = pytest.mark.usefixtures("fakes")

PAST = timedelta(minutes=1)


@pytest.fixture
def job(owner):
    tasks = {
        "a": {"operation": "import/url"},
        "b": {"operation": "convert", "input": "a", "output_format": "pdf"},
    }
    return services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)


def claimed():
    return services.claim("storage", worker="w", host_name="h", tools={})


def expire(task):
    Task.objects.filter(pk=task.pk).update(lease_until=timezone.now() - PAST, ready_at=None)


def test_a_task_whose_worker_died_is_queued_again_with_a_pause(job):
    task = claimed()
    expire(task)

    reconciler.reconcile("me")

    task.refresh_from_db()
    assert (task.status, task.tries, task.worker) == (Status.QUEUED, 1, "")
    assert task.ready_at > timezone.now()


def test_a_live_lease_is_left_alone(job):
    task = claimed()

    reconciler.reconcile("me")

    task.refresh_from_db()
    assert task.status == Status.PROCESSING


def test_a_task_that_kills_every_worker_fails_in_the_end(job):
    for _ in range(3):
        Task.objects.filter(status=Status.QUEUED).update(ready_at=None)
        task = claimed()
        expire(task)
        services.take_from_dead()

    task.refresh_from_db()
    job.refresh_from_db()
    assert (task.status, task.code, task.attempt) == (Status.ERROR, "WORKER_LOST", 3)
    assert job.status == Status.ERROR


def test_a_task_past_its_timeout_ends(job):
    task = claimed()
    Task.objects.filter(pk=task.pk).update(overdue_at=timezone.now() - PAST)

    reconciler.reconcile("me")

    task.refresh_from_db()
    assert (task.status, task.code) == (Status.ERROR, "TIMEOUT")


def test_an_upload_that_never_came_ends(owner):
    task = services.create_task(intake.parse_task("import/upload", {}, owner=owner), owner=owner)
    Task.objects.filter(pk=task.pk).update(overdue_at=timezone.now() - PAST)

    reconciler.reconcile("me")

    task.refresh_from_db()
    assert (task.status, task.code) == (Status.ERROR, "UPLOAD_FAILED")


def test_unheard_tasks_are_rung_for_again(job, monkeypatch):
    rung = []
    monkeypatch.setattr(queues, "ring", rung.append)
    Task.objects.filter(job=job).update(rung_at=timezone.now() - PAST)

    reconciler.reconcile("me")
    reconciler.reconcile("me")

    assert rung == ["storage"]


def test_what_should_have_moved_moves(job):
    Task.objects.filter(job=job, name="a").update(status=Status.ERROR)

    reconciler.reconcile("me")

    job.refresh_from_db()
    assert Task.objects.get(job=job, name="b").code == "INPUT_TASK_FAILED"
    assert job.status == Status.ERROR


def test_a_job_whose_tasks_have_all_ended_ends(job):
    Task.objects.filter(job=job).update(status=Status.FINISHED)

    reconciler.reconcile("me")

    assert Job.objects.get(pk=job.pk).status == Status.FINISHED


def test_what_ended_long_ago_is_deleted(job, owner):
    long_ago = timezone.now() - timedelta(hours=25)
    alone = services.create_task(intake.parse_task("import/url", {}, owner=owner), owner=owner)
    Task.objects.update(status=Status.FINISHED, ended_at=long_ago)
    Job.objects.update(status=Status.FINISHED, ended_at=long_ago)
    late = {"input": f"{alone.pk}", "output_format": "pdf"}
    services.create_task(intake.parse_task("convert", late, owner=owner), owner=owner)
    Task.objects.filter(operation="convert", job=None).update(status=Status.QUEUED)

    reconciler.reconcile("me")

    assert not Job.objects.exists()
    assert Task.objects.filter(pk=alone.pk).exists(), "somebody still waits for it"


def test_one_process_reconciles_at_a_time(db):
    assert reconciler.reconcile("me")

    assert not reconciler.reconcile("you")

    Lock.objects.update(until=timezone.now() - PAST)
    assert reconciler.reconcile("you")


def test_what_is_stored_for_no_task_is_removed_after_a_while(job, tmp_path):
    task = Task.objects.get(job=job, name="a")
    deleted = uuid.uuid4()
    for pk in (task.pk, deleted):
        file = tmp_path / "made"
        file.write_text("some bytes")
        files.save(file, task=pk)

    assert services.forget_orphans(after=timedelta(hours=1)) == 0
    assert files.keys(deleted)

    removed = services.forget_orphans(after=timedelta(seconds=-60))

    assert (removed, files.keys(deleted)) == (1, set())
    assert files.keys(task.pk)
