from __future__ import annotations

import contextlib
import ctypes
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engines._support import identities, launcher, memory_group, processes
from engines._support.cells import OFFICE, Cell
from engines._support.room import OUTPUT, Profile, Room
from engines._support.tiers import Bubblewrap, Landlock, Order, Wish
from jobs.contract.errors import EngineTimeout, MemoryExceeded, Stopped, TaskError, Unconfined

ROOT = Path(__file__).parents[3]
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users to give")
TIERS = [Bubblewrap(), pytest.param(Landlock(), marks=only_root)]
# A daemon: in a session of its own, and its parent is gone.
DAEMON = "(setsid sleep {0} &)"


def cell(folder: Path) -> Cell:
    return Cell(Room(write={OUTPUT: folder}, start=OUTPUT))


def run(script: str, folder: Path, *, seconds: float = 60, **how) -> launcher.Outcome:
    folder.mkdir(exist_ok=True)
    with cell(folder) as opened:
        return launcher.run(["sh", "-c", script], cell=opened, deadline=time.monotonic() + seconds, **how)


@pytest.fixture
def sleep() -> str:
    """A time to sleep that nobody else on this machine sleeps, so that who does is found by it."""
    return f"6{random.randrange(10**8):08d}"


def sleepers(sleep: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if sleep in (folder / "cmdline").read_text().split("\0")[1:2]:
                    found.append(int(folder.name))
    return found


def ends(pid: int, *, seconds: float = 20) -> bool:
    """Wait for a process that is not ours to end."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], seconds)[0])
    finally:
        os.close(fd)


@pytest.fixture(autouse=True)
def _no_descriptor_is_left_open(tmp_path):
    run("true", tmp_path)
    before = _descriptors()
    yield
    assert _descriptors() <= before


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def worker(tmp_path):
    """Start a worker of its own, which runs a script and tells what the script says."""
    started = []

    def start(script: str) -> tuple[subprocess.Popen[str], str]:
        program = (
            "import sys, pathlib\n"
            "from engines._support import launcher\n"
            "from engines._support.cells import OFFICE, Cell\n"
            "from engines._support.room import OUTPUT, Room\n"
            "cell = Cell(Room(write={OUTPUT: pathlib.Path(sys.argv[2])}, start=OUTPUT)).open()\n"
            "started = launcher.start(['sh', '-c', sys.argv[1]], cell=cell)\n"
            "print(started.stdout.readline().decode(), flush=True)\n"
            "started.process.wait()\n"
        )
        argv = [sys.executable, "-c", program, script, f"{tmp_path}"]
        process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout
        return process, process.stdout.readline()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_program_reads_what_it_is_told_on_its_standard_input(tmp_path):
    outcome = run("cat", tmp_path, stdin=b"a secret\n")

    assert outcome.stdout == "a secret\n"


@pytest.mark.parametrize("status", [0, 1, 77])
def test_the_exit_status_is_told(tmp_path, status):
    assert run(f"exit {status}", tmp_path).returncode == status


def test_a_death_by_signal_is_told(tmp_path):
    assert run("kill -SEGV $$", tmp_path).returncode == -signal.SIGSEGV


def test_both_outputs_are_kept(tmp_path):
    outcome = run("echo out; echo err >&2", tmp_path)

    assert outcome.stdout == "out\n"
    assert sorted(outcome.words.split()) == ["err", "out"]


def test_nothing_of_our_environment_reaches_a_program(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "x")

    seen = dict(line.split("=", 1) for line in run("env", tmp_path, environment={"MORE": "1"}).stdout.split())

    assert seen["MORE"] == "1"
    assert seen["HOME"] == "/tmp"
    assert "SECRET_KEY" not in seen


def test_no_open_file_of_ours_reaches_a_program(tmp_path):
    read, write = os.pipe()
    os.set_inheritable(write, True)

    assert f"{write}" not in run("ls /proc/$$/fd", tmp_path).stdout.split()

    os.close(read)
    os.close(write)


def test_standard_input_is_empty(tmp_path):
    assert run("cat; echo end", tmp_path).stdout == "end\n"


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program"])
def test_a_missing_program_is_a_clear_error(tmp_path, program):
    with pytest.raises(TaskError, match=r"^no-such-program is not installed|^program is not installed"):
        launcher.ask([program], deadline=time.monotonic() + 10)


def test_lines_of_both_outputs_are_handed_on_as_they_come(tmp_path):
    lines: list[str] = []

    def see(line: str) -> None:
        lines.append(line)
        if line == "second":
            (tmp_path / "go").touch()

    # It would never end if the lines came only at its end.
    script = "printf 'first\\rsecond\\n' >&2; until [ -e go ]; do sleep 0.01; done; echo third"
    run(script, tmp_path, on_line=see)

    assert lines == ["first", "second", "third"]


def test_a_last_line_needs_no_end(tmp_path):
    lines: list[str] = []

    run("echo one; printf two", tmp_path, on_line=lines.append)

    assert lines == ["one", "two"]


def test_what_a_reader_of_lines_raises_ends_the_run(tmp_path, sleep):
    def see(line: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(f"echo; sleep {sleep}", tmp_path, on_line=see)

    assert not sleepers(sleep)


def test_the_deadline_kills_the_whole_tree_daemons_included(tmp_path, sleep):
    seen: list[int] = []

    with pytest.raises(EngineTimeout):
        run(
            f"sleep {sleep} & {DAEMON.format(sleep)}; echo; wait",
            tmp_path,
            seconds=3,
            on_line=lambda _line: seen.extend(sleepers(sleep)),
        )

    assert seen
    assert not sleepers(sleep)


def test_a_run_that_ends_leaves_no_daemon(tmp_path, sleep):
    outcome = run(DAEMON.format(sleep), tmp_path, seconds=600)

    assert outcome.returncode == 0
    assert outcome.seconds < 300
    assert not sleepers(sleep)


def test_a_daemon_that_holds_the_pipes_and_floods_them_holds_up_nobody(tmp_path):
    outcome = run("for i in 1 2 3 4; do setsid yes & setsid yes >&2 & done", tmp_path, seconds=600)

    assert outcome.returncode == 0
    assert outcome.seconds < 300


def test_a_program_that_ignores_signals_is_killed_too(tmp_path, sleep):
    lines: list[str] = []

    with pytest.raises(Stopped):
        run(
            f"trap '' TERM INT HUP; echo; while :; do sleep {sleep}; done",
            tmp_path,
            on_line=lines.append,
            stopped=lambda: "enough" if lines else None,
        )

    assert not sleepers(sleep)


def test_a_reason_to_stop_stops_the_run_and_is_told(tmp_path):
    with pytest.raises(Stopped, match="cancelled"):
        run("sleep 600", tmp_path, stopped=lambda: "cancelled")


def test_what_a_program_said_before_it_was_killed_is_kept(tmp_path):
    seen: list[str] = []

    with pytest.raises(Stopped) as caught:
        run("echo why; sleep 600", tmp_path, on_line=seen.append, stopped=lambda: "x" if seen else None)

    assert caught.value.__notes__ == ["why\n"]


def test_a_flood_costs_no_memory_and_keeps_its_end():
    program = (
        "import sys, time, pathlib\n"
        "from engines._support import launcher\n"
        "from engines._support.cells import OFFICE, Cell\n"
        "from engines._support.room import Room\n"
        "script = 'yes 0123456789 | head -c 200000000; yes x | head -c 1000000 >&2; sleep 0; echo THE-END'\n"
        "with Cell(Room()) as cell:\n"
        "    outcome = launcher.run(['sh', '-c', script], cell=cell, deadline=time.monotonic() + 120)\n"
        "print(len(outcome.stdout), len(outcome.words), outcome.words[-8:].strip(),"
        # Not ru_maxrss: a child begins with its parent's.
        " int(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )

    captured, kept, end, megabytes = done.stdout.split()
    assert int(captured) == launcher.CAPTURED_BYTES
    assert int(kept) == launcher.KEPT_BYTES
    assert end == "THE-END"
    assert int(megabytes) < 100


def test_a_line_that_never_ends_costs_no_memory(tmp_path):
    lengths: list[int] = []

    run("head -c 20000000 /dev/zero; echo", tmp_path, on_line=lambda line: lengths.append(len(line)))

    assert lengths
    assert max(lengths) <= 2 * launcher.KEPT_BYTES


def test_several_programs_run_side_by_side(tmp_path):
    # Each ends only when the other has begun: one after the other would be for ever.
    begun = {"a": threading.Event(), "b": threading.Event()}
    statuses: list[int] = []

    def one(mine: str, other: str) -> None:
        def see(_line: str) -> None:
            begun[mine].set()
            assert begun[other].wait(30)

        statuses.append(run("echo", tmp_path / mine, on_line=see).returncode)

    threads = [threading.Thread(target=one, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [0, 0]


def test_a_program_outlives_the_thread_that_started_it():
    opened = Cell(Room()).open()
    started: list[launcher.Program] = []
    thread = threading.Thread(target=lambda: started.append(launcher.start(["cat"], cell=opened, stdin=-1)))
    thread.start()
    thread.join()
    [program] = started
    assert program.stdin

    program.stdin.write(b"still here\n")
    program.stdin.flush()

    assert program.stdout.readline() == b"still here\n"
    program.kill()
    opened.close()


def test_everything_dies_with_its_worker_daemons_included(worker, sleep):
    process, _line = worker(f"{DAEMON.format(sleep)}; echo; exec sleep {sleep}")
    while len(found := sleepers(sleep)) < 2:
        assert process.poll() is None

    process.kill()

    assert len(found) == 2
    assert all(ends(pid) for pid in found)


def test_the_programs_of_living_workers_are_no_strays(worker, sleep):
    process, _line = worker(f"echo; exec sleep {sleep}")
    while not sleepers(sleep):
        assert process.poll() is None

    launcher.kill_strays()

    [pid] = sleepers(sleep)
    assert not ends(pid, seconds=0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users to give")
def test_what_runs_as_a_user_of_the_pool_that_no_worker_uses_is_a_stray(sleep):
    unused = identities.take()
    unused.release()
    user = [f"--reuid={unused.uid}", f"--regid={unused.gid}", "--clear-groups"]
    stray = subprocess.Popen(["setpriv", *user, "sleep", sleep])
    while Path(f"/proc/{stray.pid}").stat().st_uid != unused.uid:
        assert stray.poll() is None

    launcher.kill_strays()

    assert ends(stray.pid)
    stray.wait()


TAKE_NAMES = """
import socket, sys, time
held = []
for uid in range(60_800, 61_056):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        held.append(socket.socket(socket.AF_UNIX, kind))
        try:
            held[-1].bind(f"\\0athanor-engine-{uid}")
        except OSError:
            pass
try:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
except OSError:
    print("taken", flush=True)
time.sleep(60)
"""


@only_root
def test_no_program_can_take_the_users_that_others_run_as():
    with Cell(Room(), OFFICE, tier=Landlock()) as opened:
        program = launcher.start(["/usr/bin/python3", "-c", TAKE_NAMES], cell=opened)
        assert program.stdout.readline() == b"taken\n"

        with Cell(Room(), tier=Landlock()) as other:
            found = launcher.run(["echo", "runs"], cell=other, deadline=time.monotonic() + 20)

        program.kill()
    assert found.stdout == "runs\n"


@only_root
def test_a_worker_that_looks_for_strays_takes_no_user_from_those_who_start_programs(monkeypatch):
    def sweeping(tier, identity):
        identities.take().release()

    unused = identities.take()
    unused.release()
    monkeypatch.setattr(launcher, "users", lambda: {1: 0, 2: unused.uid})
    monkeypatch.setattr(launcher.Landlock, "sweep", sweeping)

    assert launcher.kill_strays() == 1


@only_root
def test_when_all_users_are_taken_it_is_said_and_soon_over():
    taken = []
    try:
        # Warm children may have some.
        with contextlib.suppress(identities.NoIdentity):
            while True:
                taken.append(identities.take())
        with pytest.raises(Unconfined), Cell(Room()):
            pass
    finally:
        for identity in taken:
            identity.release()

    with Cell(Room()):
        pass


def test_what_cannot_be_started_leaves_nothing_open(monkeypatch, tmp_path):
    (tmp_path / "made").mkdir()

    def fails(*_, **how):
        raise OSError("no more processes")

    def refuses(*_, **how):
        raise PermissionError("no more groups")

    launcher.ask(["true"], deadline=time.monotonic() + 20)
    before = descriptors()
    with monkeypatch.context() as patch, cell(tmp_path / "made") as opened:
        patch.setattr(launcher.subprocess, "Popen", fails)
        with pytest.raises(Unconfined):
            launcher.start(["true"], cell=opened)
    with monkeypatch.context() as patch, cell(tmp_path / "made") as opened:
        patch.setattr(launcher, "guard", refuses)
        with pytest.raises(Unconfined):
            launcher.start(["sleep", "600"], cell=opened)

    assert descriptors() == before
    assert not launcher.RUNNING


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_program_is_killed_once_however_many_kill_it(monkeypatch):
    with Cell(Room()) as opened:
        program = launcher.start(["sleep", "600"], cell=opened)
        meet = threading.Barrier(4)
        running = []

        def kill():
            meet.wait()
            program.kill()
            running.append(program.is_running)

        threads = [threading.Thread(target=kill) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert running == [False] * 4


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_who_is_the_first_process_of_a_container_buries_what_programs_leave(tier, sleep):
    adopt = 36
    ctypes.CDLL(None).prctl(adopt, 1, 0, 0, 0)
    try:
        for script in ("true", DAEMON.format(sleep), f"{DAEMON.format(sleep)}; kill -9 $$"):
            with Cell(Room(), tier=tier) as opened:
                launcher.run(["sh", "-c", script], cell=opened, deadline=time.monotonic() + 20)
    finally:
        ctypes.CDLL(None).prctl(adopt, 0, 0, 0, 0)

    left = [pid for pid in memory_group.children(os.getpid()) if is_dead(pid)]
    assert left == []


def is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_program_that_ended_by_itself_is_killed_with_all_it_left(sleep):
    with Cell(Room()) as opened:
        program = launcher.start(["sh", "-c", f"sleep {sleep} & {DAEMON.format(sleep)}"], cell=opened)
        program.process.wait()

        program.kill()

    assert not sleepers(sleep)


def test_a_stranger_who_got_the_number_of_an_ended_program_is_left_alone():
    with Cell(Room()) as opened:
        program = launcher.start(["true"], cell=opened)
        program.process.wait()
        stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
        program.process.pid = stranger.pid

        program.kill()

    assert not ends(stranger.pid, seconds=0)
    stranger.kill()
    stranger.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users to give")
def test_what_has_ended_is_no_stray():
    identity = identities.take()
    ended = subprocess.Popen(["/bin/true"], user=identity.uid)
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)

    assert processes.users()[ended.pid] == identity.uid
    assert not processes.runs(ended.pid)

    ended.wait()
    identity.release()


def test_killing_twice_does_no_harm():
    with Cell(Room()) as opened:
        program = launcher.start(["sleep", "600"], cell=opened)

        program.kill()
        program.kill()

    assert program.returncode == -signal.SIGKILL


def test_too_much_memory_ends_a_program_with_a_code_of_its_own():
    small = Profile(memory=64 * 1024**2, processes=16, address_space=False)
    program = "x = bytearray(10**9)\nfor i in range(0, len(x), 4096): x[i] = 1"

    with Cell(Room(), small) as opened, pytest.raises(MemoryExceeded):
        launcher.run(["/usr/bin/python3", "-c", program], cell=opened, deadline=time.monotonic() + 60)


def test_a_program_that_cannot_be_locked_in_is_not_run(tmp_path):
    (tmp_path / "missing").mkdir()

    with Cell(Room(read={"/input": tmp_path / "missing"})) as opened:
        (tmp_path / "missing").rmdir()
        with pytest.raises(Unconfined) as caught:
            launcher.run(["true"], cell=opened, deadline=time.monotonic() + 60)

    assert "missing" in "".join(caught.value.__notes__)


class _DiesHalfway(Bubblewrap):
    """Dies before it has told of the program inside, of which one process is there already."""

    def order(self, wish: Wish) -> Order:
        read, write = os.pipe()
        script = f"sleep {wish.argv[1]} {write}>&- & echo killed >&2"
        return Order(
            argv=("/bin/bash", "-c", script), environment={"PATH": "/bin"}, descriptors=(write,), status=read
        )


def test_a_death_while_locking_in_is_told_at_once_and_leaves_nothing(sleep):
    with Cell(Room(), tier=_DiesHalfway()) as opened, pytest.raises(Unconfined) as caught:
        launcher.start(["sleep", sleep], cell=opened)

    assert "killed" in "".join(caught.value.__notes__)
    assert all(ends(pid) for pid in sleepers(sleep))
