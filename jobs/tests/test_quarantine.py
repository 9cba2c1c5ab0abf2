from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import files, registry, services
from jobs.contract import errors
from jobs.intake import parse_job
from jobs.models import File, Poison, Task
from jobs.services import quarantine

pytestmark = pytest.mark.usefixtures("fakes")

HOP = ("convert", "shouter", "txt", "pdf")
RUN = {
    "inputs": ["a" * 64, "b" * 64],
    "related": {"subtitles": ["c" * 64]},
    "options": {"quality": 75, "password": "hunter2", "fit": "max"},
}
OPTIONS = {"quality": 75, "fit": "max", "password": None, "subtitles": None}


def of(hop=HOP, version="1.2", **changes):
    return quarantine.fingerprint(hop, version, **{**RUN, **changes})


def test_the_order_in_which_options_are_named_does_not_count():
    backwards = dict(reversed(RUN["options"].items()))

    assert of(options=backwards) == of()
    assert len(of()) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"hop": ("thumbnail", *HOP[1:])},
        {"hop": ("convert", "painter", *HOP[2:])},
        {"hop": ("convert", "shouter", "rtf", "pdf")},
        {"hop": ("convert", "shouter", "txt", "png")},
        {"version": "1.3"},
        {"version": None},
        {"inputs": ["b" * 64, "a" * 64]},
        {"inputs": ["a" * 64]},
        {"related": {}},
        {"related": {"watermark": ["c" * 64]}},
        {"options": {**RUN["options"], "quality": 76}},
        {"options": {**RUN["options"], "password": "hunter3"}},
    ],
)
def test_whatever_an_engine_could_notice_counts(changes):
    assert of(**changes) != of()


def test_no_text_reaches_from_one_field_into_the_next():
    assert of(("ab", "c", "", "")) != of(("a", "bc", "", ""))
    assert of(inputs=["ab", "c"]) != of(inputs=["a", "bc"])
    assert of(options={"a": 'x", "b": "y'}) != of(options={"a": "x", "b": "y"})


def test_it_cannot_be_guessed_without_the_secret_key(settings):
    before = of()

    settings.SECRET_KEY = "another"

    assert of() != before


@pytest.fixture
def task(owner):
    """A conversion that a worker has just claimed."""
    tasks = {
        "in": {"operation": "import/url"},
        "shout": {"operation": "convert", "input": "in", "output_format": "pdf"},
    }
    services.create_job(parse_job({"tasks": tasks}, owner=owner), owner=owner)
    first = services.claim("storage", worker="w", host_name="h", tools={})
    services.finish(first, [services.Staged(files.Stored(files.new_key(first.pk), 5, "a" * 64), "file.txt")])
    return again()


def again():
    Task.objects.update(ready_at=None)
    return services.claim("shouter", worker="w", host_name="h", tools={"shouter": ["1.2"]})


def anew(task):
    """Claim a new task like an ended one."""
    task.refresh_from_db()
    services.retry(task)
    return again()


def tried(task, *, options=OPTIONS, error=None):
    """Let the task's engine try its file, and fail if told so."""
    hop = registry.hop(task.plan[task.hop])
    try:
        with services.trial(task, hop, list(File.objects.all()), related={}, options=options):
            if error:
                raise error
    except errors.TaskError as failure:
        services.fail(task, failure)
    task.refresh_from_db()
    return task.code


def strikes():
    return list(Poison.objects.values_list("strikes", flat=True))


def test_two_strikes_and_it_is_refused_until_released(task):
    tried(task, error=errors.EngineCrashed())
    assert strikes() == [1]

    assert tried(again(), error=errors.EngineTimeout()) == "TIMEOUT"

    poison = Poison.objects.get()
    assert (poison.strikes, poison.code, poison.task_id, poison.owner) == (2, "TIMEOUT", task.pk, "customer")
    assert (poison.operation, poison.engine, poison.engine_version) == ("convert", "shouter", "1.2")
    assert (poison.source, poison.target, poison.sha256, poison.size) == ("txt", "pdf", "a" * 64, 5)
    assert tried(anew(task)) == "INPUT_QUARANTINED"
    assert services.release(Poison.objects.all(), by="op") == 1
    assert tried(anew(task)) is None


def test_once_released_it_takes_two_strikes_again(task):
    tried(task, error=errors.EngineCrashed())
    tried(again(), error=errors.EngineCrashed())
    services.release(Poison.objects.all(), by="op")

    tried(anew(task), error=errors.EngineCrashed())
    assert tried(again(), error=errors.EngineCrashed()) == "ENGINE_CRASHED"

    assert tried(anew(task)) == "INPUT_QUARANTINED"
    assert Poison.objects.get().released_by == "op"


def test_a_success_in_between_forgets_the_strikes(task):
    tried(task, error=errors.EngineCrashed())

    tried(again())

    assert strikes() == [0]


def test_other_options_are_not_refused(task):
    tried(task, error=errors.EngineCrashed())
    tried(again(), error=errors.EngineCrashed())

    assert tried(anew(task), options={**OPTIONS, "quality": 10}) is None


def test_which_task_an_option_names_does_not_count_only_its_files(task):
    tried(task, error=errors.EngineCrashed(), options={**OPTIONS, "subtitles": [f"{uuid.uuid4()}"]})

    tried(again(), error=errors.EngineCrashed(), options={**OPTIONS, "subtitles": [f"{uuid.uuid4()}"]})

    assert strikes() == [2]


@pytest.mark.parametrize(
    "error",
    [
        errors.Timeout(),
        errors.ConversionFailed(),
        errors.PasswordRequired(),
        errors.DiskFull(),
        errors.InternalError(),
    ],
)
def test_what_is_not_the_inputs_fault_is_no_strike(task, error):
    tried(task, error=error)

    assert strikes() == []


def test_who_lost_the_task_cannot_strike(task):
    services.cancel(task)

    tried(task, error=errors.EngineCrashed())

    assert strikes() == []


def test_a_run_without_files_has_nobody_to_blame(task):
    [record] = (each for each in registry.named("capture-website"))
    hop = registry.Hop(record, "", "png")

    with services.trial(task, hop, [], related={}, options={}) as key:
        pass

    task.refresh_from_db()
    assert (key, task.suspect) == ("", None)


def test_a_lone_strike_is_forgotten_after_a_while_and_what_is_refused_is_not(task):
    tried(task, error=errors.EngineCrashed())
    kept = Poison.objects.get()
    for key, count, released_at in (("b", 2, None), ("c", 0, timezone.now()), ("d", 1, None)):
        kept.pk, kept.strikes, kept.released_at = key * 64, count, released_at
        kept.save(force_insert=True)
    week = timedelta(days=7)
    Poison.objects.exclude(pk="d" * 64).update(seen_at=timezone.now() - week - timedelta(hours=1))

    assert services.forget_strikes(after=week) == 1

    assert sorted(poison.pk[0] for poison in Poison.objects.all()) == ["b", "c", "d"]
