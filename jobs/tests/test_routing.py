from __future__ import annotations

from dataclasses import replace

import pytest

from jobs import fleet, planner, routing
from jobs.contract import Operation, Option, errors, pairs
from jobs.models import File, Link, Task
from jobs.states import Status
from jobs.tests import flow

pytestmark = pytest.mark.usefixtures("fakes")


def at(hop: int, **payload) -> Task:
    plan = [step.key for step in planner.route("convert", "txt", "png")]
    return Task(operation="convert", plan=plan, hop=hop, payload=payload)


def test_what_opens_the_input_counts_on_the_way_in_and_the_rest_on_the_way_out():
    payload = {"quality": 20, "password": "x", "width": 7, "fit": "crop"}

    first, last = (routing.options(at(hop, **payload)) for hop in (0, 1))

    assert first == {"quality": 75, "password": "x", "fit": "crop", "subtitles": None}
    assert last == {"quality": 20, "password": None, "width": 7}


def test_each_file_chooses_its_pages_on_its_own_way_in():
    payload = {"quality": 20, "password": "x", "output_format": "png"}

    came_as = {kind: routing.options(at(1, **payload), kind) for kind in ("txt", "pdf")}

    assert (came_as["txt"]["password"], came_as["pdf"]["password"]) == (None, "x")
    assert came_as["txt"]["quality"] == came_as["pdf"]["quality"] == 20
    assert routing.options(at(0, **payload), "txt")["password"] == "x"


def test_a_file_that_is_a_result_goes_no_further():
    again = replace(SLOW, engine="again", conversions=frozenset({("pdf", "pdf")}), options=(CHOICE,))
    plan = [["convert", "slow", "txt", "pdf"], ["convert", "again", "pdf", "pdf"]]
    with flow.offered(replace(SLOW, options=(replace(CHOICE, selects=False),)), again):
        first, second = (
            routing.options(
                Task(operation="convert", plan=plan, hop=hop, payload={"care": "x", "output_format": "pdf"}),
                kind,
            )
            for hop, kind in ((0, "txt"), (1, "pdf"))
        )

    assert first == second == {"care": "x"}


# --- Planning over the fleet

CHOICE = Option(name="care", selects=True, help="How much of it to take.")

SLOW = Operation(
    name="convert",
    engine="slow",
    queue="slow",
    help="",
    run=flow.shout,
    conversions=pairs({"txt"}, {"pdf"}),
    cost=3.0,
    options=(Option(name="care", help="How much of it to take."),),
)
GPU = Operation(
    name="convert",
    engine="gpu",
    queue="gpu",
    help="",
    run=flow.shout,
    conversions=pairs({"txt"}, {"pdf"}),
    cost=4.0,
    fallback="slow",
)
TURN = Operation(
    name="rotate",
    engine="turner",
    queue="turner",
    help="",
    run=flow.shout,
    conversions=frozenset({("txt", None)}),
)
RUN = tuple(
    Operation(name="command", engine=name, queue=name, help="", run=flow.shout)
    for name in ("ffmpeg", "convert")
)


@pytest.fixture
def more(fakes):
    with flow.offered(SLOW, GPU, TURN, *RUN):
        yield


def announce(name="w", **tools):
    fleet.announce(name, queues=["storage"], tools=tools, running=0)


def planned(owner, operation="convert", file="a.txt", **payload):
    """Return the plan of a task whose input has ended with a file of this name."""
    made = Task.objects.create(owner=owner, operation="import/url", status=Status.FINISHED)
    File.objects.create(task=made, name=file, size=1, sha256="", key=f"{made.pk}/x")
    task = Task.objects.create(owner=owner, operation=operation, payload=payload)
    Link.objects.create(task=task, needed=made)
    return [hop.key for hop in routing.plan(task)]


@pytest.mark.usefixtures("more")
def test_a_plan_is_made_of_engines_that_are_alive(owner):
    assert planned(owner, output_format="pdf") == [["convert", "shouter", "txt", "pdf"]]
    announce(slow=[])
    assert planned(owner, output_format="pdf") == [["convert", "slow", "txt", "pdf"]]
    announce("w2", shouter=[], painter=[])
    assert planned(owner, output_format="pdf") == [["convert", "shouter", "txt", "pdf"]]
    fleet.leave("w2")
    assert planned(owner, output_format="pdf") == [["convert", "slow", "txt", "pdf"]]
    # Nobody alive paints: it waits for whoever does.
    assert planned(owner, output_format="png")[-1] == ["convert", "painter", "pdf", "png"]


@pytest.mark.usefixtures("more")
def test_an_engine_asked_for_or_its_fallback(owner):
    announce(slow=[], shouter=[])

    assert planned(owner, output_format="pdf", engine="gpu") == [["convert", "slow", "txt", "pdf"]]
    announce("w2", gpu=[])
    assert planned(owner, output_format="pdf", engine="gpu") == [["convert", "gpu", "txt", "pdf"]]
    with pytest.raises(errors.InvalidConversionType, match="txt to png by painter"):
        planned(owner, output_format="png", engine="painter")


@pytest.mark.usefixtures("more")
def test_an_option_only_another_engine_knows_chooses_that_engine(owner):
    announce(slow=[], shouter=[])

    assert planned(owner, output_format="pdf", care="much") == [["convert", "slow", "txt", "pdf"]]
    assert planned(owner, output_format="pdf", care="") == [["convert", "shouter", "txt", "pdf"]]
    assert planned(owner, output_format="pdf", care="much", quality=3)[0][1] == "shouter"


@pytest.mark.usefixtures("more")
def test_a_version_counts_for_the_engine_asked_for_or_the_last(owner, settings):
    announce(shouter=["1.2", "1.10"], painter=["8.1", "9.2"], slow=["3"])

    def found(**payload):
        return [key[4:] for key in planned(owner, output_format="png", **payload)]

    assert found(engine_version="8") == [[], ["8.1"]]
    assert found(engine_version="latest", engine="shouter") == [["1.10"], []]
    settings.ATHANOR_ENGINE_DEFAULTS = {"shouter": "1.10", "painter": "7"}
    assert found(engine_version="latest") == [["1.10"], ["9.2"]]
    assert found() == [["1.10"], []]
    with pytest.raises(errors.EngineGone, match=r"no version 1.2 here; there is 9.2, 8.1"):
        found(engine_version="1.2")


@pytest.mark.usefixtures("more")
def test_what_keeps_the_format_is_planned_by_the_format(owner):
    assert planned(owner, "rotate", output_format="png") == [["rotate", "turner", "txt", ""]]
    with pytest.raises(errors.InvalidConversionType, match=r"^rotate does not take PNG; it takes: txt.$"):
        planned(owner, "rotate", file="a.png")


@pytest.mark.usefixtures("more")
def test_where_formats_do_not_matter_the_engine_does(owner):
    assert planned(owner, "command", engine="convert") == [["command", "convert", "", ""]]
    assert planned(owner, "command") == [["command", "ffmpeg", "", ""]]
    announce(convert=["6.9"])
    assert planned(owner, "command", engine_version="6") == [["command", "convert", "", "", "6.9"]]
    assert planned(owner, "import/url") == [["import/url", "", "", ""]]
    with pytest.raises(errors.EngineGone):
        planned(owner, "command", engine="bash")


def test_columns_say_which_version_must_do_it():
    [hop] = planner.route("convert", "txt", "pdf")

    free, pinned = (routing.columns(replace(hop, version=version)) for version in ("", "1.2"))

    assert (free["pin"], free["engine_version"]) == ("", None)
    assert (pinned["pin"], pinned["engine_version"]) == ("1.2", "1.2")
