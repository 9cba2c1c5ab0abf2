from __future__ import annotations

import pytest

from jobs import choosing, fleet, intake
from jobs.contract import Operation, Option, pairs
from jobs.contract.errors import InvalidData
from jobs.tests import flow

TURN = Operation(
    name="rotate",
    engine="turner",
    queue="turner",
    help="Turn.",
    run=flow.shout,
    conversions=frozenset({("pdf", None), ("png", None)}),
    options=(
        Option(name="angle", type="integer", help="By how much."),
        Option(name="mirror", help="Which way."),
    ),
    one_of=(("angle", "mirror"),),
    aliases=frozenset({"pdftron"}),
)
SPELL = Operation(
    name="rotate",
    engine="speller",
    queue="speller",
    help="Turn a text.",
    run=flow.shout,
    conversions=frozenset({("txt", None)}),
)
FAST = Operation(
    name="convert",
    engine="painter_nvidia",
    queue="fast",
    help="Paint fast.",
    run=flow.shout,
    conversions=pairs({"pdf"}, {"png"}),
    cost=2.0,
    fallback="painter",
)
ALL = {"shouter": ["1.2", "1.3"], "painter": [], "archivetool": [], "turner": ["9.1"], "speller": []}


@pytest.fixture(autouse=True)
def _offered(db):
    with flow.offered(TURN, SPELL, FAST):
        yield


def announce(**tools):
    fleet.announce("w", queues=["storage"], tools=tools or ALL, running=0)


def choose(operation="convert", **asked):
    common = dict.fromkeys(("engine", "engine_version", "input_format", "output_format"))
    return choosing.choose(operation, common | asked)


def names(choice):
    return [record.engine for record in choice.records]


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize(
    ("operation", "asked", "expected"),
    [
        ("convert", {"output_format": "png"}, ["painter"]),
        ("convert", {"output_format": "PNG", "input_format": "text"}, ["shouter", "painter"]),
        ("convert", {"output_format": "pdf", "engine": "shouter"}, ["shouter"]),
        ("archive", {"output_format": "zip", "input_format": "xyz"}, ["archivetool"]),
        ("rotate", {}, ["turner", "speller"]),
        ("rotate", {"input_format": "pdf"}, ["turner"]),
        ("rotate", {"input_format": "pdf", "output_format": "png"}, ["turner"]),
        ("rotate", {"engine": "pdftron"}, ["turner"]),
        ("import/url", {"engine_version": "7"}, [None]),
    ],
)
def test_what_can_be_meant(operation, asked, expected, seen):
    if seen:
        announce()

    choice = choose(operation, **asked)

    # While nobody has been seen, all may be that is declared.
    assert [name for name in names(choice) if name != "painter_nvidia"] == expected
    assert choice.problems == {}


@pytest.mark.parametrize(
    ("operation", "asked", "problem"),
    [
        ("convert", {}, {"output_format": "The output_format field is required."}),
        (
            "convert",
            {"output_format": "exe"},
            {"output_format": f"{choosing.UNSUPPORTED}. The output_format must be one of: pdf, png."},
        ),
        ("convert", {"output_format": "pdf", "input_format": "png"}, {"output_format": choosing.UNSUPPORTED}),
        (
            "convert",
            {"output_format": "pdf", "engine": "bash"},
            {"engine": "The engine must be one of: painter, shouter."},
        ),
        ("rotate", {"engine": "shouter"}, {"engine": "The engine must be one of: speller, turner."}),
        (
            "rotate",
            {"input_format": "exe"},
            {"input_format": "The input_format must be one of: pdf, png, txt."},
        ),
        (
            "rotate",
            {"input_format": "txt", "engine": "turner"},
            {"input_format": "The input_format must be one of: pdf, png, txt."},
        ),
        (
            "convert",
            {"output_format": "pdf", "engine_version": "2"},
            {"engine_version": "The engine_version must be one of: 1.3, 1.2 of shouter."},
        ),
        (
            "convert",
            {"output_format": "png", "engine_version": "2"},
            {"engine_version": "The engine_version must be left out: there are none of painter."},
        ),
    ],
)
def test_what_cannot_be_meant_says_what_can(operation, asked, problem):
    announce()

    choice = choose(operation, **asked)

    assert (choice.problems, choice.records if "engine_version" not in problem else ()) == (problem, ())


@pytest.mark.parametrize("version", ["1.2", "1", "latest"])
def test_a_version_somebody_has(version):
    announce()

    assert choose(output_format="pdf", engine_version=version).problems == {}


def test_a_fallback_answers_for_an_engine_that_nobody_has():
    announce()

    choice = choose(output_format="png", input_format="pdf", engine="painter_nvidia", engine_version="3")

    assert names(choice) == ["painter"]
    assert choice.problems == {}


def test_an_engine_whose_worker_restarts_can_be_asked_for():
    announce()
    fleet.leave("w")

    assert names(choose(output_format="png", engine="painter")) == ["painter"]


def test_an_engine_no_worker_had_is_not_there():
    announce(shouter=[])

    assert choose(output_format="pdf", engine="painter").problems == {
        "engine": "The engine must be one of: shouter."
    }
    assert choose(output_format="png").problems == {
        "output_format": f"{choosing.UNSUPPORTED}. The output_format must be one of: pdf."
    }
    assert choose("archive", output_format="zip").problems == {
        "operation": "No worker here serves the operation archive."
    }


# --- Through intake


def problems(owner, **task):
    tasks = {"in": {"operation": "import/url"}, "a": {"input": "in", **task}}
    try:
        intake.parse_job({"tasks": tasks}, owner=owner)
    except InvalidData as refusal:
        return refusal.problems
    return {}


@pytest.mark.parametrize("version", ["../x", "7.1; rm", "v7", "7.", "LATEST"])
def test_what_is_no_version_is_refused_though_nobody_knows_the_versions(owner, version):
    found = problems(owner, operation="convert", output_format="pdf", engine_version=version)

    assert set(found) == {"tasks.a.engine_version"}


def test_one_of_several_options_must_be_given(owner):
    assert problems(owner, operation="rotate") == {
        "tasks.a.angle": ["The angle or mirror field is required."]
    }
    assert problems(owner, operation="rotate", angle="") == {
        "tasks.a.angle": ["The angle or mirror field is required."]
    }
    assert problems(owner, operation="rotate", mirror="x") == {}
    assert problems(owner, operation="rotate", angle="far") == {
        "tasks.a.angle": ["The angle must be a number."]
    }


def test_a_version_sent_as_a_number_is_kept_as_its_text(owner):
    announce(shouter=["7.1.5"])
    tasks = {
        "in": {"operation": "import/url"},
        "a": {"operation": "convert", "input": "in", "output_format": "pdf", "engine_version": 7.1},
    }

    draft = intake.parse_job({"tasks": tasks}, owner=owner)

    assert draft.tasks[1].payload["engine_version"] == "7.1"
