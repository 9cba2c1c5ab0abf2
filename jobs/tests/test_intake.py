from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from jobs import intake, planner, services
from jobs.contract import Inputs, Operation, Option
from jobs.contract.errors import InvalidData, UnsupportedConversion
from jobs.models import Account, Task
from jobs.tests import flow

pytestmark = pytest.mark.usefixtures("fakes")

IMPORT = {"operation": "import/url"}


def problems(payload, owner):
    with pytest.raises(InvalidData) as caught:
        intake.parse_job(payload, owner=owner)
    return caught.value.problems


def test_a_draft_holds_what_was_asked_in_the_order_it_was_asked(owner):
    payload = {
        "tag": "x",
        "webhook_url": None,
        "unknown": 1,
        "tasks": {
            "z": IMPORT,
            "a": {
                "operation": "convert",
                "input": "z",
                "output_format": "PDF",
                "quality": "80",
                "stray": True,
            },
        },
    }

    draft = intake.parse_job(payload, owner=owner)

    assert [task.name for task in draft.tasks] == ["z", "a"]
    assert draft.tasks[1].payload["input"] == ["z"]
    assert draft.tasks[1].payload["output_format"] == "pdf"
    assert draft.tag == "x"


@pytest.mark.parametrize("tasks", [None, {}, [], "", 0])
def test_a_job_needs_tasks(owner, tasks):
    assert problems({"tasks": tasks}, owner) == {"tasks": ["The tasks field is required."]}


@pytest.mark.parametrize(
    ("tasks", "keys"),
    [
        ("abc", {"tasks"}),
        ({"a": "b"}, {"tasks.a"}),
        ({"a b": IMPORT}, {"tasks"}),
        ({"a": {}}, {"tasks.a.operation"}),
        ({"a": {"operation": "no/such"}}, {"tasks.a.operation"}),
        ({"a": {"operation": ["convert"]}}, {"tasks.a.operation"}),
        ({"a": {"operation": "convert"}}, {"tasks.a.input", "tasks.a.output_format"}),
        ({"a": {"operation": "convert", "input": "a", "output_format": "pdf"}}, {"tasks.a.input"}),
        (
            {"i": IMPORT, "a": {"operation": "convert", "input": "x", "output_format": "pdf"}},
            {"tasks.a.input"},
        ),
        (
            {"i": IMPORT, "a": {"operation": "convert", "input": {"b": 1}, "output_format": "pdf"}},
            {"tasks.a.input"},
        ),
        (
            {
                "i": IMPORT,
                "a": {"operation": "convert", "input": "i", "output_format": "pdf", "quality": 0, "fit": "x"},
            },
            {"tasks.a.quality", "tasks.a.fit"},
        ),
        (
            {
                "i": IMPORT,
                "a": {"operation": "convert", "input": "i", "output_format": "pdf", "engine": "bash"},
            },
            {"tasks.a.engine"},
        ),
        ({"i": {**IMPORT, "timeout": -1, "headers": "x"}}, {"tasks.i.timeout", "tasks.i.headers"}),
        (
            {
                "i": IMPORT,
                "a": {"operation": "convert", "input": "b", "output_format": "pdf"},
                "b": {"operation": "convert", "input": "a", "output_format": "pdf"},
            },
            {"tasks.a.input"},
        ),
        ({f"t{n}": IMPORT for n in range(10_000)}, {"tasks"}),
    ],
)
def test_every_problem_is_named_by_its_field(owner, tasks, keys):
    assert set(problems({"tasks": tasks}, owner)) == keys


def test_all_problems_are_told_at_once(owner):
    found = problems(
        {
            "webhook_url": "ftp://x",
            "tasks": {"a": {"operation": "x"}, "b": {"operation": "convert", "output_format": "pdf"}},
        },
        owner,
    )

    assert set(found) == {"webhook_url", "tasks.a.operation", "tasks.b.input"}


