from __future__ import annotations

import pytest

from jobs import registry
from jobs.contract import Operation, Tool
from jobs.contract.errors import EngineTimeout
from jobs.tests import flow
from workers import versions


def engine(name, tool=None, queue=None):
    return Operation(name="convert", engine=name, queue=queue or name, help="", run=flow.shout, tool=tool)


GOOD = engine("good", Tool(name="good", argv=("sh", "version 7.1.5")))
HANGS = engine("hangs", Tool(name="hangs", argv=("sh", "hang")))
MISSING = engine("missing", Tool(name="missing", argv=("no-such-program",)))
PLAIN = engine("plain")


@pytest.fixture(autouse=True)
def launcher(monkeypatch):
    def ask(argv, **_more):
        if argv[1] == "hang":
            raise EngineTimeout
        return argv[1]

    monkeypatch.setattr(registry.launcher(), "ask", ask)
    with flow.offered(GOOD, HANGS, MISSING, PLAIN):
        yield


def found(*queues, **more):
    return dict(versions.found(queues, **more))


def test_what_answers_is_here_and_what_has_no_program_too():
    assert found("good", "hangs", "missing", "plain") == {"good": {"7.1.5": None}, "plain": {}}


def test_what_is_not_here_of_the_queues_is_named():
    assert versions.missing(["good", "hangs", "missing"], ["good", "plain"]) == ["hangs", "missing"]


def test_only_engines_of_the_queues_are_asked_and_not_those_that_are_known():
    assert found("plain") == {"plain": {}}
    assert found("good", "plain", but=["good"]) == {"plain": {}}
