from __future__ import annotations

import errno
import os
import subprocess
import time

import pytest

from engines._support import guard, launcher, memory_group, processes
from engines._support.cells import Cell
from engines._support.room import Profile, Room
from engines._support.tiers import Bubblewrap, Landlock
from jobs.contract import limits
from jobs.contract.errors import MemoryExceeded, TooMuchOutput

EAT = "x = bytearray(10**9)\nfor i in range(0, len(x), 4096): x[i] = 1\nimport time; time.sleep(60)"
# Each process holds little; together they hold too much.
SHARE = """
import os, time
for _ in range(6):
    if not os.fork():
        held = b"x" * 10**8
        time.sleep(60)
time.sleep(60)
"""
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users to give")
TIERS = [Bubblewrap(), pytest.param(Landlock(), marks=only_root)]
SMALL = Profile(memory=256 * 1024**2, processes=32, address_space=False)


@pytest.mark.parametrize("program", [EAT, SHARE], ids=["one process", "many processes"])
@pytest.mark.parametrize("by", ["the kernel", "us"])
def test_too_much_memory_ends_a_program(monkeypatch, program, by):
    if by == "us":
        monkeypatch.setattr(memory_group, "make", lambda limit: None)
    elif not memory_group.make(1 << 30):
        pytest.skip("this machine lets nobody make a memory group")

    with Cell(Room(), SMALL) as cell, pytest.raises(MemoryExceeded):
        launcher.run(["/usr/bin/python3", "-c", program], cell=cell, deadline=time.monotonic() + 60)


def test_too_much_on_disk_ends_a_program(monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "OUTPUT_BYTES", 10 * 1024**2)
    script = "for n in 1 2 3 4; do head -c 5000000 /dev/zero > $n; done; sleep 60"

    with (
        Cell(Room(write={"/output": tmp_path}, start="/output"), SMALL) as cell,
        pytest.raises(TooMuchOutput),
    ):
        launcher.run(["sh", "-c", script], cell=cell, deadline=time.monotonic() + 60)


def test_a_file_without_a_name_counts_too(monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "OUTPUT_BYTES", 10 * 1024**2)
    script = "exec 7> big; rm big; head -c 10000000 /dev/zero >&7; head -c 10000000 /dev/zero >&7; sleep 60"
    room = Room(write={"/output": tmp_path}, start="/output")

    with Cell(room, SMALL) as cell, pytest.raises(TooMuchOutput):
        launcher.run(["sh", "-c", script], cell=cell, deadline=time.monotonic() + 60)


ROOM_ON_DISK = 10 * 1024**2
WRITE = """
import mmap, os, socket, threading, time
os.chdir("/output" if os.path.isdir("/output") else os.environ["HERE"])
data = b"x" * 3_000_000

def make(name):
    with open(name, "wb") as file:
        for _ in range(3):
            file.write(data)
"""
LINKED = (
    WRITE
    + """
for name in ("a", "b"):
    make(name)
    os.link(name, name * 2)
time.sleep(60)
"""
)
DEEP = (
    WRITE
    + """
for _ in range(40):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
make("a")
time.sleep(60)
"""
)
IN_FLIGHT = (
    WRITE
    + """
one, other = socket.socketpair()
for n in range(9):
    make(f"{n}")
    fd = os.open(f"{n}", os.O_RDONLY)
    socket.send_fds(one, [b"x"], [fd])
    os.close(fd)
    os.unlink(f"{n}")
time.sleep(60)
"""
)
MAPPED = (
    WRITE
    + """
held = []
for n in range(9):
    make(f"{n}")
    fd = os.open(f"{n}", os.O_RDWR)
    held.append(mmap.mmap(fd, 4096))
    os.close(fd)
    os.unlink(f"{n}")
time.sleep(60)
"""
)
DAEMON = """
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        held = b"x" * 4 * 10**8
        time.sleep(60)
    os._exit(0)
time.sleep(60)
"""
NEVER_NAMED = """
import os, time
fd = os.memfd_create("x")
for _ in range(100):
    os.write(fd, b"x" * 4_000_000)
time.sleep(60)
"""


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
@pytest.mark.parametrize(
    "program",
    [LINKED, DEEP, IN_FLIGHT, MAPPED],
    ids=["two names", "too deep for a name", "on its way in a socket", "only mapped"],
)
def test_there_is_no_hiding_place_on_disk(monkeypatch, tmp_path, program, tier):
    monkeypatch.setattr(limits, "OUTPUT_BYTES", ROOM_ON_DISK)
    (made := tmp_path / "made").mkdir()
    room = Room(write={"/output": made}, start="/output")

    with Cell(room, SMALL, tier=tier) as cell, pytest.raises(TooMuchOutput):
        launcher.run(
            ["/usr/bin/python3", "-c", program],
            cell=cell,
            environment={"HERE": cell.named("/output")},
            deadline=time.monotonic() + 30,
        )


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
@pytest.mark.parametrize("program", [DAEMON, NEVER_NAMED], ids=["a daemon", "a file that had no name"])
def test_there_is_no_hiding_place_in_memory(monkeypatch, program, tier):
    monkeypatch.setattr(memory_group, "make", lambda limit: None)

    with Cell(Room(), SMALL, tier=tier) as cell, pytest.raises(MemoryExceeded):
        launcher.run(["/usr/bin/python3", "-c", program], cell=cell, deadline=time.monotonic() + 30)


