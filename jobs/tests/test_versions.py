from __future__ import annotations

import pytest

from jobs import versions
from jobs.contract.errors import EngineGone
from jobs.crew import Crew
from jobs.fleet import Fleet

HERE = ("5.1.9", "7.1.5", "7.10.1")


def crew(**engines):
    return Crew(
        engines=frozenset(engines),
        versions={engine: tuple(found) for engine, found in engines.items() if found},
        own={engine: tuple(found[:1]) for engine, found in engines.items() if found},
    )


def fleet(live=None, lately=None, known=None):
    live = live or Crew()
    lately = lately or live
    return Fleet(live=live, lately=lately, known=known or (lately if lately else None))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("latest", "7.10.1"),
        ("7", "7.10.1"),
        ("7.1", "7.1.5"),
        ("7.1.5", "7.1.5"),
        ("5", "5.1.9"),
        ("7.1.50", None),
        ("1", None),
        ("7.1.", None),
    ],
)
def test_a_version_is_meant_by_its_first_numbers(wanted, found):
    assert versions.choose("ffmpeg", wanted, HERE) == found


def test_an_experimental_version_is_the_last_that_is_meant(settings):
    settings.ATHANOR_ENGINE_EXPERIMENTAL = (("ffmpeg", "7.10"), ("other", "7.1"))

    assert versions.choose("ffmpeg", "latest", HERE) == "7.1.5"
    assert versions.choose("ffmpeg", "7", HERE) == "7.1.5"
    assert versions.choose("ffmpeg", "7.10", HERE) == "7.10.1"


def test_the_default_is_what_workers_have_themselves_unless_the_operator_says_otherwise(settings):
    there = crew(ffmpeg=HERE, other=())

    assert versions.default("ffmpeg", there) == "5.1.9"
    settings.ATHANOR_ENGINE_DEFAULTS = {"ffmpeg": "7.1"}
    assert versions.default("ffmpeg", there) == "7.1.5"
    settings.ATHANOR_ENGINE_DEFAULTS = {"ffmpeg": "8"}
    assert versions.default("ffmpeg", there) == "5.1.9"
    assert versions.default("other", there) is None


def test_a_pin_is_a_version_that_somebody_has(settings):
    now = fleet(crew(ffmpeg=HERE, quiet=()))

    assert versions.pin("ffmpeg", None, now) == ""
    assert versions.pin("ffmpeg", "7.1", now) == "7.1.5"
    assert versions.pin("quiet", "latest", now) == ""
    settings.ATHANOR_ENGINE_DEFAULTS = {"ffmpeg": "7"}
    assert versions.pin("ffmpeg", None, now) == "7.10.1"
    settings.ATHANOR_ENGINE_DEFAULTS = {"ffmpeg": "8"}
    assert versions.pin("ffmpeg", None, now) == ""


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (fleet(crew(ffmpeg=HERE)), "there is 7.10.1, 7.1.5, 5.1.9"),
        (fleet(crew(ffmpeg=())), "there is none that can be asked for"),
        (fleet(crew(ffmpeg=HERE), known=crew(ffmpeg=["9.0"])), "there is 7.10.1"),
        (fleet(crew(other=HERE)), "there is none"),
    ],
)
def test_a_version_nobody_has_any_more_is_gone_and_the_others_are_named(now, words):
    with pytest.raises(EngineGone, match=words):
        versions.pin("ffmpeg", "9", now)


def test_a_worker_that_restarts_keeps_its_versions_meanwhile():
    restarting = fleet(crew(ffmpeg=["5.1.9"]), lately=crew(ffmpeg=HERE))
    alone = fleet(crew(other=()), known=crew(ffmpeg=["9.0"]))

    assert versions.pin("ffmpeg", "7.1", restarting) == "7.1.5"
    assert versions.pin("ffmpeg", "latest", restarting) == "5.1.9"
    assert versions.pin("ffmpeg", "9", alone) == "9.0"


def test_what_nobody_knows_is_kept_as_it_was_asked_for():
    assert versions.pin("ffmpeg", "7.1", fleet()) == "7.1"
