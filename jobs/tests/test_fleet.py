from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import fleet
from jobs.models import Worker

pytestmark = pytest.mark.django_db


def announce(name="w1", queues=("storage", "ffmpeg"), **tools):
    fleet.announce(name, queues=list(queues), tools=tools, running=0)


def silent(name, **ago):
    Worker.objects.filter(pk=name).update(seen_at=timezone.now() - timedelta(**ago))
    fleet.forget()


def test_nobody_knows_what_there_is_before_a_worker_was_seen():
    now = fleet.look()

    assert not now.live
    assert now.known is None


def test_what_workers_have_between_them():
    announce(ffmpeg=["5.1", "7.1"], quiet=[])
    announce("w2", queues=["storage"], ffmpeg=["7.1", "5.1"])

    live = fleet.look().live

    assert live.engines == {"ffmpeg", "quiet"}
    assert live.queues == {"storage", "ffmpeg"}
    assert live.versions == {"ffmpeg": ("5.1", "7.1")}
    assert live.own == {"ffmpeg": ("5.1", "7.1")}


@pytest.mark.parametrize(
    ("ago", "live", "lately", "known"),
    [
        ({"seconds": 5}, True, True, True),
        ({"seconds": 40}, False, True, True),
        ({"minutes": 3}, False, False, True),
        ({"hours": 25}, False, False, None),
    ],
)
def test_who_is_silent_is_remembered_for_a_day(ago, live, lately, known):
    announce(ffmpeg=["5.1"])
    silent("w1", **ago)

    now = fleet.look()

    assert (bool(now.live), bool(now.lately), now.known and bool(now.known)) == (live, lately, known)


def test_who_leaves_is_gone_at_once_but_may_be_back():
    announce(ffmpeg=["5.1"])

    fleet.leave("w1")

    now = fleet.look()
    assert (bool(now.live), now.lately.can_run("ffmpeg", "5.1"), fleet.alive()) == (False, True, [])
    announce(ffmpeg=["5.1"])
    assert fleet.look().live.can_run("ffmpeg", "")


def test_a_look_is_good_for_a_while(django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(fleet, "GOOD_FOR", 300)
    announce(ffmpeg=["5.1"])
    with django_assert_num_queries(1):
        first = fleet.look()
    Worker.objects.all().delete()

    with django_assert_num_queries(0):
        assert fleet.look() is first


def test_the_forgotten_are_removed():
    announce()
    announce("w2")
    silent("w1", hours=25)

    fleet.forget_silent()

    assert list(Worker.objects.values_list("pk", flat=True)) == ["w2"]
