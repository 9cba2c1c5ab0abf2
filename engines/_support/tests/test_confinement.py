from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import time
from pathlib import Path

import pytest

from engines._support import confinement, inner_code, launcher, memory_group, syscalls, trial
from engines._support.cells import BROWSER, USUAL, Cell
from engines._support.confinement import ASKED, UNSAFE, Unsafe
from engines._support.room import Room
from engines._support.tiers import Bubblewrap, Landlock, Unlocked
from jobs.contract import limits
from jobs.contract.erasing import erase
from jobs.contract.errors import Unconfined

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users to give")
TIERS = [Bubblewrap(), pytest.param(Landlock(), marks=only_root)]


def none_holds(monkeypatch) -> None:
    monkeypatch.setattr(confinement, "_holes", lambda tier: [f"{tier.name} leaks"])


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_a_tier_proves_itself(tier):
    assert trial.holes(tier) == []


@only_root
@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_a_tier_proves_itself_whatever_the_umask(tier):
    before = os.umask(0o077)
    try:
        assert trial.holes(tier) == []
    finally:
        os.umask(before)


def test_what_children_run_can_be_read_by_the_users_they_are(monkeypatch):
    before = os.umask(0o077)
    try:
        folder = inner_code.folder.__wrapped__()
    finally:
        os.umask(before)

    closed = [path for path in folder.rglob("*") if not path.stat().st_mode & stat.S_IROTH]
    assert closed == []
    erase(folder)


def test_the_first_tier_that_holds_is_taken():
    chosen, said = confinement.choose({})

    assert chosen.name == "bubblewrap"
    assert "confined by bubblewrap" in said


def test_the_second_tier_takes_over_and_says_why(monkeypatch):
    monkeypatch.setattr(
        confinement, "_holes", lambda tier: ["forbidden"] if tier.name == "bubblewrap" else []
    )

    chosen, said = confinement.choose({})

    assert chosen.name == "landlock"
    assert "bubblewrap: forbidden" in said


def test_with_none_nothing_is_run(monkeypatch):
    none_holds(monkeypatch)

    with pytest.raises(Unsafe, match=r"bubblewrap leaks.*landlock leaks.*" + UNSAFE):
        confinement.choose({})


@pytest.mark.parametrize("text", ["", "0", "no", "maybe"])
def test_only_the_switch_itself_runs_engines_unconfined(monkeypatch, text):
    none_holds(monkeypatch)

    assert confinement.choose({UNSAFE: "1"})[0].name == "none"
    with pytest.raises(Unsafe):
        confinement.choose({UNSAFE: text})


def test_a_tier_can_be_asked_for_and_an_unknown_one_is_refused(monkeypatch):
    monkeypatch.setattr(confinement, "_holes", lambda tier: [])

    assert confinement.choose({ASKED: "landlock"})[0].name == "landlock"
    with pytest.raises(Unsafe, match="none of auto, bubblewrap, landlock"):
        confinement.choose({ASKED: "chains"})


def test_a_tier_that_does_not_hold_is_not_taken_though_it_was_asked_for(monkeypatch):
    none_holds(monkeypatch)

    with pytest.raises(Unsafe):
        confinement.choose({ASKED: "bubblewrap"})


def test_a_probe_that_could_not_work_proves_nothing():
    quiet = dict.fromkeys(trial.HOLES, False)

    assert trial.verdict({**quiet, "could_read": True, "could_write": True}) == []
    assert trial.verdict({**quiet, "could_read": True, "could_write": False})
    assert trial.verdict({"could_read": True, "could_write": True}) == list(trial.HOLES.values())
    assert trial.verdict({**quiet, "tcp": True, "could_read": True, "could_write": True}) == [
        trial.HOLES["tcp"]
    ]


@only_root
@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_a_program_runs_as_nobody_else(tier):
    users = []
    for _ in range(2):
        with Cell(Room(), tier=tier) as one, Cell(Room(), tier=tier) as other:
            for cell in (one, other):
                deadline = time.monotonic() + 20
                users.append(
                    (cell.identity.uid, launcher.run(["id", "-u"], cell=cell, deadline=deadline).stdout)
                )

    assert all(uid not in {0, os.geteuid()} for uid, _ in users)
    assert users[0] != users[1]