def test_a_folder_that_is_closed_to_us_is_too_much(monkeypatch, tmp_path):
    def closed(folder):
        raise PermissionError(errno.EACCES, "closed")

    monkeypatch.setattr(os, "scandir", closed)

    assert not guard.is_within([tmp_path])


def test_one_that_cannot_be_looked_at_leaves_the_others_watched(monkeypatch):
    monkeypatch.setattr(memory_group, "make", lambda limit: None)
    other = subprocess.Popen(["sleep", "60"])
    broken = guard.guard(other.pid, uid=None, memory=1 << 30, folders=(), group=None)
    monkeypatch.setattr(broken, "look", lambda *_, **how: 1 / 0)

    try:
        with Cell(Room(), SMALL) as cell, pytest.raises(MemoryExceeded):
            launcher.run(["/usr/bin/python3", "-c", EAT], cell=cell, deadline=time.monotonic() + 30)
    finally:
        other.kill()
        other.wait()
        broken.end()


def test_a_warm_child_may_write_as_much_again_for_its_next_work(monkeypatch):
    so_far = {1: 50, 2: 7}
    monkeypatch.setattr(processes, "written", lambda pid: so_far[pid])
    count = processes.Written()

    assert count.by([1]) == 50
    so_far[1] = 80
    assert count.by([1, 2]) == 87
    assert count.by([2]) == 87
    count.begin()
    so_far[2] = 10
    assert count.by([2]) == 3


def test_what_a_sparse_file_claims_is_nobodys_room_and_depth_is_no_hiding_place(monkeypatch, tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**12)
    assert guard.is_within([tmp_path])

    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "x").write_bytes(b"x" * 10**6)
    monkeypatch.setattr(limits, "OUTPUT_BYTES", 10**5)

    assert not guard.is_within([tmp_path])


def test_too_many_entries_are_too_much(monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "OUTPUT_FILES", 2)
    for number in range(9):
        (tmp_path / f"{number}").touch()

    assert not guard.is_within([tmp_path])


def test_the_tree_of_a_process_is_all_that_descends_from_it():
    parents = {2: 1, 3: 2, 4: 3, 5: 1, 6: 5}

    assert processes.tree(2, parents) == {2, 3, 4}


def test_the_memory_of_a_process_is_known():
    assert processes.memory_of(os.getpid()) > 1024**2
    assert processes.memory_of(2**22 - 1) == 0


def test_a_memory_group_takes_in_what_a_process_had_started_before():
    group = memory_group.make(1 << 30)
    if not group:
        pytest.skip("this machine lets nobody make a memory group")
    parent = subprocess.Popen(["sh", "-c", "sleep 600 & sleep 600"])
    while len(memory_group.children(parent.pid)) < 2:
        assert parent.poll() is None
    below = memory_group.children(parent.pid)

    group.add(parent.pid)

    held = {int(word) for word in (group.folder / "cgroup.procs").read_text().split()}
    assert held == {parent.pid, *below}
    for pid in held:
        os.kill(pid, 9)
    parent.wait()
    while (group.folder / "cgroup.procs").read_text():
        time.sleep(0.01)
    group.remove()
    assert not group.folder.exists()


def test_a_group_serves_one_program_after_the_other_unless_one_took_too_much():
    first = memory_group.make(1 << 29)
    if not first:
        pytest.skip("this machine lets nobody make a memory group")
    first.release()
    again = memory_group.make(1 << 29)
    assert again is first

    memory_group.remove_kept()
    with Cell(Room(), SMALL) as cell, pytest.raises(MemoryExceeded):
        launcher.run(["/usr/bin/python3", "-c", EAT], cell=cell, deadline=time.monotonic() + 60)

    assert not memory_group._KEPT[SMALL.memory]
    again.remove()
