"""Parts come in order, a few at a time."""

from __future__ import annotations

import contextvars
import threading
from contextlib import closing

import pytest

from storage._support import side_by_side


def test_what_is_done_comes_in_its_order_whoever_is_first():
    second = threading.Event()

    def do(number):
        if number == 0:
            assert second.wait(10)
        if number == 1:
            second.set()
        return number * 10

    assert list(side_by_side.in_order(do, 5, width=2)) == [0, 10, 20, 30, 40]


def test_one_is_done_by_the_thread_that_asks():
    assert list(side_by_side.in_order(lambda _: threading.current_thread(), 1, width=4)) == [
        threading.current_thread()
    ]


def test_no_more_than_the_width_are_begun_before_they_are_asked_for():
    begun = []

    with closing(side_by_side.in_order(begun.append, 10, width=3)) as doing:
        next(doing)

    assert sorted(begun) == [0, 1, 2]


def test_a_failure_is_raised_when_those_that_had_begun_have_ended():
    ended = []
    failed = threading.Event()

    def do(number):
        if number == 1:
            failed.set()
            raise ValueError("no")
        if number == 2:
            assert failed.wait(10)
        ended.append(number)

    with pytest.raises(ValueError, match="no"):
        list(side_by_side.in_order(do, 100, width=3))

    assert 2 in ended
    assert len(ended) <= 3


def test_the_threads_know_what_the_asking_one_knows():
    known = contextvars.ContextVar("known", default="nothing")
    known.set("a secret to hide")

    assert set(side_by_side.in_order(lambda _: known.get(), 4, width=2)) == {"a secret to hide"}
