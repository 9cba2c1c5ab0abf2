from __future__ import annotations

import pytest

from jobs import planner, registry
from jobs.contract import Operation, Option, pairs
from jobs.crew import Crew


def engine(name, sources, targets, *, cost=1.0, operation="convert", options="", **more):
    wanted = (
        pairs(sources.split(), targets.split())
        if isinstance(targets, str)
        else {(s, None) for s in sources.split()}
    )
    return Operation(
        name=operation,
        engine=name,
        queue=name,
        help="",
        run=lambda _work, _context: None,
        conversions=frozenset(wanted),
        cost=cost,
        options=tuple(Option(name=each, help="") for each in options.split()),
        **more,
    )


OFFICE = engine("office", "docx odt txt", "pdf odt html", options="password pages")
PAGES = engine("pages", "pdf", "png jpg", options="density")
SLOW = engine("slow", "pdf", "png", cost=3, options="density colours depth")
PAINT = engine("paint", "png jpg gif", "gif jpg png", options="quality", aliases=frozenset({"photoshop"}))
BOOKS = engine("books", "html epub", "epub pdf", cost=1.5)
THUMBS = engine("pages", "pdf", "png", operation="thumbnail")
FORCE = engine("gpu", "gif", "webm", cost=0.5, fallback="paint")
ROTATE = engine("turner", "pdf", None, operation="rotate", options="angle")
ZIP = Operation(
    name="archive", engine="zip", queue="zip", help="", run=PAGES.run, conversions=frozenset({(None, "zip")})
)
FETCH = Operation(name="import/url", queue="storage", help="", run=PAGES.run)
EVERYBODY = (OFFICE, PAGES, SLOW, PAINT, BOOKS, THUMBS, FORCE, ROTATE, ZIP, FETCH)


def crew(*engines, queues=()):
    return Crew(engines=frozenset(engines), queues=frozenset(queues))


@pytest.fixture(autouse=True)
def offer(monkeypatch):
    def put(*records):
        monkeypatch.setattr(registry, "operations", lambda: records)
        planner.forget()

    put(*EVERYBODY)
    yield put
    planner.forget()


def told(hops):
    return [f"{hop.source}-{hop.operation.engine}-{hop.target}" for hop in hops]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("docx", "pdf", "docx-office-pdf"),
        ("docx", "png", "docx-office-pdf pdf-pages-png"),
        ("docx", "gif", "docx-office-pdf pdf-pages-png png-paint-gif"),
        ("docx", "epub", "docx-office-html html-books-epub"),
        ("pdf", "png", "pdf-pages-png"),
        ("docx", "docx", ""),
        ("pdf", "pdf", ""),
        ("docx", "webm", ""),
        ("exe", "pdf", ""),
        ("docx", "exe", ""),
    ],
)
def test_the_cheapest_way_of_at_most_three_hops(source, target, expected):
    assert told(planner.route("convert", source, target)) == expected.split()


def test_a_way_costs_its_engines_and_its_detours():
    hops = planner.route("convert", "docx", "png")

    assert planner.cost(hops) == pytest.approx(2 + planner.BETWEEN["pdf"])


@pytest.mark.parametrize(
    ("source", "target", "wanted", "expected"),
    [
        ("pdf", "png", "slow", "pdf-slow-png"),
        ("docx", "gif", "slow", "docx-office-pdf pdf-slow-png png-paint-gif"),
        ("docx", "pdf", "books", "docx-office-html html-books-pdf"),
        ("png", "gif", "photoshop", "png-paint-gif"),
        ("pdf", "png", "office", ""),
        ("pdf", "png", "nobody", ""),
    ],
)
def test_an_engine_asked_for_takes_part(source, target, wanted, expected):
    assert told(planner.route("convert", source, target, engine=wanted)) == expected.split()


def test_the_operation_asked_for_comes_last_and_conversions_lead_to_it():
    assert told(planner.route("thumbnail", "docx", "png")) == ["docx-office-pdf", "pdf-pages-png"]
    assert [hop.operation.name for hop in planner.route("thumbnail", "docx", "png")] == [
        "convert",
        "thumbnail",
    ]


