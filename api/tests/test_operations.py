from __future__ import annotations

import gzip

import pytest
from django.db import DatabaseError

from api import catalogue
from jobs import fleet

DOCX_PNG = {
    "operation": "convert",
    "input_format": "docx",
    "output_format": "png",
    "engine": "pages",
    "credits": 0,
    "meta": {"group": "image"},
    "deprecated": False,
    "experimental": False,
}


@pytest.fixture(autouse=True)
def _everybody(db, offers):
    everything = {record.engine: [] for record in offers if record.engine}
    fleet.announce("w0", queues=["storage"], tools=everything, running=0)


def rows(nobody, query="", path="/v2/operations"):
    body = nobody.get(f"{path}?{query}").json()
    assert list(body) == ["data"]
    return body["data"]


def pairs(found):
    return [(row["input_format"], row["output_format"], row["engine"]) for row in found]


def test_a_row_for_what_takes_two_hops(nobody):
    found = rows(nobody, "filter[input_format]=docx&filter[output_format]=png")

    assert found == [DOCX_PNG]


def test_filters_and_blank_ones(nobody):
    assert pairs(rows(nobody, "filter[operation]=convert&filter[input_format]=pdf&filter[engine]=")) == [
        ("pdf", "jpg", "pages"),
        ("pdf", "png", "pages"),
    ]
    assert pairs(rows(nobody, "filter[output_format]=jpeg")) == [
        ("docx", "jpg", "pages"),
        ("odt", "jpg", "pages"),
        ("pdf", "jpg", "pages"),
    ]
    assert rows(nobody, "filter[operation]=nonsense") == []


def test_other_engines_come_with_alternatives_or_by_name(nobody):
    query = "filter[operation]=convert&filter[input_format]=pdf&filter[output_format]=png"

    assert pairs(rows(nobody, query)) == [("pdf", "png", "pages")]
    assert pairs(rows(nobody, f"{query}&alternatives=true")) == [
        ("pdf", "png", "pages"),
        ("pdf", "png", "slowpages"),
    ]
    assert pairs(rows(nobody, f"{query}&filter[engine]=slowpages")) == [("pdf", "png", "slowpages")]


def test_engines_that_must_be_named_are_all_listed(nobody):
    found = rows(nobody, "filter[operation]=command")

    assert pairs(found) == [(None, None, "pages"), (None, None, "slowpages")]


def test_formats_are_the_conversions(nobody):
    found = rows(nobody, path="/v2/convert/formats")

    assert {row["operation"] for row in found} == {"convert"}
    assert found == rows(nobody, "filter[operation]=convert")
    assert rows(nobody, "filter[operation]=archive", path="/v2/convert/formats") == found


def test_operations_without_a_side_have_a_row_without_it(nobody):
    found = {row["operation"]: row for row in rows(nobody)}

    assert (found["archive"]["input_format"], found["archive"]["output_format"]) == (None, "zip")
    assert (found["watermark"]["input_format"], found["watermark"]["output_format"]) == ("png", None)
    assert pairs([found["import/url"]]) == [(None, None, None)]
    assert found["import/azure-blob"]
    assert "import/azure/blob" not in found


def test_every_operation_on_offer_is_listed_once_per_pair_and_engine(nobody, offers):
    found = rows(nobody, "alternatives=true")

    keys = [(row["operation"], *pair) for row, pair in zip(found, pairs(found), strict=True)]
    assert len(keys) == len(set(keys))
    direct = {
        (record.name, *pair, record.engine)
        for record in offers
        for pair in record.conversions or [(None, None)]
        if record.name != "import/azure/blob"
    }
    assert direct <= set(keys)


def test_options_when_included(nobody):
    [row] = rows(
        nobody, "filter[operation]=convert&filter[input_format]=pdf&filter[output_format]=png&include=options"
    )

    assert row["options"] == [
        {"name": "password", "type": "string", "default": None, "possible_values": []},
        {"name": "pixel_density", "type": "integer", "default": 150, "possible_values": []},
        {"name": "fit", "type": "enum", "default": "max", "possible_values": ["max", "crop"]},
    ]


PAGES = "filter[operation]=convert&filter[input_format]=pdf&filter[output_format]=png"


def test_versions_are_those_of_live_workers(nobody):
    fleet.announce("w1", queues=["pages"], tools={"pages": ["22.9.1", "25.3"]}, running=0)
    fleet.announce("w2", queues=["pages"], tools={"pages": ["22.12.0"]}, running=0)

    [row] = rows(nobody, f"{PAGES}&include=engine_versions")

    assert [(each["version"], each["latest"], each["default"]) for each in row["engine_versions"]] == [
        ("25.3", True, False),
        ("22.12.0", False, True),
        ("22.9.1", False, False),
    ]
    for version, known in {"22.9.1": 1, "22": 1, "latest": 1, "9": 0}.items():
        assert len(rows(nobody, f"{PAGES}&filter[engine_version]={version}")) == known


def test_versions_are_marked_as_the_operator_says(nobody, settings):
    settings.ATHANOR_ENGINE_DEFAULTS = {"pages": "25"}
    settings.ATHANOR_ENGINE_DEPRECATED = (("pages", "25"), ("pages", "21"))
    settings.ATHANOR_ENGINE_EXPERIMENTAL = (("pages", "26"), ("office", "25"))
    fleet.announce("w1", queues=["pages"], tools={"pages": ["22.1", "25.3", "26.1"]}, running=0)

    [row] = rows(nobody, f"{PAGES}&include=engine_versions")

    marks = {
        each.pop("version"): {name for name, value in each.items() if value}
        for each in row["engine_versions"]
    }
    assert marks == {"26.1": {"experimental"}, "25.3": {"default", "latest", "deprecated"}, "22.1": set()}
    assert (row["deprecated"], row["experimental"]) == (True, False)


