"""A real program that kills itself, from the first start to the refusal."""

from __future__ import annotations

import pytest

from engines._support.process import Process
from jobs import intake, services
from jobs.contract import Command, Operation, Work, pairs
from jobs.models import Account, Task
from jobs.tests import flow
from workers import executor
from workers.heartbeat import Heartbeat

DEADLY = "kill -SEGV $$"


def run_script(work: Work) -> list[Command]:
    """Run the input as a script: whoever wrote it decides how the program ends."""
    return [Command(argv=["sh", f"{work.input}"], outputs=(work.output,))]


INTERPRETER = Operation(
    name="convert",
    engine="interpreter",
    queue="interpreter",
    help="Run a script.",
    run=Process(run_script),
    conversions=pairs({"txt"}, {"log"}),
)


@pytest.fixture
def convert(db):
    """Convert a script to its end, without pauses, and return its task."""
    station = executor.Station("worker", "host", {"interpreter": {"1": None}}, Heartbeat())

    def run(owner: Account, script: str) -> Task:
        tasks = {
            "in": {"operation": "import/raw", "file": script, "filename": "a.txt"},
            "run": {"operation": "convert", "input": "in", "output_format": "log"},
        }
        job = services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)
        executor.run_next("storage", station)
        while executor.run_next("interpreter", station):
            Task.objects.update(ready_at=None)
        return Task.objects.get(job=job, name="run")

    with flow.offered(INTERPRETER):
        yield run


def test_a_program_that_a_file_kills_is_not_started_on_it_again(convert, owner):
    other = Account.objects.create_user("other")

    first = convert(owner, DEADLY)
    again = convert(other, DEADLY)
    fine = convert(other, "echo hello > in.log")

    assert (first.code, first.attempt) == ("ENGINE_CRASHED", 2)
    assert (again.code, again.attempt, again.arguments) == ("INPUT_QUARANTINED", 1, "")
    assert (fine.status, fine.code) == ("finished", None)