@only_root
def test_a_daemon_of_the_second_tier_does_not_survive(tmp_path):
    with Cell(Room(write={"/output": tmp_path}, start="/output"), tier=Landlock()) as cell:
        script = "(setsid sleep 600 &) ; (setsid sh -c 'while :; do (sleep 600 &) ; sleep 0.01; done' &)"
        launcher.run(["sh", "-c", script], cell=cell, deadline=time.monotonic() + 20)
        uid = cell.identity.uid

        assert [
            folder for folder in Path("/proc").iterdir() if folder.name.isdigit() and is_of(folder, uid)
        ] == []


def uid_of_a_program_in(cell: Cell) -> int:
    program = launcher.start(["cat"], cell=cell, stdin=-1)
    pids = {program.process.pid, *memory_group.children(program.process.pid)}
    uids = {Path(f"/proc/{pid}").stat().st_uid for pid in pids}
    program.kill()
    [uid] = uids
    return uid


def is_of(folder: Path, uid: int) -> bool:
    try:
        zombie = "Z" in (folder / "stat").read_text().rpartition(")")[2].split()[0]
        return folder.stat().st_uid == uid and not zombie
    except OSError:
        return False


@only_root
def test_the_browser_is_not_run_by_the_second_tier():
    assert Landlock().admits(USUAL)
    assert not Landlock().admits(BROWSER)
    with Cell(Room(), BROWSER, tier=Landlock()) as cell, pytest.raises(Unconfined):
        launcher.run(["true"], cell=cell, deadline=time.monotonic() + 20)


def test_root_runs_no_browser_that_nothing_locks_in(monkeypatch):
    for user, runs in ((0, False), (1000, True)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)

        assert Unlocked().admits(USUAL)
        assert Unlocked().admits(BROWSER) is runs


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_a_tier_whose_filter_cannot_be_made_is_none(monkeypatch, tier):
    def missing(name, **_):
        raise OSError

    syscalls.program.cache_clear()
    monkeypatch.setattr(syscalls.ctypes, "CDLL", missing)

    assert trial.holes(tier) == ["libseccomp.so.2 is not installed."]


TRY = """
import ctypes, json, socket, sys
libc = ctypes.CDLL(None, use_errno=True)

def works(attempt):
    try:
        return attempt() is not False
    except OSError:
        return False

def connects():
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])

def sends():
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", sys.argv[1] + "d")

def makes(family, pair=False):
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK):
        pass

print(json.dumps({
    "connects": works(connects),
    "sends": works(sends),
    "pair": works(lambda: socket.socketpair()),
    "families": [family for family in range(1, 46) if works(lambda: makes(family))],
    "lasting": [name for name, number in (("shm", 29), ("sem", 64), ("msg", 68))
                if libc.syscall(number, 0, 4096, 0o1600) >= 0],
}))
"""


def tried(profile, tier, folder) -> dict:
    with contextlib.ExitStack() as stack:
        for kind, name in ((socket.SOCK_STREAM, "s"), (socket.SOCK_DGRAM, "sd")):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            listener.bind(f"{folder / name}")
            (folder / name).chmod(0o777)
            if name == "s":
                listener.listen()
        cell = stack.enter_context(Cell(Room(), profile, tier=tier))
        argv = ["/usr/bin/python3", "-c", TRY, f"{folder / 's'}"]
        return json.loads(launcher.run(argv, cell=cell, deadline=time.monotonic() + 20).stdout)


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_sockets_that_are_open_to_everybody_are_not_for_engines(tier, tmp_path):
    found = tried(USUAL, tier, tmp_path)

    assert found == {"connects": False, "sends": False, "pair": True, "families": [], "lasting": []}


def test_a_browser_makes_no_sockets_but_those_of_its_own_network(tmp_path):
    found = tried(BROWSER, Bubblewrap(), tmp_path)

    assert set(found["families"]) <= {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
    assert not found["lasting"]


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_a_program_is_within_its_bounds(tier):
    with Cell(Room(), USUAL, tier=tier) as cell:
        told = launcher.run(["cat", "/proc/self/limits"], cell=cell, deadline=time.monotonic() + 60).stdout

    found = {line[:26].strip(): line[26:].split()[:2] for line in told.splitlines()[1:]}
    assert found["Max core file size"] == ["0", "0"]
    assert found["Max file size"] == [f"{limits.OUTPUT_BYTES}"] * 2
    assert found["Max processes"] == [f"{limits.PROCESSES}"] * 2
    assert found["Max open files"] == [f"{limits.OPEN_FILES}"] * 2
    assert found["Max address space"] == [f"{4 * limits.MEMORY_BYTES}"] * 2
    assert int(found["Max cpu time"][0]) <= 10 + 60 * (os.cpu_count() or 1)