@pytest.mark.parametrize(
    "url",
    [
        *("gopher://x/", "http://", "example.com", "http://user:pw@example.com/", "http://a b/"),
        *("http://127.0.0.1/", "http://127.1:9000/", "http://[::1]/", "http://10.0.0.1/", "http://0/"),
        *("http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/", "http://8.8.8.8:25/", "http://⑩.1/"),
    ],
)
def test_a_webhook_that_can_never_be_told_is_refused_at_once(owner, url):
    assert set(problems({"webhook_url": url, "tasks": {"i": IMPORT}}, owner)) == {"webhook_url"}


@pytest.mark.parametrize(
    "url",
    [
        "https://nothing.invalid/hook",
        "http://8.8.8.8:8080/a?b={c}",
        "HTTPS://Example.com",
        "http://local_host",
    ],
)
def test_a_webhook_that_may_be_told_one_day_is_kept_as_it_is(owner, url):
    draft = intake.parse_job({"webhook_url": url, "tasks": {"i": IMPORT}}, owner=owner)

    assert draft.webhook_url == url


@pytest.mark.usefixtures("loopback")
def test_a_webhook_may_lead_where_the_operator_allows_it(owner):
    draft = intake.parse_job({"webhook_url": "http://127.0.0.1:9000/", "tasks": {"i": IMPORT}}, owner=owner)

    assert draft.webhook_url == "http://127.0.0.1:9000/"


@pytest.mark.parametrize(
    "extra",
    [{"output_format": "exe"}, {"output_format": "../../x"}, {"output_format": "txt", "input_format": "png"}],
)
def test_a_conversion_nobody_offers_has_its_own_code(owner, extra):
    payload = {"tasks": {"i": IMPORT, "a": {"operation": "convert", "input": "i", **extra}}}

    with pytest.raises(UnsupportedConversion) as caught:
        intake.parse_job(payload, owner=owner)

    assert caught.value.code == "INVALID_CONVERSION_TYPE"
    assert set(caught.value.problems) == {"tasks.a.output_format"}


def test_an_earlier_task_of_the_same_owner_may_be_the_input(owner):
    earlier = Task.objects.create(owner=owner, operation="import/url")

    draft = intake.parse_task("convert", {"input": f"{earlier.pk}", "output_format": "pdf"}, owner=owner)

    assert draft.references[0].task == earlier.pk


def test_an_earlier_task_is_needed_once_however_its_id_is_written(owner):
    earlier = Task.objects.create(owner=owner, operation="import/url")
    written = [f"{earlier.pk}", f"{earlier.pk}".upper(), earlier.pk.hex, f"urn:uuid:{earlier.pk}"]

    draft = intake.parse_task("convert", {"input": written, "output_format": "pdf"}, owner=owner)

    assert [(ref.option, ref.task) for ref in draft.references] == [("input", earlier.pk)]
    assert draft.payload["input"] == [f"{earlier.pk}"] * 4
    services.create_task(draft, owner=owner)


def test_a_name_that_looks_like_an_id_is_the_name_of_a_task_of_the_job(owner):
    earlier = Task.objects.create(owner=owner, operation="import/url")
    name = f"{earlier.pk}".upper()
    convert = {"operation": "convert", "input": [name, f"{earlier.pk}"], "output_format": "pdf"}

    draft = intake.parse_job({"tasks": {name: IMPORT, "a": convert}}, owner=owner)

    assert [(ref.name, ref.task) for ref in draft.tasks[1].references] == [(name, None), (None, earlier.pk)]
    assert draft.tasks[1].payload["input"] == [name, f"{earlier.pk}"]


def test_somebody_elses_task_is_as_unknown_as_a_missing_one(owner):
    foreign = Task.objects.create(owner=Account.objects.create_user("other"), operation="import/url")
    texts = []
    for ref in (foreign.pk, uuid.uuid4()):
        with pytest.raises(InvalidData) as caught:
            intake.parse_task("convert", {"input": [f"{ref}"], "output_format": "pdf"}, owner=owner)
        texts.append(caught.value.problems["input"][0].replace(f"{ref}", "ID"))

    assert texts[0] == texts[1]


def test_a_list_of_tasks_with_names_is_read_like_an_object(owner):
    draft = intake.parse_job({"tasks": [{"name": "a", **IMPORT}, {"name": "b", **IMPORT}]}, owner=owner)

    assert [task.name for task in draft.tasks] == ["a", "b"]


