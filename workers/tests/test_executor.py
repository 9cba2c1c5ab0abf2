from __future__ import annotations

import io
import logging
import threading
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import files, intake, planner, registry, services
from jobs.contract import Inputs, Operation, Output, Result
from jobs.models import Account, File, Job, Task
from jobs.states import Status
from jobs.tests import flow, kept
from workers import executor
from workers.heartbeat import DRAINING, Run
from workers.tests.conftest import TOOLS

pytestmark = pytest.mark.usefixtures("fakes")

SECRET = "seeded-secret-value"


@pytest.fixture
def lines():
    """Return what is written to the log meanwhile, as it is written."""
    stream = io.StringIO()
    [configured] = [each for each in logging.getLogger().handlers if is_ours(each)]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(configured.formatter)
    logging.getLogger().addHandler(handler)
    yield stream.getvalue
    logging.getLogger().removeHandler(handler)


def is_ours(handler):
    return type(handler.formatter).__name__ == "Line"


def create(owner, **tasks):
    return services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)


def make(text="hello", name="file.txt", **more):
    return {"operation": "import/url", "text": text, "filename": name, **more}


def to_pdf(name, **more):
    return {"operation": "convert", "input": name, "output_format": "pdf", **more}


def states(job):
    return {task.name: (task.status, task.code) for task in Task.objects.filter(job=job)}


def test_a_job_runs_from_import_to_export(owner, run_all):
    job = create(owner, a=make(), b=to_pdf("a"), c={"operation": "export/url", "input": "b"})

    run_all()

    job.refresh_from_db()
    assert job.status == Status.FINISHED
    assert job.started_at
    assert job.ended_at
    [file] = File.objects.filter(task__job=job, task__name="c")
    assert (file.name, file.size, kept.content(file.key).decode()) == ("file.pdf", 5, "HELLO")
    task = Task.objects.get(job=job, name="b")
    assert (task.engine, task.engine_version, task.percent, task.attempt) == ("shouter", "1.2", 100, 1)
    assert (task.arguments, task.output) == ("shout", "said it")


def test_a_new_job_waits(owner):
    job = create(owner, a=make(), b=to_pdf("a"))

    assert job.status == Status.WAITING
    assert states(job) == {"a": (Status.QUEUED, None), "b": (Status.WAITING, None)}


def test_a_conversion_in_two_hops_is_one_task_with_one_result(owner, run_all, station):
    job = create(owner, a=make(), b={**to_pdf("a"), "output_format": "png", "width": 5})
    executor.run_next("storage", station)

    executor.run_next("shouter", station)

    between = Task.objects.get(job=job, name="b")
    assert (between.status, between.queue, between.hop) == (Status.QUEUED, "painter", 1)
    assert [file.done for file in between.files.all()] == [False]
    run_all()
    [file] = between.files.all()
    assert (file.name, file.done) == ("file.png", True)
    assert Task.objects.get(job=job, name="b").status == Status.FINISHED


def test_the_format_a_customer_names_is_that_of_the_input_on_every_hop(owner, run_all):
    convert = {**to_pdf("a"), "output_format": "png", "input_format": "txt"}
    job = create(owner, a=make(name="file.strange"), b=convert)

    run_all()

    [file] = File.objects.filter(task__job=job, task__name="b")
    assert (file.name, file.format) == ("file.png", "png")


@pytest.mark.django_db(transaction=True)
def test_a_task_cancelled_between_its_hops_keeps_no_file(owner, station):
    job = create(owner, a=make(), b={**to_pdf("a"), "output_format": "png", "width": 5})
    executor.run_next("storage", station)
    executor.run_next("shouter", station)
    task = Task.objects.get(job=job, name="b")
    assert files.keys(task.pk)

    services.cancel(task)

    assert not files.keys(task.pk)
    assert not task.files.exists()


def test_files_of_different_formats_end_up_in_the_order_they_came(owner, run_all):
    convert = {"operation": "convert", "input": ["a", "b"], "output_format": "png"}
    job = create(owner, a=make("%PDF-1.4", name="one.pdf"), b=make(name="two.txt"), c=convert)

    run_all()

    task = Task.objects.get(job=job, name="c")
    assert (task.status, task.message) == (Status.FINISHED, None)
    assert [file.name for file in task.files.all()] == ["one.png", "two.png"]


