from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from deploy import supervisor
from deploy.places import ROOT
from deploy.supervisor import Died, Program, Signals, Supervisor


def wait_for(ready, seconds=20):
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def said():
    return []


@pytest.fixture
def keeper(tmp_path, said):
    keeper = Supervisor(cwd=tmp_path, environment=dict(os.environ), logs=tmp_path, say=said.append)
    yield keeper
    keeper.stop()


def shell(name, script, stop_seconds=5.0):
    return Program(name, ("sh", "-c", script), stop_seconds)


@pytest.mark.parametrize(("deaths", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (5000, 30.0)])
def test_pauses_grow_to_a_limit(deaths, seconds):
    assert supervisor.pause(deaths) == seconds


def test_tail_is_the_end_of_a_log(tmp_path):
    log = tmp_path / "x.log"
    log.write_text("\n".join(f"{number}" for number in range(100)))

    assert supervisor.tail(log, 2) == "98\n99"
    assert supervisor.tail(tmp_path / "none.log") == ""


def test_a_large_log_is_set_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LOG_BYTES", 3)
    log = tmp_path / "x.log"
    log.write_text("long")

    supervisor.set_aside(log)
    supervisor.set_aside(log)

    assert not log.exists()
    assert (tmp_path / "x.log.1").read_text() == "long"


def test_the_last_words_of_the_dead_are_told(keeper):
    keeper.start(shell("broken", "echo no such luck; exit 3"))

    with pytest.raises(Died, match=r"(?s)broken ended with status 3.*no such luck"):
        wait_for(keeper.raise_if_dead)


def test_the_living_raise_nothing(keeper):
    keeper.start(shell("fine", "sleep 60"))

    keeper.raise_if_dead()


def test_the_dead_are_started_again_and_reported(keeper, said, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.01)
    keeper.start(shell("flaky", "touch $$.start; kill -KILL $$"))

    keeper.watch()

    wait_for(lambda: len(list(tmp_path.glob("*.start"))) >= 3)
    assert said[0].startswith("flaky was killed by SIGKILL; it is started again in 0.0 s")


def test_the_last_started_stops_first(keeper, tmp_path):
    script = "trap 'echo {0} >> order; exit' TERM; touch {0}.up; while :; do sleep 0.01; done"
    for name in ("redis", "asgi", "worker"):
        keeper.start(shell(name, script.format(name)))
    wait_for(lambda: len(list(tmp_path.glob("*.up"))) == 3)

    keeper.stop()

    assert (tmp_path / "order").read_text().split() == ["worker", "asgi", "redis"]


def test_what_does_not_stop_is_killed_with_its_children(keeper, said, tmp_path):
    keeper.start(shell("deaf", "trap '' TERM; sleep 600 & echo $! > child; wait", stop_seconds=0.1))
    wait_for(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip())
    child = int((tmp_path / "child").read_text())

    keeper.stop()

    wait_for(lambda: _is_gone(child))
    assert said == ["deaf did not stop; killing it"]


def test_in_a_hurry_nobody_is_waited_for(keeper, tmp_path):
    keeper.start(shell("deaf", "trap '' TERM; touch up; while :; do sleep 0.01; done", stop_seconds=600))
    wait_for((tmp_path / "up").exists)

    keeper.stop(hurry=lambda: True)


def test_children_die_with_their_supervisor(tmp_path):
    script = """
import os, sys
from pathlib import Path
from deploy.supervisor import Program, Supervisor
folder = Path(sys.argv[1])
keeper = Supervisor(cwd=folder, environment=os.environ, logs=folder, say=print)
keeper.start(Program("child", ("sh", "-c", "echo $$ > new; mv new pid; exec sleep 600"), 1.0))
while not (folder / "pid").exists():
    pass
os.kill(os.getpid(), 9)
"""
    program = Program("keeper", (sys.executable, "-c", script, f"{tmp_path}"), 1.0)
    outer = Supervisor(cwd=ROOT, environment=dict(os.environ), logs=tmp_path, say=lambda _: None)
    outer.start(program)
    wait_for((tmp_path / "pid").exists)

    child = int((tmp_path / "pid").read_text())

    wait_for(lambda: _is_gone(child))
    outer.stop()


def test_a_signal_that_ends_us_wakes_us():
    with Signals().caught() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        signals.wait()

    assert signals.endings == 1
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
