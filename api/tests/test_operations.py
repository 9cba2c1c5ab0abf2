from __future__ import annotations

import pytest
from django.db import DatabaseError

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


def test_versions_are_those_of_live_workers(nobody, db):
    fleet.announce("w1", queues=["pages"], tools={"pages": "22.9.1"}, running=0)
    fleet.announce("w2", queues=["pages"], tools={"pages": "22.12.0"}, running=0)
    query = (
        "filter[operation]=convert&filter[input_format]=pdf&filter[output_format]=png&include=engine_versions"
    )

    [row] = rows(nobody, query)

    assert [(each["version"], each["latest"], each["default"]) for each in row["engine_versions"]] == [
        ("22.12.0", True, True),
        ("22.9.1", False, False),
    ]
    assert len(rows(nobody, f"{query}&filter[engine_version]=22.9.1")) == 1
    assert rows(nobody, f"{query}&filter[engine_version]=9") == []


def test_ready_tells_the_workers(nobody, db):
    fleet.announce("w1", queues=["pages", "storage"], tools={}, running=0)

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