def test_of_files_of_different_formats_each_is_opened_on_its_own_way_in(owner, run_all):
    seen = []

    def note(work, context):
        seen.append((work.input_format, work.options["password"]))
        return flow.shout(work, context)

    noted = tuple(replace(each, run=note) if each.run is flow.shout else each for each in flow.OPERATIONS)
    convert = {"operation": "convert", "input": ["a", "b"], "output_format": "png", "password": "x"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "operations", lambda: noted)
        planner.forget()
        create(owner, a=make("%PDF-1.4", name="one.pdf"), b=make(name="two.txt"), c=convert)
        run_all()

    assert seen == [("txt", "x"), ("pdf", "x"), ("pdf", None)]


def test_a_refusal_fails_the_task_at_once_and_dooms_what_needs_it(owner, run_all):
    job = create(owner, a=make("refuse"), b=to_pdf("a"), c={"operation": "export/url", "input": "b"})

    run_all()

    job.refresh_from_db()
    assert job.status == Status.ERROR
    assert states(job)["b"] == (Status.ERROR, "CONVERSION_FAILED")
    assert states(job)["c"] == (Status.ERROR, "INPUT_TASK_FAILED")
    assert Task.objects.get(job=job, name="b").message == "It refuses."


def test_a_task_that_may_fail_does_not_fail_the_job(owner, run_all):
    export = {"operation": "export/url", "input": ["b", "a"]}
    job = create(owner, a=make("refuse"), b=to_pdf("a", ignore_error=True), c=export)

    run_all()

    job.refresh_from_db()
    assert job.status == Status.FINISHED
    assert [file.name for file in Task.objects.get(job=job, name="c").files.all()] == ["file.txt"]


@pytest.mark.parametrize("text", ["crash", "bug"])
def test_a_crash_gets_one_more_attempt(owner, run_all, text):
    job = create(owner, a=make(text), b=to_pdf("a"))
    run_all()
    task = Task.objects.get(job=job, name="b")
    assert (task.status, task.tries) == (Status.QUEUED, 1)
    assert task.ready_at > timezone.now()

    Task.objects.filter(pk=task.pk).update(ready_at=timezone.now())
    run_all()

    task.refresh_from_db()
    assert task.status == Status.ERROR
    assert task.attempt == 2
    assert task.code == {"crash": "ENGINE_CRASHED", "bug": "INTERNAL_ERROR"}[text]
    assert "bug of ours" not in task.message


def test_a_refused_address_is_final_whatever_a_library_makes_of_it(owner, run_all):
    job = create(owner, a=make("unreachable"), b=to_pdf("a"))

    run_all()

    task = Task.objects.get(job=job, name="b")
    assert (task.status, task.code, task.attempt) == (Status.ERROR, "ADDRESS_REFUSED", 1)


def test_a_format_nobody_converts_fails_when_it_is_known(owner, run_all):
    job = create(owner, a=make(name="x.exe"), b=to_pdf("a"), c={"operation": "export/url", "input": "b"})

    run_all()

    job.refresh_from_db()
    assert states(job)["b"] == (Status.ERROR, "INVALID_CONVERSION_TYPE")
    assert states(job)["c"] == (Status.ERROR, "INPUT_TASK_FAILED")
    assert job.status == Status.ERROR


def test_a_cancelled_task_is_stopped_and_its_result_thrown_away(owner, station, settings):
    job = create(owner, a=make("slow"), b=to_pdf("a"))
    executor.run_next("storage", station)
    task = services.claim("shouter", worker="w", host_name="h", tools={"shouter": ()})

    services.cancel(task)

    staged = services.Staged(files.save(_some_file(settings), task=task.pk), "late.pdf")
    assert services.finish(task, [staged]) is False
    assert services.lost({task.pk: task.attempt}) == {task.pk}
    assert states(job)["b"] == (Status.ERROR, "CANCELLED")
    assert not task.files.exists()


