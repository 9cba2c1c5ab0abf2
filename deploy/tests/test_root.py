"""A newer Debian's engines beside this machine's: a folder that deploy/root.sh makes, served by a worker."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest

from deploy import places
from engines import poppler
from engines._support import inner_code, launcher
from engines._support.cells import Cell
from engines._support.process import Process
from engines._support.room import OUTPUT, Room
from engines._support.warm import Warm
from engines.tests.context import RunContext
from jobs import fleet, intake, services
from jobs.contract import Command, Operation, Tool, Work, pairs
from jobs.models import Task
from jobs.tests import flow, kept
from storage import base64 as imports
from workers import executor, versions
from workers.heartbeat import Heartbeat

pytestmark = [pytest.mark.needs("mmdebstrap", "bwrap", "pdftocairo", "qpdf"), pytest.mark.timeout(900)]

PACKAGES = ("poppler-utils", "python3", "qpdf")
CHILD = """
import os, sys
from pathlib import Path
from engines._support.child import serve

def handle(request, percent):
    Path(request["out"]).write_text(f"{sys.version_info[0]}.{sys.version_info[1]} {os.getpid()}")
    return {"files": [Path(request["out"]).name]}

serve(handle)
"""


@pytest.fixture(scope="session")
def system() -> Path:
    """A small system of another Debian, made once and kept for the next time."""
    beside = places.work_folder(places.ROOT / "var", is_root=os.geteuid() == 0)
    recipe = (places.ROOT / "deploy/root.sh").read_bytes() + " ".join(PACKAGES).encode()
    folder = beside.with_name(f"{beside.name}-root-{hashlib.sha256(recipe).hexdigest()[:12]}")
    script = places.ROOT / "deploy/root.sh"
    done = subprocess.run([script, folder, "trixie", *PACKAGES], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(autouse=True)
def _ended():
    yield
    launcher.kill_all()


def said(room: Room, script: str) -> str:
    with Cell(room) as cell:
        outcome = launcher.run(["sh", "-c", script], cell=cell, deadline=RunContext().deadline)
    assert outcome.returncode == 0, outcome.words
    return outcome.stdout


def version_of(text: str) -> str:
    return re.search(r"\d+\.\d+(\.\d+)?", text)[0]


def test_programs_of_a_system_see_its_files_and_none_of_this_machine(system, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    room = Room(write={OUTPUT: out}, start=OUTPUT, system=system)

    theirs = version_of(said(room, "qpdf --version"))
    ours = version_of(said(Room(), "qpdf --version"))

    assert theirs > ours
    assert said(room, "readlink /bin; readlink /usr/bin/awk") == "usr/bin\n/etc/alternatives/awk\n"
    shown = said(
        room, f"ls -d /etc/* {system} /home /root /var/lib/dpkg /etc/shadow 2>/dev/null; true"
    ).split()
    assert "/etc/alternatives" in shown
    assert not {f"{system}", "/home", "/root", "/var/lib/dpkg", "/etc/shadow"} & set(shown)
    assert all(line.startswith("engine:") for line in said(room, "cat /etc/passwd").splitlines())
    with pytest.raises(AssertionError, match=r"[Rr]ead-only"):
        said(room, "touch /usr/bin/x")


def test_what_a_system_lacks_is_not_installed_there(system):
    assert launcher.installed("qpdf", system)
    assert launcher.installed("/usr/bin/python3", system)
    assert not launcher.installed("ffmpeg", system)
    assert not launcher.installed("/usr/bin/ffmpeg", system)


def test_fonts_are_this_machines(system, tmp_path):
    room = Room(system=system)

    assert said(room, "ls /usr/share/fonts/truetype") == said(Room(), "ls /usr/share/fonts/truetype")
    assert said(room, "cat /etc/fonts/fonts.conf") == Path("/etc/fonts/fonts.conf").read_text()
    # Its own parts of /etc may lead into a system that lacks what this machine has.
    assert said(room, "cd /etc/fonts/conf.d && cat *.conf | wc -c").strip() != "0"


def tell(work: Work) -> list[Command]:
    return [Command(argv=["sh", "-c", f"qpdf --version > {work.output}"], outputs=(work.output,))]


WARM = Warm(name="telling", script="telling_child.py", request=lambda work: {"out": f"{work.output}"})
QPDF = Tool(name="qpdf", argv=("qpdf", "--version"))
PYTHON = Tool(name="python", argv=("python3", "--version"))
RECORDS = (
    Operation(
        name="convert",
        engine="teller",
        queue="teller",
        help="",
        run=Process(tell),
        conversions=pairs({"txt"}, {"log"}),
        tool=QPDF,
    ),
    Operation(
        name="convert",
        engine="warm",
        queue="warm",
        help="",
        run=WARM,
        conversions=pairs({"txt"}, {"md"}),
        tool=PYTHON,
    ),
    *(record for record in poppler.OPERATIONS if record.name == "convert"),
    *imports.OPERATIONS,
)


@pytest.fixture
def worker(system, settings, db):
    """A worker with the system beside its own, as it starts: it asks what there is, and tells."""
    script = inner_code.folder() / "engines" / "_support" / WARM.script
    script.write_text(CHILD)
    settings.ATHANOR_ENGINE_ROOTS = (f"{system}",)
    with flow.offered(*RECORDS):
        tools = dict(versions.found(["teller", "warm", "poppler"]))
        station = executor.Station("worker-1", "host", tools, Heartbeat())
        fleet.announce(
            "worker-1",
            queues=["storage"],
            tools={name: list(each) for name, each in tools.items()},
            running=0,
        )
        yield station
        WARM.close()
        WARM._closed = False


@pytest.fixture
def convert(worker, owner):
    def run(data: bytes = b"text", name: str = "a.txt", **task):
        tasks = {
            "in": {"operation": "import/base64", "file": base64.b64encode(data).decode(), "filename": name},
            "made": {"operation": "convert", "input": "in", **task},
        }
        job = services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)
        while any(executor.run_next(queue, worker) for queue in ("storage", "teller", "warm", "poppler")):
            pass
        made = Task.objects.get(job=job, name="made")
        assert made.status == "finished", (made.message, made.output)
        return made

    return run


def content(task: Task) -> str:
    return kept.content(task.files.get().key).decode()


def test_a_worker_serves_both_versions_and_runs_the_one_that_is_asked_for(worker, convert, system):
    here, there = worker.tools["teller"]
    assert list(worker.tools["teller"].values()) == [None, system]

    usual = convert(output_format="log")
    newer = convert(output_format="log", engine_version="latest")
    older = convert(output_format="log", engine_version=here.split(".")[0])

    assert [task.engine_version for task in (usual, newer, older)] == [here, there, here]
    assert [version_of(content(task)) for task in (usual, newer, older)] == [here, there, here]


def test_a_real_engine_of_another_system_does_its_work(worker, convert, samples, system):
    _, there = worker.tools["poppler"]
    assert worker.tools["poppler"][there] == system
    pdf = (samples / "tika_text.pdf").read_bytes()

    made = convert(pdf, "a.pdf", output_format="txt", engine="poppler", engine_version=there)

    assert made.engine_version == there
    assert "Tika" in content(made)


def test_warm_children_of_each_version_wait_for_more(worker, convert):
    here, there = worker.tools["warm"]

    told = [content(convert(output_format="md", engine_version=each)) for each in (here, there, here, there)]

    assert [each.split()[0] for each in told] == [".".join(each.split(".")[:2]) for each in (here, there) * 2]
    assert told[:2] == told[2:], "the same children"


def test_a_version_whose_children_do_not_start_is_not_served(worker, system, monkeypatch):
    script = inner_code.folder() / "engines" / "_support" / WARM.script
    script.write_text("import sys\nassert sys.version_info < (3, 13)\n" + CHILD)

    assert list(dict(versions.found(["warm"]))["warm"].values()) == [None]