def test_nothing_leads_to_what_makes_no_other_format():
    assert told(planner.route("rotate", "pdf", "")) == ["pdf-turner-"]
    assert planner.route("rotate", "docx", "") == ()
    assert planner.offered("rotate", "pdf", None)
    assert not planner.offered("rotate", "docx", None)
    assert not planner.offered("rotate", "pdf", "pdf")


def test_what_takes_any_format_takes_all_at_once():
    [step] = planner.plan("archive", ["xyz", "txt"], "zip")

    assert step.key == ["archive", "zip", "", "zip"]
    assert planner.offered("archive", "xyz", "zip")


def test_files_of_different_formats_share_a_plan_in_which_each_finds_its_way():
    plan = planner.plan("convert", ["pdf", "docx"], "png")

    assert told(plan) == ["docx-office-pdf", "pdf-pages-png"]
    assert planner.plan("convert", ["pdf", "exe"], "png") is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "pages"),
        (("density",), "pages"),
        (("unheard-of",), "pages"),
        (("colours",), "slow"),
        (("density", "colours"), "slow"),
    ],
)
def test_options_choose_among_engines_that_do_it_in_one_hop(options, expected):
    [hop] = planner.route("convert", "pdf", "png", options=options)

    assert hop.operation.engine == expected


def test_options_never_make_a_way_longer():
    assert told(planner.route("convert", "docx", "png", options=("colours", "depth"))) == [
        "docx-office-pdf",
        "pdf-pages-png",
    ]


def test_only_who_is_there_does_anything():
    assert told(planner.route("convert", "pdf", "png", crew=crew("slow"))) == ["pdf-slow-png"]
    assert planner.route("convert", "docx", "png", crew=crew("office")) == ()
    assert not planner.offered("convert", "docx", "png", crew=crew("office"))
    assert [record.name for record in planner.there("import/url", crew(queues=["storage"]))] == ["import/url"]
    assert planner.there("import/url", crew("office")) == ()


@pytest.mark.parametrize(
    ("asked", "there", "expected"),
    [
        ("gpu", ("gpu", "paint"), "gpu"),
        ("gpu", ("paint",), "paint"),
        ("paint", (), "paint"),
        ("nobody", ("paint",), "nobody"),
    ],
)
def test_a_fallback_stands_in_for_who_is_not_there(asked, there, expected):
    assert planner.engine_for("convert", asked, crew(*there)) == expected
    assert planner.engine_for("convert", asked, None) == asked


def test_ways_are_all_that_route_finds():
    formats = sorted({each for record in EVERYBODY for pair in record.conversions for each in pair if each})
    for name in ("convert", "thumbnail"):
        listed = {(source, target): hops for source, target, hops in planner.ways(name, None)}

        for source in formats:
            for target in formats:
                if hops := planner.route(name, source, target):
                    assert listed.pop((source, target)) == hops
        assert listed == {}


def test_ways_of_what_lacks_a_side():
    def found(name):
        return [(source, target, told(hops)) for source, target, hops in planner.ways(name, None)]

    assert found("rotate") == [("pdf", None, ["pdf-turner-"])]
    assert found("archive") == [(None, "zip", ["-zip-zip"])]
    assert found("import/url") == [(None, None, ["-None-"])]
    assert list(planner.ways("import/url", crew("office"))) == []


def test_the_order_of_records_decides_between_equals(offer):
    twin = engine("twin", "pdf", "png jpg")
    offer(twin, *EVERYBODY)

    assert told(planner.route("convert", "docx", "png")) == ["docx-office-pdf", "pdf-twin-png"]
    offer(*EVERYBODY, twin)
    assert told(planner.route("convert", "docx", "png")) == ["docx-office-pdf", "pdf-pages-png"]


def test_nothing_goes_on_from_what_is_final(offer):
    other = engine("other", "docx", "pdf", final=True, cost=0.1)
    offer(other, *EVERYBODY)

    assert told(planner.route("convert", "docx", "pdf")) == ["docx-other-pdf"]
    assert told(planner.route("convert", "docx", "png")) == ["docx-office-pdf", "pdf-pages-png"]
    offer(other, engine("pages", "pdf", "png"))
    assert planner.route("convert", "docx", "png") == ()


def test_the_more_is_lost_on_the_way_the_more_it_costs():
    between = planner.BETWEEN

    assert all(0 < detour <= 2 for detour in between.values())
    assert between["pdf"] < between["docx"] < between["png"] < between["html"] < between["jpg"]
