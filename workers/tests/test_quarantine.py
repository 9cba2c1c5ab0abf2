from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import intake, services
from jobs.models import Account, Poison, Task
from jobs.states import Status
from jobs.tests import flow
from workers import executor

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture
def other(db):
    return Account.objects.create_user("other")


def convert(owner, *texts, **options):
    """Queue a conversion of files holding these texts, their imports done."""
    tasks = {
        f"in-{n}": {"operation": "import/raw", "file": text, "filename": f"{n}.txt"}
        for n, text in enumerate(texts)
    }
    shout = {"operation": "convert", "input": list(tasks), "output_format": "pdf", **options}
    job = services.create_job(
        intake.parse_job({"tasks": {**tasks, "shout": shout}}, owner=owner), owner=owner
    )
    return Task.objects.get(job=job, name="shout")


@pytest.fixture
def settle(run_all):
    """Run everything to its end, without its pauses, and return how a task ended."""

    def run(task):
        while run_all():
            Task.objects.update(ready_at=None)
        task.refresh_from_db()
        return task.status, task.code

    return run


CRASHED = (Status.ERROR, "ENGINE_CRASHED")
REFUSED = (Status.ERROR, "INPUT_QUARANTINED")
FINISHED = (Status.FINISHED, None)


@pytest.mark.parametrize(
    ("text", "code"), [("crash", "ENGINE_CRASHED"), ("hang", "TIMEOUT"), ("gorge", "MEMORY_EXCEEDED")]
)
def test_what_stopped_the_engine_twice_is_refused_for_everyone_without_starting_it(
    owner, other, settle, text, code
):
    assert settle(convert(owner, text)) == (Status.ERROR, code)
    assert flow.started == [text, text]

    refused, fine = convert(other, text), convert(other, "fine")

    assert settle(refused) == REFUSED
    assert settle(fine) == FINISHED
    assert flow.started == [text, text, "fine"]
    assert "ask the operator to release it" in refused.message
    assert (refused.attempt, refused.suspect["fingerprint"]) == (1, Poison.objects.get().pk)


def test_other_options_another_version_or_a_release_let_it_try_again(owner, settle, station):
    settle(convert(owner, "crash"))
    flow.cured.set()

    assert settle(convert(owner, "crash")) == REFUSED
    assert settle(convert(owner, "crash", quality=10)) == FINISHED
    services.release(Poison.objects.all(), by="op")
    assert settle(convert(owner, "crash")) == FINISHED
    services.release(Poison.objects.all(), by="op")
    flow.cured.clear()
    settle(convert(owner, "crash"))
    flow.cured.set()
    station.tools["shouter"] = {"1.3": None}
    assert settle(convert(owner, "crash")) == FINISHED


def test_files_that_belong_to_options_count_by_what_is_in_them(owner, settle):
    def with_subtitles(text):
        read = {"operation": "import/raw", "file": text, "filename": "s.srt"}
        draft = intake.parse_task("import/raw", read, owner=owner)
        return convert(owner, "crash", subtitles=[f"{services.create_task(draft, owner=owner).pk}"])

    settle(with_subtitles("one"))

    assert settle(with_subtitles("one")) == REFUSED
    assert settle(with_subtitles("two")) == CRASHED


def test_tasks_that_run_at_once_have_two_starts_between_them(owner, other, settle):
    tasks = [convert(owner, "crash"), convert(other, "crash")]

    assert {settle(task) for task in tasks} == {REFUSED}
    assert flow.started == ["crash", "crash"]


def test_of_many_files_only_the_one_is_quarantined(owner, settle):
    settle(convert(owner, "good", "crash", "fine"))

    assert [poison.size for poison in Poison.objects.all()] == [len("crash")]
    assert settle(convert(owner, "fine", "good")) == FINISHED
    assert settle(convert(owner, "fine", "crash")) == REFUSED


def test_what_crashes_only_a_later_engine_is_refused_though_it_is_never_the_same_between(owner, settle):
    assert settle(convert(owner, "dated", output_format="png")) == CRASHED
    assert flow.started.count("dated") == 1

    assert settle(convert(owner, "dated", output_format="png")) == REFUSED
    assert settle(convert(owner, "dated")) == FINISHED
    assert Poison.objects.get().engine == "painter"


def test_every_file_has_the_engines_whole_time(owner, settle, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(executor.time, "monotonic", lambda: now[0])
    left = []

    def slow(work, context):
        left.append(context.deadline - now[0])
        now[0] += 200
        return flow.shout(work, context)

    [record] = (each for each in flow.OPERATIONS if each.engine == "shouter")
    monkeypatch.setitem(record.__dict__, "run", slow)

    settle(convert(owner, "one", "two", "three", timeout=550))

    assert left == [300, 300, 150]


@pytest.fixture
def killed(station):
    """Let a worker take the conversion and die of it; its lease runs out."""

    def run(text):
        with pytest.raises(SystemExit):
            executor.run_next("shouter", station)
        assert flow.started[-1] == text
        Task.objects.filter(status=Status.PROCESSING).update(
            lease_until=timezone.now() - timedelta(minutes=1)
        )
        assert services.take_from_dead() == 1
        Task.objects.update(ready_at=None)

    return run


def test_what_kills_every_worker_has_three_starts_and_then_none(owner, other, station, settle, killed):
    task, later = convert(owner, "kill"), convert(other, "kill")
    for _ in "12":
        executor.run_next("storage", station)
    Task.objects.filter(pk=later.pk).update(ready_at=timezone.now() + timedelta(days=1))

    for _ in "123":
        Task.objects.filter(pk=later.pk).update(ready_at=timezone.now() + timedelta(days=1))
        killed("kill")

    task.refresh_from_db()
    assert (task.status, task.code) == (Status.ERROR, "WORKER_LOST")
    assert settle(later) == REFUSED
    assert flow.started == ["kill"] * 3


def test_a_worker_lost_once_is_no_strike(owner, station, settle, killed):
    task = convert(owner, "kill")
    executor.run_next("storage", station)

    killed("kill")

    assert not Poison.objects.exists()
    flow.cured.set()
    assert settle(task) == FINISHED


def test_a_worker_lost_before_the_engine_was_started_is_no_strike(owner, station):
    convert(owner, "fine")
    executor.run_next("storage", station)

    for _ in "123":
        services.claim("shouter", worker="w", host_name="h", tools={"shouter": ()})
        Task.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
        services.take_from_dead()
        Task.objects.update(ready_at=None)

    assert Task.objects.get(name="shout").code == "WORKER_LOST"
    assert not Poison.objects.exists()
