from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jobs.contract import limits


@pytest.mark.parametrize("limit", limits.LIMITS, ids=lambda limit: limit.name)
def test_every_limit_is_read_by_its_own_name(limit):
    assert getattr(limits, limit.name) == limit.read()


def test_a_limit_is_set_in_the_environment(monkeypatch):
    monkeypatch.setenv("ATHANOR_MAX_THINGS", "7")

    assert limits.Limit("THINGS", 5, "things", "").read() == 7


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "many", "1e9", "٣"])
def test_what_is_no_positive_number_is_refused(text, monkeypatch):
    monkeypatch.setenv("ATHANOR_MAX_THINGS", text)

    with pytest.raises(limits.LimitError, match=r"ATHANOR_MAX_THINGS=.* positive whole number of things"):
        limits.Limit("THINGS", 5, "things", "").read()


def test_only_what_the_operator_set_is_handed_on(monkeypatch):
    monkeypatch.setenv("ATHANOR_MAX_IMAGE_SIDE", "123")
    monkeypatch.setenv("ATHANOR_SECRET_KEY", "secret")

    assert limits.environment() == {"ATHANOR_MAX_IMAGE_SIDE": "123"}


def test_another_process_takes_what_was_handed_on():
    code = "from jobs.contract import limits; print(limits.IMAGE_SIDE, limits.IMAGE_PIXELS)"

    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{Path.cwd()}", "ATHANOR_MAX_IMAGE_SIDE": "123"},
        capture_output=True,
        check=True,
    ).stdout

    assert printed == b"123 100000000\n"