def test_whoever_lost_a_task_publishes_nothing(owner, station, settings):
    create(owner, a=make())
    slow = services.claim("storage", worker="slow", host_name="h", tools={})
    services.hand_back(slow)
    fast = services.claim("storage", worker="fast", host_name="h", tools={})

    late = services.finish(slow, [services.Staged(files.save(_some_file(settings), task=slow.pk), "slow")])
    won = services.finish(fast, [services.Staged(files.save(_some_file(settings), task=fast.pk), "fast")])

    assert (late, won) == (False, True)
    assert [file.name for file in fast.files.all()] == ["fast"]


def test_a_drained_run_is_handed_back_unharmed(owner, station, run_all):
    job = create(owner, a=make("slow"), b=to_pdf("a"))
    executor.run_next("storage", station)
    flow.gate.clear()
    threading.Timer(0.1, lambda: station.heartbeat.stop_all(DRAINING)).start()

    executor.run_next("shouter", station)

    task = Task.objects.get(job=job, name="b")
    assert (task.status, task.tries) == (Status.QUEUED, 0)
    flow.gate.set()
    run_all()
    job.refresh_from_db()
    assert job.status == Status.FINISHED


def test_names_follow_the_filename_option(owner, run_all):
    job = create(
        owner,
        a=make(name="x.txt"),
        b=make(name="x.txt"),
        c=to_pdf(["a", "b"], filename="page-%d.pdf"),
        d=to_pdf(["a", "b"]),
    )

    run_all()

    names = {name: [f.name for f in Task.objects.get(job=job, name=name).files.all()] for name in "cd"}
    assert names == {"c": ["page-1.pdf", "page-2.pdf"], "d": ["x.pdf", "x-2.pdf"]}


def test_files_that_wait_for_others_are_named_like_them(owner, run_all):
    wanted = {"operation": "convert", "input": ["a", "b", "e"], "output_format": "png"}
    job = create(
        owner,
        a=make("%PDF-1.4", name="x.pdf"),
        b=make(name="y.txt"),
        e=make("%PDF-1.4", name="x.pdf"),
        c={**wanted, "filename": "page-%d.png"},
        d=wanted,
    )

    run_all()

    names = {name: [f.name for f in Task.objects.get(job=job, name=name).files.all()] for name in "cd"}
    assert names == {"c": ["page-1.png", "page-2.png", "page-3.png"], "d": ["x.png", "y.png", "x-2.png"]}


def test_contents_reach_the_operation(owner, run_all):
    job = create(owner, a={"operation": "import/raw", "file": "ünicode\r\n", "filename": "u.txt"})

    run_all()

    [file] = File.objects.filter(task__job=job)
    assert kept.content(file.key) == "ünicode\r\n".encode()


def test_nothing_is_left_in_the_work_folder(owner, run_all, settings):
    create(owner, a=make(), b=to_pdf("a"), c=make("refuse"), d=to_pdf("c"))

    run_all()

    assert list(settings.ATHANOR_WORK_DIR.iterdir()) == []


def test_the_owner_with_the_least_running_comes_first(owner):
    many = Account.objects.create_user("many")
    for _ in range(3):
        create(many, a=make())
    create(owner, a=make())
    first = services.claim("storage", worker="w", host_name="h", tools={})

    second = services.claim("storage", worker="w", host_name="h", tools={})

    assert (first.owner, second.owner) == (many, owner)


def test_a_higher_priority_comes_before_fairness(owner):
    low = create(owner, a=make())
    high = create(owner, a=make())
    Task.objects.filter(job=low).update(priority=-10)

    assert services.claim("storage", worker="w", host_name="h", tools={}).job_id == high.pk


def test_an_uploaded_file_finishes_its_task_once(owner, settings):
    job = create(owner, a={"operation": "import/upload"}, b=to_pdf("a"))
    task = Task.objects.get(job=job, name="a")
    assert (task.status, task.message) == (Status.WAITING, "Waiting for file upload")
    uploads = [services.Staged(files.save(_some_file(settings), task=task.pk), "x.txt") for _ in "12"]

    accepted = [services.receive_upload(task.pk, each) for each in uploads]

    assert accepted == [True, False]
    assert states(job) == {"a": (Status.FINISHED, None), "b": (Status.QUEUED, None)}


