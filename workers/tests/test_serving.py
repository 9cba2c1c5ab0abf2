"""Which worker takes which task: the one that has the engine, in the version that is wanted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import fleet, intake, services
from jobs.contract import Operation, Output, Result, pairs
from jobs.models import Task, Worker
from jobs.states import Status
from jobs.tests import flow, kept
from workers import executor

seen = []


def note(work, context):
    seen.append(work)
    return flow.shout(work, context)


def keep(work, context):
    seen.append(work)
    return Result(files=(Output(path=work.input),))


NOTED = Operation(
    name="convert",
    engine="noter",
    queue="noter",
    help="",
    run=note,
    conversions=pairs({"txt"}, {"log"}),
    aliases=frozenset({"office"}),
)
KEPT = Operation(
    name="rotate", engine="turner", queue="turner", help="", run=keep, conversions=frozenset({("txt", None)})
)
KEPT_ANY = Operation(
    name="optimize", engine="turner", queue="turner", help="", run=keep, conversions=frozenset({(None, None)})
)


@pytest.fixture(autouse=True)
def _offered():
    seen.clear()
    with flow.offered(NOTED, KEPT, KEPT_ANY):
        yield


def create(owner, **task):
    made = {"operation": "import/url", "filename": task.pop("file", "a.txt")}
    task = {"operation": "convert", "input": "in", **task}
    draft = intake.parse_job({"tasks": {"in": made, "made": task}}, owner=owner)
    return services.create_job(draft, owner=owner)


def run(station, *queues):
    for queue in queues:
        while executor.run_next(queue, station):
            pass


def made(job):
    return Task.objects.get(job=job, name="made")


def claim(queue, **tools):
    return services.claim(queue, worker="w", host_name="h", tools=tools)


def test_what_a_worker_does_not_have_it_does_not_take(owner, station):
    create(owner, output_format="log")
    run(station, "storage")

    assert claim("noter") is None
    assert claim("noter", shouter=()) is None
    assert services.ready(["noter"], {}) == {}
    assert services.ready(["noter"], {"noter": ()}) == {"noter": 1}
    assert claim("noter", noter=()).engine == "noter"


def test_a_pinned_task_waits_for_who_has_the_version(owner, station):
    fleet.announce("w", queues=["storage"], tools={"noter": ["1.1", "2.0"]}, running=0)
    job = create(owner, output_format="log", engine_version="2")
    run(station, "storage")
    assert (made(job).pin, made(job).engine_version) == ("2.0", "2.0")

    assert claim("noter", noter=["1.1"]) is None
    assert services.ready(["noter"], {"noter": ["1.1"]}) == {}
    assert services.ready(["noter"], {"noter": ["1.1", "2.0"]}) == {"noter": 1}
    assert claim("noter", noter=["1.1", "2.0"]).engine_version == "2.0"


def test_a_retry_of_an_unpinned_task_may_use_another_version(owner, station):
    job = create(owner, output_format="log")
    run(station, "storage")
    services.hand_back(claim("noter", noter=["1.1"]))

    assert made(job).engine_version == "1.1"
    assert claim("noter", noter=["2.0"]).engine_version == "2.0"


def test_the_engine_is_told_where_the_version_is(owner, station, tmp_path):
    fleet.announce("w", queues=["storage"], tools={"noter": ["1.1", "2.0"]}, running=0)
    station.tools["noter"] = {"1.1": None, "2.0": tmp_path}
    jobs = [create(owner, output_format="log"), create(owner, output_format="log", engine_version="2.0")]

    run(station, "storage", "noter")

    assert [work.system for work in seen] == [None, tmp_path]
    assert [made(job).engine_version for job in jobs] == ["1.1", "2.0"]


def test_an_alias_is_accepted_and_the_real_engine_reported(owner, station):
    station.tools["noter"] = {}
    job = create(owner, output_format="log", engine="office")

    run(station, "storage", "noter")

    task = made(job)
    assert (task.status, task.engine, task.payload["engine"]) == (Status.FINISHED, "noter", "office")


@pytest.mark.parametrize("operation", ["rotate", "optimize"])
def test_what_keeps_the_format_says_so_to_the_engine(owner, station, operation):
    station.tools["turner"] = {}
    job = create(owner, operation=operation)

    run(station, "storage", "turner")

    task = made(job)
    assert (task.status, task.message) == (Status.FINISHED, None)
    assert [(work.input_format, work.output_format) for work in seen] == [("txt", "txt")]
    assert [(file.name, file.format) for file in task.files.all()] == [("a.txt", "txt")]


def test_the_engine_is_told_which_task_each_input_came_from(owner, station):
    station.tools["noter"] = {}
    create(owner, output_format="log")
    run(station, "storage", "noter")
    alone = services.create_task(
        intake.parse_task("import/url", {"filename": "b.txt"}, owner=owner), owner=owner
    )
    run(station, "storage")
    payload = {"input": [f"{alone.pk}"], "output_format": "log"}
    services.create_task(intake.parse_task("convert", payload, owner=owner), owner=owner)

    run(station, "noter")

    assert [work.origins for work in seen] == [("in",), (f"{alone.pk}",)]


# --- When who was to do it has gone


def gone_for(worker, **ago):
    Worker.objects.filter(pk=worker).update(seen_at=timezone.now() - timedelta(**ago))
    fleet.forget()


@pytest.fixture
def queued(owner, station):
    """Queue a conversion to png, half of which is done, with workers that have all it needs."""
    fleet.announce("w1", queues=["storage"], tools={"shouter": ["1.2"]}, running=0)
    fleet.announce("w2", queues=["storage"], tools={"painter": ["8.1"]}, running=0)

    def make(**task):
        job = create(owner, output_format="png", **task)
        run(station, "storage", "shouter")
        assert made(job).engine == "painter"
        return job

    return make


BRUSH = Operation(
    name="convert",
    engine="brush",
    queue="brush",
    help="",
    run=flow.shout,
    conversions=pairs({"txt"}, {"png"}),
    cost=4.0,
)


def test_a_worker_may_restart_before_others_take_its_tasks(queued):
    job = queued()
    fleet.leave("w2")

    assert services.plan_anew() == 0
    assert made(job).engine == "painter"


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_who_is_gone_goes_to_who_is_there_from_its_beginning(queued, station):
    with flow.offered(BRUSH):
        job = queued()
        half = made(job).files.get()
        gone_for("w2", minutes=5)
        assert services.plan_anew() == 0, "nobody else can; it waits"
        fleet.announce("w3", queues=["storage"], tools={"brush": ["4"]}, running=0)

        assert services.plan_anew() == 1

        task = made(job)
        assert (task.engine, task.hop, task.queue, task.status) == ("brush", 0, "brush", Status.QUEUED)
        assert not kept.is_there(half.key)
        station.tools["brush"] = {"4": None}
        run(station, "brush")
        assert [file.name for file in made(job).files.all()] == ["a.png"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [({"engine": "painter"}, "by painter"), ({"engine_version": "8.1"}, "no version 8.1 here; there is 9.0")],
)
def test_what_asked_for_what_is_gone_fails_and_says_so(queued, asked, words):
    job = queued(**asked)
    gone_for("w2", hours=25)
    tools = {"painter": ["9.0"]} if "engine_version" in asked else {"shouter": ["1.2"]}
    fleet.announce("w3", queues=["storage"], tools=tools, running=0)

    assert services.plan_anew() == 1

    task = made(job)
    assert task.status == Status.ERROR
    assert task.code in {"ENGINE_GONE", "INVALID_CONVERSION_TYPE"}
    assert words in task.message
    job.refresh_from_db()
    assert job.status == Status.ERROR


def test_while_nobody_is_alive_everything_waits(queued):
    job = queued(engine_version="8.1")
    for worker in ("w1", "w2"):
        gone_for(worker, hours=30)

    assert services.plan_anew() == 0
    assert made(job).status == Status.QUEUED
