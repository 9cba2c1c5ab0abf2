"""Whose failure it is."""

from __future__ import annotations

import json

import pytest

from storage._support import strangers
from storage._support.sftp_session import Refusal


def failure(act):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each its own
        act()
    return caught.value


@pytest.mark.parametrize("text", ["<html>", "[" * 100_000])
def test_what_a_library_cannot_read_is_a_strangers(text):
    assert strangers.is_baffled(failure(lambda: json.loads(text)))


def own():
    return {}["a bug"]


def meant():
    raise Refusal(4, "no")


@pytest.mark.parametrize("act", [own, meant])
def test_a_bug_of_ours_stays_one(act):
    assert not strangers.is_baffled(failure(act))