def test_an_earlier_task_feeds_a_later_one(owner, run_all):
    first = services.create_task(intake.parse_task("import/url", make(), owner=owner), owner=owner)
    payload = {"input": f"{first.pk}", "output_format": "pdf"}
    second = services.create_task(intake.parse_task("convert", payload, owner=owner), owner=owner)
    job = create(owner, c={"operation": "export/url", "input": f"{second.pk}"})

    run_all()

    job.refresh_from_db()
    assert job.status == Status.FINISHED
    assert [file.name for file in File.objects.filter(task__job=job)] == ["file.pdf"]


def test_a_retry_is_a_new_task_with_the_same_payload(owner, run_all):
    draft = intake.parse_task("import/raw", {"file": "text", "filename": "a.txt"}, owner=owner)
    task = services.create_task(draft, owner=owner)
    run_all()
    task.refresh_from_db()

    copy = services.retry(task)
    run_all()

    copy.refresh_from_db()
    assert copy.status == Status.FINISHED
    assert copy.retry_of == task
    assert [file.size for file in copy.files.all()] == [4]


def test_deleting_a_task_fails_what_still_waits_for_it(owner):
    job = create(owner, a=make(), b=to_pdf("a"))

    services.delete_task(Task.objects.get(job=job, name="a"))

    assert states(job) == {"b": (Status.ERROR, "INPUT_TASK_FAILED")}
    job.refresh_from_db()
    assert job.status == Status.ERROR


@pytest.mark.django_db(transaction=True)
def test_deleting_a_job_removes_its_files(owner, run_all):
    job = create(owner, a=make(), b=to_pdf("a"))
    run_all()
    assert kept.everything()

    services.delete_job(job)

    assert not Job.objects.exists()
    assert not kept.everything()


def dies_after_staging(settings, queue):
    """Let an attempt put a file into the store and be heard of no more."""
    task = services.claim(queue, worker="w", host_name="h", tools=TOOLS)
    files.save(_some_file(settings), task=task.pk)
    past = timezone.now() - timedelta(minutes=1)
    Task.objects.filter(pk=task.pk).update(lease_until=past)
    services.take_from_dead()
    Task.objects.filter(pk=task.pk).update(ready_at=None)


@pytest.mark.django_db(transaction=True)
def test_nothing_stays_of_an_attempt_that_died(owner, station, run_all, settings):
    raw = {"operation": "import/raw", "file": "text", "filename": "a.txt"}
    job = create(owner, a=raw, b={**to_pdf("a"), "output_format": "png"}, c=make(), d=to_pdf("c"))
    for queue in ("storage", "storage", "shouter", "painter"):
        dies_after_staging(settings, queue)
        executor.run_next(queue, station)

    run_all()

    job.refresh_from_db()
    assert job.status == Status.FINISHED
    published = set(File.objects.values_list("key", flat=True))
    contents = {key for task in Task.objects.all() for key in task.contents.values()}
    assert kept.everything() == published | contents


@pytest.mark.django_db(transaction=True)
def test_nothing_stays_of_a_task_that_killed_every_worker(owner, settings):
    create(owner, a=make())

    for _ in range(3):
        dies_after_staging(settings, "storage")

    assert Task.objects.get().code == "WORKER_LOST"
    assert not kept.everything()


def test_a_file_that_is_gone_is_no_bug(owner, station, run_all):
    job = create(owner, a=make(), b=to_pdf("a"))
    executor.run_next("storage", station)
    files.remove(File.objects.get().key)

    run_all()

    task = Task.objects.get(job=job, name="b")
    assert (task.status, task.code, task.attempt) == (Status.ERROR, "FILE_GONE", 1)


def test_a_work_folder_that_cannot_be_made_costs_an_attempt(owner, station, settings):
    create(owner, a=make())
    settings.ATHANOR_WORK_DIR.rmdir()

    executor.run_next("storage", station)

    task = Task.objects.get()
    assert (task.status, task.tries) == (Status.QUEUED, 1)


def _some_file(settings):
    path = settings.ATHANOR_WORK_DIR / uuid.uuid4().hex
    path.write_text("some bytes")
    return path


