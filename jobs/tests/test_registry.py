from __future__ import annotations

import pytest

from jobs import registry

pytestmark = pytest.mark.usefixtures("fakes")


def test_a_route_takes_hops_when_nobody_converts_directly():
    hops = registry.route("convert", "txt", "png")

    assert [hop.key for hop in hops] == [
        ["convert", "shouter", "txt", "pdf"],
        ["convert", "painter", "pdf", "png"],
    ]


def test_files_of_different_formats_share_a_plan_in_which_each_finds_its_way():
    plan = registry.plan("convert", ["pdf", "txt"], "png")

    assert [(hop.source, hop.target) for hop in plan] == [("txt", "pdf"), ("pdf", "png")]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("txt", "pdf", True),
        ("txt", "png", True),
        (None, "png", True),
        ("png", "txt", False),
        (None, "exe", False),
    ],
)
def test_offered(source, target, expected):
    assert registry.offered("convert", source, target) is expected


def test_a_hop_survives_its_row():
    [hop] = registry.route("convert", "txt", "pdf")

    assert registry.hop(hop.key) == hop


def test_a_hop_no_longer_offered_is_a_lookup_error():
    with pytest.raises(LookupError):
        registry.hop(["convert", "gone", "txt", "pdf"])


def test_an_operation_that_takes_any_input_needs_no_source():
    [step] = registry.plan("archive", ["xyz", "txt"], "zip")

    assert step.key == ["archive", "archivetool", "", "zip"]
    assert [hop.source for hop in registry.route("capture-website", "", "png")] == [""]
