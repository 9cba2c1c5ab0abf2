from __future__ import annotations

import hashlib

import httpx
import pytest

from jobs import files, intake, services
from jobs.models import File
from jobs.states import Status
from jobs.tests import kept
from workers import arrivals, executor

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def task(owner, bucket):
    return services.create_task(intake.parse_task("import/upload", {}, owner=owner), owner=owner)


def send(task, content=b"hello", name="report.pdf"):
    form = files.form(task.pk, seconds=600, most=10_000_000, fields={"success_action_status": "201"})
    return httpx.post(form.url, data=form.fields, files={"file": (name, content)})


def state(task):
    task.refresh_from_db()
    return task.status, task.code


def take_in(station):
    arrivals.look(sweep=False)
    return executor.run_next("storage", station)


def test_what_was_sent_to_the_bucket_becomes_the_task_s_file(task, station):
    content = b"%PDF-1.4 " + b"x" * 3_000_000

    answer = send(task, content, "Größe & <co>.docx")

    assert answer.status_code == 201
    assert state(task) == (Status.WAITING, None)
    assert take_in(station)
    assert state(task) == (Status.FINISHED, None)
    [file] = task.files.all()
    assert (file.name, file.format, file.size) == ("Größe & <co>.docx", "pdf", len(content))
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert kept.content(file.key) == content


def test_exactly_one_file_wins_and_the_others_are_swept(task, station):
    send(task, b"first", "1")
    send(task, b"second", "2")

    assert take_in(station)

    assert [file.size for file in task.files.all()] == [5]
    send(task, b"too late", "3")
    arrivals.look(sweep=True)
    assert not list(files.arrivals())
    assert kept.everything() == {File.objects.get().key}
    assert state(task) == (Status.FINISHED, None)


def test_a_name_that_is_no_name_is_cleaned(task, station):
    send(task, name="..")

    assert take_in(station)

    assert task.files.get().name == "file"


def test_what_comes_for_no_task_is_swept(task):
    send(task)
    services.delete_task(task)

    arrivals.look(sweep=True)

    assert not list(files.arrivals())


def test_nothing_is_taken_for_a_task_that_is_cancelled(task, station):
    send(task)
    services.cancel(task)

    assert not take_in(station)

    assert state(task) == (Status.ERROR, "CANCELLED")
    assert not kept.everything()


def test_a_worker_that_dies_taking_it_in_is_followed_by_another(task, station):
    send(task, b"text", "a.txt")
    arrivals.look(sweep=False)
    dead = services.claim("storage", worker="dead", host_name="h", tools={})
    files.adopt(dead.pk)
    services.hand_back(dead)

    assert executor.run_next("storage", station)

    assert state(task) == (Status.FINISHED, None)
    assert kept.everything() == {File.objects.get().key}


def test_the_store_is_asked_only_while_an_upload_is_waited_for(bucket, monkeypatch):
    monkeypatch.setattr(files, "arrivals", lambda: pytest.fail("the store was asked"))

    assert arrivals.look(sweep=False) == 0