@pytest.mark.parametrize("text", ["tell", "bug"])
def test_no_secret_a_run_was_given_is_kept_or_logged(owner, run_all, text, lines):
    job = create(owner, a=make(text), b=to_pdf("a", password=SECRET))

    run_all()

    task = Task.objects.get(job=job, name="b")
    assert SECRET not in f"{Task.objects.filter(pk=task.pk).values()}"
    if text == "tell":
        assert task.message == "It does not open with ********."
        assert (task.arguments, task.output) == ("shout ********", "******** is wrong")
    else:
        assert "RuntimeError: a bug of ours with ********" in lines()
    assert SECRET not in lines()


def test_progress_tells_no_secret():
    run = Run(uuid.uuid4(), 1, "1", 0.0, options={"password": SECRET})

    run.progress(50, f"Trying {SECRET}")

    assert run.message == "Trying ********"
    assert SECRET not in f"{run}"


def test_a_task_whose_key_is_gone_says_so(owner, run_all, settings, lines):
    job = create(owner, a=make(), b=to_pdf("a", password=SECRET))
    settings.ATHANOR_SEALING_KEYS = {"other": b"x" * 32}

    for _ in range(3):
        run_all()
        Task.objects.filter(status=Status.QUEUED).update(ready_at=timezone.now())

    task = Task.objects.get(job=job, name="b")
    assert (task.status, task.code, task.attempt) == (Status.ERROR, "SECRET_LOST", 3)
    assert "not among ATHANOR_SEALING_KEYS" in task.output
    assert "not among ATHANOR_SEALING_KEYS" in lines()


def test_what_takes_any_file_runs_once_for_each_and_tells_of_the_first(owner, station, run_all):
    asked = []
    station.tools["asker"] = {}

    def ask(work, _context):
        asked.append((work.input.name, work.input_format, work.output_format))
        return Result(extra={"metadata": {"Name": work.names[0]}})

    takes_any = Operation(
        name="metadata",
        engine="shouter",
        queue="shouter",
        help="Ask.",
        run=ask,
        conversions=frozenset({(None, None)}),
    )
    tasks = {"a": make(name="a.txt"), "b": make(name="b")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "operations", lambda: (*flow.OPERATIONS, takes_any))
        job = create(owner, **tasks, m={"operation": "metadata", "input": ["a", "b"]})
        run_all()

    assert states(job)["m"] == (Status.FINISHED, None)
    assert [name for name, _, _ in asked] == ["in.txt", asked[1][0]]
    assert all(source == target for _, source, target in asked)
    assert Task.objects.get(job=job, name="m").result == {"metadata": {"Name": "a.txt"}}


def unpack(work, _context):
    made = []
    for folder in ("", "a", "b/c"):
        path = work.output_dir / f"{len(made)}"
        path.write_text(folder)
        made.append(Output(path=path, name="x.txt", dir=folder))
    return Result(files=tuple(made))


def gather(work, _context):
    made = work.output_dir / "made"
    made.write_text(f"{work.folders}")
    return Result(files=(Output(path=made, name="all.zip"),))


def test_members_keep_their_folders_and_what_is_made_of_all_lies_in_none(owner, run_all):
    records = (
        Operation(
            name="unpack",
            engine="shouter",
            queue="shouter",
            help="Open.",
            run=unpack,
            conversions=frozenset({("txt", None)}),
        ),
        Operation(
            name="gather",
            engine="shouter",
            queue="shouter",
            help="Pack.",
            run=gather,
            inputs=Inputs.ALL,
            conversions=frozenset({(None, "zip")}),
        ),
    )
    with flow.offered(*records):
        job = create(
            owner,
            a=make(),
            b={"operation": "unpack", "input": "a"},
            c={"operation": "export/url", "input": "b"},
            d={"operation": "gather", "input": "b", "output_format": "zip"},
        )
        run_all()

    members = [(file.dir, file.name) for file in File.objects.filter(task__job=job, task__name="c")]
    [made] = File.objects.filter(task__job=job, task__name="d")
    assert members == [("", "x.txt"), ("a", "x.txt"), ("b/c", "x.txt")]
    assert (made.dir, kept.content(made.key).decode()) == ("", "('', 'a', 'b/c')")