def test_tasks_named_by_other_options_are_dependencies(owner):
    convert = {"operation": "convert", "input": "i", "output_format": "pdf", "subtitles": ["s"]}

    draft = intake.parse_job({"tasks": {"i": IMPORT, "s": IMPORT, "c": convert}}, owner=owner)

    assert {(ref.option, ref.name) for ref in draft.tasks[2].references} == {
        ("input", "i"),
        ("subtitles", "s"),
    }


def test_contents_leave_the_payload(owner):
    draft = intake.parse_task("import/raw", {"file": "the text", "filename": "a.txt"}, owner=owner)

    assert draft.contents == {"file": "the text"}
    assert "the text" not in f"{draft.payload}"


def test_a_filename_that_is_a_number_is_text(owner):
    draft = intake.parse_task("import/raw", {"file": "a", "filename": 2026}, owner=owner)

    assert draft.payload["filename"] == "2026"


def test_a_problem_is_told_once(owner):
    tasks = {"a": {"operation": "import/raw", "file": "a", "filename": ["a"]}}

    assert problems({"tasks": tasks}, owner) == {"tasks.a.filename": ["The filename must be a string."]}


def test_an_empty_content_is_a_content(owner):
    assert intake.parse_task("import/raw", {"file": "", "filename": "a.txt"}, owner=owner).contents == {
        "file": ""
    }


@pytest.mark.parametrize("value", ["", None])
def test_blank_values_mean_not_given(owner, value):
    draft = intake.parse_task(
        "convert",
        {
            "input": f"{Task.objects.create(owner=owner, operation='import/url').pk}",
            "output_format": "pdf",
            "quality": value,
        },
        owner=owner,
    )

    assert "quality" not in draft.payload


@pytest.fixture
def commands(fakes):
    """Offer an operation of which each engine does something else."""
    record = Operation(
        name="command",
        engine="shouter",
        queue="shouter",
        help="Shout as told.",
        run=flow.shout,
        inputs=Inputs.ALL,
        conversions=frozenset({(None, None)}),
        options=(Option(name="command", type="enum", values=("shout",), required=True, help="How."),),
        by_engine=True,
    )
    whisper = (Option(name="command", type="enum", values=("whisper", "hiss"), required=True, help="How."),)
    with flow.offered(record, replace(record, engine="whisperer", queue="whisperer", options=whisper)):
        yield


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            {"command": "shout"},
            {"engine": "The engine field is required; it must be one of: shouter, whisperer."},
        ),
        (
            {"command": "shout", "engine": "bash"},
            {"engine": "The engine must be one of: shouter, whisperer."},
        ),
        (
            {"command": "shout", "engine": "whisperer"},
            {"command": "The command must be one of: whisper, hiss."},
        ),
        ({"engine": "shouter"}, {"command": "The command field is required."}),
    ],
)
def test_what_each_engine_does_differently_needs_the_engine(owner, asked, expected):
    tasks = {"a": IMPORT, "b": {"operation": "command", "input": "a", **asked}}

    found = problems({"tasks": tasks}, owner)

    assert found == {f"tasks.b.{key}": [text] for key, text in expected.items()}


@pytest.mark.usefixtures("commands")
def test_a_command_goes_to_the_engine_that_was_said(owner):
    task = {"operation": "command", "input": "a", "engine": "whisperer", "command": "hiss", "arguments": "-x"}

    draft = intake.parse_job({"tasks": {"a": IMPORT, "b": task}}, owner=owner)

    [hop] = planner.plan("command", [""], "", engine="whisperer")
    assert draft.tasks[1].payload["command"] == "hiss"
    assert hop.key == ["command", "whisperer", "", ""]


def test_a_format_nobody_packs_is_refused_with_those_there_are(owner):
    tasks = {"a": IMPORT, "b": {"operation": "archive", "input": "a", "output_format": "rar"}}

    assert problems({"tasks": tasks}, owner) == {
        "tasks.b.output_format": ["The output_format must be one of: zip."]
    }
