from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engines._support import launcher
from jobs.contract.errors import EngineTimeout, Stopped, TaskError

ROOT = Path(__file__).parents[3]
# A daemon: in a session of its own, and its parent is gone.
DAEMON = "(setsid sleep 600 & echo $!)"


def run(script: str, cwd: Path, *, seconds: float = 60, **how) -> launcher.Outcome:
    return launcher.run(["sh", "-c", script], cwd=cwd, deadline=time.monotonic() + seconds, **how)


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
            "process = launcher.start(['sh', '-c', sys.argv[1]], cwd=pathlib.Path(sys.argv[2]))\n"
            "print(process.pid, process.stdout.readline().decode(), flush=True)\n"
            "process.wait()\n"
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
    assert seen["HOME"] == f"{tmp_path}"
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
        launcher.run([program], cwd=tmp_path, deadline=time.monotonic() + 10)


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


def test_what_a_reader_of_lines_raises_ends_the_run(tmp_path):
    pids: list[int] = []

    def see(line: str) -> None:
        pids.append(int(line))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run("echo $$; sleep 600", tmp_path, on_line=see)

    assert ends(pids[0])


def test_the_deadline_kills_the_whole_tree_daemons_included(tmp_path):
    pids: list[str] = []

    with pytest.raises(EngineTimeout):
        run(f"echo $$; sleep 600 & echo $!; {DAEMON}; wait", tmp_path, seconds=1.5, on_line=pids.append)

    assert len(pids) == 3
    assert all(ends(int(pid)) for pid in pids)


def test_a_run_that_ends_leaves_no_daemon(tmp_path):
    outcome = run(DAEMON, tmp_path, seconds=600)

    assert outcome.returncode == 0
    assert outcome.seconds < 300
    assert ends(int(outcome.stdout))


def test_a_daemon_that_holds_the_pipes_and_floods_them_holds_up_nobody(tmp_path):
    outcome = run("for i in 1 2 3 4; do setsid yes & setsid yes >&2 & done", tmp_path, seconds=600)

    assert outcome.returncode == 0
    assert outcome.seconds < 300


def test_a_program_that_ignores_signals_is_killed_too(tmp_path):
    pids: list[int] = []

    with pytest.raises(Stopped):
        run(
            "trap '' TERM INT HUP; echo $$; while :; do sleep 1; done",
            tmp_path,
            on_line=lambda line: pids.append(int(line)),
            stopped=lambda: "enough" if pids else None,
        )

    assert ends(pids[0])


def test_a_reason_to_stop_stops_the_run_and_is_told(tmp_path):
    with pytest.raises(Stopped, match="cancelled"):
        run("sleep 600", tmp_path, stopped=lambda: "cancelled")


def test_what_a_program_said_before_it_was_killed_is_kept(tmp_path):
    seen: list[str] = []

    with pytest.raises(Stopped) as caught:
        run("echo why; sleep 600", tmp_path, on_line=seen.append, stopped=lambda: "x" if seen else None)

    assert caught.value.__notes__ == ["why\n"]


def test_a_flood_costs_no_memory_and_keeps_its_end(tmp_path):
    program = (
        "import sys, time, pathlib\n"
        "from engines._support import launcher\n"
        "script = 'yes 0123456789 | head -c 200000000; yes x | head -c 1000000 >&2; sleep 0; echo THE-END'\n"
        "outcome = launcher.run(['sh', '-c', script], cwd=pathlib.Path(sys.argv[1]),"
        " deadline=time.monotonic() + 120)\n"
        "print(len(outcome.stdout), len(outcome.words), outcome.words[-8:].strip(),"
        # Not ru_maxrss: a child begins with its parent's.
        " int(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"{tmp_path}"],
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
    # Each ends only when it has seen the other: one after the other would be for ever.
    script = "touch {0}; until [ -e {1} ]; do sleep 0.01; done"
    statuses: list[int] = []

    def one(mine: str, other: str) -> None:
        statuses.append(run(script.format(mine, other), tmp_path).returncode)

    threads = [threading.Thread(target=one, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [0, 0]


def test_a_program_outlives_the_thread_that_started_it(tmp_path):
    started: list[subprocess.Popen[bytes]] = []
    thread = threading.Thread(target=lambda: started.append(launcher.start(["cat"], cwd=tmp_path, stdin=-1)))
    thread.start()
    thread.join()
    [process] = started
    assert process.stdin
    assert process.stdout

    process.stdin.write(b"still here\n")
    process.stdin.flush()

    assert process.stdout.readline() == b"still here\n"
    launcher.kill(process)


def test_a_program_dies_with_its_worker(worker):
    process, line = worker("echo; exec sleep 600")

    process.kill()

    assert ends(int(line.split()[0]))


def test_what_a_dead_worker_left_behind_is_found_and_killed(worker):
    process, line = worker(f"{DAEMON}; sleep 600")
    daemon = int(line.split()[1])
    process.kill()
    process.wait()
    assert not ends(daemon, seconds=0)

    assert launcher.kill_strays() >= 1

    assert ends(daemon)


def test_the_programs_of_living_workers_are_no_strays(worker):
    _process, line = worker(f"{DAEMON}; sleep 600")
    program, daemon = (int(word) for word in line.split())

    launcher.kill_strays()

    assert not ends(daemon, seconds=0)
    assert not ends(program, seconds=0)
    os.kill(daemon, signal.SIGKILL)


def test_the_programs_of_a_container_beside_us_are_no_strays():
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a namespace")
    container = subprocess.Popen(
        [*unshare, "env", f"{launcher.MARK}=999999999.1", "cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    assert container.stdin
    assert container.stdout
    container.stdin.write(b"before\n")
    assert container.stdout.readline() == b"before\n"

    launcher.kill_strays()

    container.stdin.write(b"after\n")
    assert container.stdout.readline() == b"after\n"
    container.stdin.close()
    assert container.wait(timeout=60) == 0


def test_a_program_that_ended_by_itself_is_killed_with_all_it_left(tmp_path):
    process = launcher.start(["sh", "-c", f"sleep 600 & echo $!; {DAEMON}"], cwd=tmp_path)
    assert process.stdout
    left = [int(process.stdout.readline()) for _ in range(2)]
    process.wait()

    launcher.kill(process)

    assert all(ends(pid) for pid in left)


def test_a_stranger_who_got_the_number_of_an_ended_program_is_left_alone(tmp_path):
    process = launcher.start(["true"], cwd=tmp_path)
    process.wait()
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    process.pid = stranger.pid

    launcher.kill(process)

    assert not ends(stranger.pid, seconds=0)
    stranger.kill()
    stranger.wait()


def test_killing_twice_does_no_harm(tmp_path):
    process = launcher.start(["sleep", "600"], cwd=tmp_path)

    launcher.kill(process)
    launcher.kill(process)

    assert process.returncode == -signal.SIGKILL