def test_only_what_a_live_worker_has_is_listed(nobody):
    fleet.announce("w0", queues=["storage"], tools={"slowpages": []}, running=0)

    assert pairs(rows(nobody, "filter[operation]=convert&alternatives=true")) == [("pdf", "png", "slowpages")]
    assert {row["operation"] for row in rows(nobody)} >= {"import/url", "export/s3", "convert"}
    fleet.announce("w0", queues=[], tools={"office": []}, running=0)
    found = rows(nobody, "alternatives=true")
    assert {(row["operation"], row["engine"]) for row in found} == {("convert", "office")}
    fleet.leave("w0")
    assert rows(nobody) == []


def test_a_list_is_known_by_its_tag_and_packed_for_who_can_unpack(nobody):
    whole = nobody.get("/v2/operations")
    packed = nobody.get("/v2/operations", **{"Accept-Encoding": "gzip, br"})

    assert gzip.decompress(packed.content) == whole.content
    assert (packed["Content-Encoding"], packed["ETag"]) == ("gzip", whole["ETag"])
    assert nobody.get("/v2/operations", **{"If-None-Match": whole["ETag"]}).status_code == 304
    fleet.announce("w1", queues=["pages"], tools={"pages": ["25.3"]}, running=0)
    query = "/v2/operations?include=engine_versions"
    other = nobody.get(query, **{"If-None-Match": whole["ETag"]})
    assert other.status_code == 200


def test_defaults_are_what_java_reads_as_a_string(nobody):
    for row in rows(nobody, "include=options&alternatives=true"):
        for option in row["options"]:
            assert isinstance(option["default"], str | int | float | bool | None)
            assert all(isinstance(value, str) for value in option["possible_values"])
        assert all(isinstance(value, str) for value in row["meta"].values())


def test_a_long_list_is_kept_packed_only(nobody, monkeypatch):
    short = nobody.get("/v2/operations?alternatives=true").content
    monkeypatch.setattr(catalogue, "SHORT_BYTES", 10)
    catalogue.forget()

    assert nobody.get("/v2/operations?alternatives=true").content == short
    [answer] = catalogue.of(fleet.look().live)._answers.values()
    assert answer.short == b""


def test_what_is_kept_of_answers_is_bounded(nobody, monkeypatch):
    monkeypatch.setattr(catalogue, "KEPT_BYTES", 100)
    listing = catalogue.of(fleet.look().live)

    for number in range(5):
        rows(nobody, f"filter[engine]={number}&filter[nonsense]={number}")
        rows(nobody, f"filter[nonsense]={number}")

    assert len(listing._answers) <= 2


def test_a_plan_names_the_hops(nobody):
    fleet.announce("w0", queues=["storage"], tools={"pages": ["22.12"]}, running=0)
    fleet.announce("w1", queues=["office"], tools={"office": ["25.2"]}, running=0)
    fleet.leave("w1")

    plan = nobody.get("/v2/operations/plan?input_format=docx&output_format=jpeg").json()["data"]

    assert plan == {
        "operation": "convert",
        "input_format": "docx",
        "output_format": "jpg",
        "cost": 2.3,
        "hops": [
            {
                "operation": "convert",
                "engine": "office",
                "engine_version": None,
                "input_format": "docx",
                "output_format": "pdf",
                "cost": 1.0,
                "live": False,
            },
            {
                "operation": "convert",
                "engine": "pages",
                "engine_version": "22.12",
                "input_format": "pdf",
                "output_format": "jpg",
                "cost": 1.0,
                "live": True,
            },
        ],
    }


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("input_format=pdf&output_format=exe", {"output_format"}),
        ("", {"input_format", "output_format"}),
        ("operation=archive", {"output_format"}),
        ("operation=watermark", {"input_format"}),
        ("operation=nonsense", {"operation"}),
        ("input_format=pdf&output_format=png&engine=nobody", {"output_format"}),
        ("input_format=pdf&output_format=png&engine_version=9", {"engine_version"}),
    ],
)
def test_a_plan_there_is_not(nobody, query, fields):
    answer = nobody.get(f"/v2/operations/plan?{query}")

    assert (answer.status_code, set(answer.json()["errors"])) == (422, fields)


@pytest.mark.parametrize(
    ("query", "engine"),
    [
        ("operation=import/url", None),
        ("operation=archive&output_format=zip&input_format=x", "archiver"),
        ("operation=watermark&input_format=pdf", "pages"),
        ("input_format=pdf&output_format=png&engine=slowpages", "slowpages"),
    ],
)
def test_a_plan_of_one_hop(nobody, query, engine):
    [hop] = nobody.get(f"/v2/operations/plan?{query}").json()["data"]["hops"]

    assert hop["engine"] == engine


def test_ready_tells_the_workers(nobody, db):
    fleet.announce("w0", queues=["pages", "storage"], tools={}, running=0)
    fleet.announce("w1", queues=["more"], tools={}, running=0)
    fleet.leave("w1")

    answer = nobody.get("/readyz")

    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ready", "database": "ok", "workers": 1, "queues": ["pages", "storage"]},
    )


def test_not_ready_without_a_database(nobody, monkeypatch):
    def fail():
        raise DatabaseError("gone")

    monkeypatch.setattr(fleet, "alive", fail)

    answer = nobody.get("/readyz")

    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
    assert nobody.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense", ""])
def test_json_is_answered_whatever_is_accepted(nobody, accept):
    answer = nobody.get("/", Accept=accept, **{"Accept-Encoding": "application/json"})

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json()["name"] == "Athanor"
