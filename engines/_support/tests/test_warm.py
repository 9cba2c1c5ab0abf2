from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines._support import inner_code, memory_group
from engines._support.processes import parents, tree
from engines._support.resident import Child
from engines._support.room import Profile
from engines._support.warm import Warm
from engines.tests.context import RunContext
from jobs.contract import Result, Work, errors

CHILD = """
import os, secrets, signal, sys, time
from pathlib import Path
from engines._support.child import Refused, serve

ME = secrets.randbits(62)

def handle(request, percent):
    do, out = request["do"], Path(request["out"])
    if do == "crash":
        print("about to fall over", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if do == "hang":
        time.sleep(600)
    if do == "eat":
        held = bytearray(10**9)
        for place in range(0, len(held), 4096):
            held[place] = 1
    if do == "fork and hang":
        if not os.fork():
            os.setsid()
        percent(1)
        time.sleep(600)
    if do == "flood":
        for _ in range(3000):
            print("x" * 1000)
    if do == "flood the channel":
        while True:
            os.write(CHANNEL, b"y" * 65536)
    if do == "talk nonsense":
        os.write(CHANNEL, b"[1, 2\\n")
    if do == "refuse":
        raise Refused("PasswordRequired", "A sentence.")
    if do == "refuse oddly":
        raise Refused("Retry")
    if do == "fail":
        raise ValueError("no such font")
    if do == "point outside":
        (out / "in.txt").symlink_to("/etc/passwd")
        return {"files": ["in.txt"]}
    if do == "say":
        os.write(CHANNEL, request["said"].encode() + b"\\n")
        time.sleep(600)
    if do == "make folders for ever":
        (out / "in.txt").write_text(f"{ME} hello")
        if not os.fork():
            for n in range(10**9):
                here = out / f"{n}"
                for each in [here, *out.glob("erased-*")]:
                    for inner in range(3):
                        try:
                            (each / f"{inner}").mkdir(parents=True)
                        except OSError:
                            pass
        time.sleep(0.2)
        return {"files": ["in.txt"]}
    if do == "lie":
        return {"files": ["in.txt"]}
    percent(50)
    (out / "in.txt").write_text(f"{ME} {Path(request['in']).read_text()}")
    return {"files": ["in.txt"], "message": "Done."}

CHANNEL = os.dup(1)
serve(handle)
"""


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Warm]:
    script = inner_code.folder() / "engines" / "_support" / "scripted_child.py"
    script.write_text(CHILD)
    warm = Warm(name="scripted", script=script.name, request=request, explain=explain, secret=("password",))
    yield warm
    warm.close()


def request(work: Work) -> dict[str, str]:
    return {"do": "convert", "in": f"{work.input}", "out": f"{work.output_dir}", **work.options}


def explain(words: str) -> errors.TaskError | None:
    return errors.ConversionFailed("The font is missing.") if "no such font" in words else None


@pytest.fixture
def run(warm: Warm, tmp_path: Path):
    def run(do: str = "convert", *, context: RunContext | None = None, **options: str) -> Result:
        (tmp_path / "in.txt").write_text("hello")
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        work = Work(inputs=(tmp_path / "in.txt",), output_dir=out, options={"do": do, **options})
        result = warm(work, context or RunContext())
        with warm._lock:
            assert warm._lock.wait_for(lambda: not warm._tidied, timeout=10)
        return result

    return run


def child(result: Result) -> int:
    number, word = result.files[0].path.read_text().split()
    assert word == "hello"
    return int(number)


def mine(warm: Warm) -> Child:
    return next(child for child in warm._idle if child.owner)


def spare(warm: Warm) -> Child | None:
    for thread in threading.enumerate():
        if thread.name == f"spare-{warm.name}":
            thread.join()
    return next((child for child in warm._idle if child.owner is None), None)


def runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False


def gone(child: Child) -> bool:
    return not child.alive and not child.slot.exists()


def test_a_run_brings_its_files_message_and_percents(run, tmp_path):
    context = RunContext()

    result = run(context=context)

    assert result.files[0].path == tmp_path / "out" / "in.txt"
    assert result.message == "Done."
    assert context.percents == [50]


def test_an_owner_meets_the_same_child_again(run):
    assert child(run()) == child(run())


def test_another_owner_never_meets_a_child_that_was_used(run, warm):
    numbers, children = set(), []
    for owner in ("a", "b", "a"):
        numbers.add(child(run(context=RunContext(owner=owner))))
        children.append(mine(warm))

    assert len(numbers) == 3
    assert gone(children[0])
    assert gone(children[1])


@pytest.mark.parametrize("do", ["crash", "hang"])
def test_what_stops_one_owners_child_leaves_another_owners_alone(run, do):
    before = child(run(context=RunContext(owner="a")))

    with pytest.raises((errors.EngineCrashed, errors.EngineTimeout)):
        run(do, context=RunContext(owner="b", seconds=10 if do == "crash" else 2))

    assert child(run(context=RunContext(owner="a"))) == before


def test_a_spare_waits_for_the_next_owner(run, warm):
    run(context=RunContext(owner="a"))
    waiting = spare(warm)

    assert waiting
    run(context=RunContext(owner="b"))
    assert mine(warm) is waiting


def test_nothing_of_a_run_stays_in_the_slot(run, warm):
    run()

    slot = mine(warm).slot
    assert [list((slot / name).iterdir()) for name in ("in", "out")] == [[], []]


def test_a_child_is_replaced_when_it_was_used_often(run, monkeypatch):
    monkeypatch.setattr("engines._support.warm.USES", 2)

    numbers = [child(run()) for _ in range(3)]

    assert numbers[0] == numbers[1] != numbers[2]


def test_a_child_is_replaced_when_it_holds_too_much_memory(run, monkeypatch):
    monkeypatch.setattr("engines._support.warm.HELD_BYTES", 1)

    assert child(run()) != child(run())


def test_a_crash_is_told_with_the_last_words_and_the_next_run_works(run):
    context = RunContext()

    with pytest.raises(errors.EngineCrashed):
        run("crash", context=context)

    assert "about to fall over" in context.recorded[0][1]
    assert child(run())


def test_too_much_memory_is_told_as_such_and_the_next_run_works(run, warm):
    warm.profile = Profile(memory=256 * 1024**2, processes=32, address_space=False)

    with pytest.raises(errors.MemoryExceeded):
        run("eat")

    assert child(run())


def test_a_hang_ends_at_the_deadline_and_the_next_run_works(run, warm):
    number, before = child(run()), mine(warm)

    with pytest.raises(errors.EngineTimeout):
        run("hang", context=RunContext(seconds=0.3))

    assert gone(before)
    assert child(run()) != number


def test_a_request_larger_than_a_pipe_arrives(run):
    assert child(run(filler="x" * 300_000))


def test_a_child_that_does_not_read_costs_no_more_than_the_deadline(run, warm):
    run()
    stopped = mine(warm)
    signal.pidfd_send_signal(stopped._program.first, signal.SIGSTOP)
    for pid in memory_group.children(stopped._program.process.pid):
        for below in memory_group.children(pid):
            os.kill(below, signal.SIGSTOP)

    with pytest.raises(errors.EngineTimeout):
        run(context=RunContext(seconds=0.3), filler="x" * 300_000)

    assert gone(stopped)


def test_a_stop_kills_the_child_with_everything_it_started(run, warm):
    run()
    before = mine(warm)
    below: set[int] = set()

    class Impatient(RunContext):
        @property
        def stopped(self):
            below.update(tree(before._program.process.pid, parents()))
            return "cancelled" if self.percents else None

        @stopped.setter
        def stopped(self, _value):
            pass

    with pytest.raises(errors.Stopped):
        run("fork and hang", context=Impatient())

    assert gone(before)
    assert len(below) >= 4
    assert not any(runs(pid) for pid in below)


def test_a_flood_of_words_is_cut_and_does_no_harm(run):
    context = RunContext()

    result = run("flood", context=context)

    assert child(result)
    assert 0 < len(context.recorded[0][1]) <= 64 * 1024


@pytest.mark.parametrize("do", ["flood the channel", "talk nonsense", "refuse oddly"])
def test_a_child_out_of_its_mind_is_a_crash(run, do):
    with pytest.raises(errors.EngineCrashed):
        run(do)

    assert child(run())


def test_a_refusal_keeps_its_kind_and_sentence_and_the_child(run):
    before = child(run())

    with pytest.raises(errors.PasswordRequired, match=r"A sentence\."):
        run("refuse")

    assert child(run()) == before


def test_a_failure_is_explained(run):
    with pytest.raises(errors.ConversionFailed, match=r"The font is missing\."):
        run("fail")


@pytest.mark.parametrize("do", ["lie", "point outside"])
def test_a_promised_file_must_be_a_file(run, do):
    with pytest.raises(errors.ConversionFailed):
        run(do)


def test_an_empty_file_reaches_no_child(run, warm, tmp_path):
    (tmp_path / "in.txt").touch()

    with pytest.raises(errors.EmptyFile):
        warm(Work(inputs=(tmp_path / "in.txt",), output_dir=tmp_path), RunContext())

    assert warm._idle == []


def test_a_secret_is_not_recorded(run):
    context = RunContext()

    run(context=context, password="hunter2")

    assert "hunter2" not in f"{context.recorded}"


def test_a_dead_idle_child_is_replaced(run, warm):
    number, dead = child(run()), mine(warm)
    signal.pidfd_send_signal(dead._program.first, signal.SIGKILL)
    dead._program.process.wait()

    assert child(run()) != number
    assert gone(dead)


@pytest.mark.parametrize("script", ["raise SystemExit('no engine here')", "import time; time.sleep(60)"])
def test_a_child_that_cannot_start_is_no_fault_of_the_input(tmp_path, monkeypatch, script):
    monkeypatch.setattr("engines._support.warm.START_SECONDS", 0.5)
    (inner_code.folder() / "engines" / "_support" / "bad.py").write_text(script)
    (tmp_path / "in.txt").write_text("hello")
    warm = Warm(name="bad", script="bad.py", request=request)

    with pytest.raises(errors.EngineNotReady):
        warm(Work(inputs=(tmp_path / "in.txt",), output_dir=tmp_path), RunContext())


def test_closing_ends_every_idle_child(run, warm):
    run()
    used, waiting = mine(warm), spare(warm)

    warm.close()

    assert gone(used)
    assert waiting
    assert gone(waiting)


def test_an_owner_in_a_hurry_gets_the_child_that_is_being_tidied(run, warm, tmp_path):
    first = run()
    work = Work(inputs=(tmp_path / "in.txt",), output_dir=tmp_path / "out", options={"do": "convert"})

    numbers = {child(warm(work, RunContext())) for _ in range(5)}

    assert numbers == {child(first)}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('{"done": 1}', errors.EngineCrashed),
        ('{"done": {"files": 7}}', errors.EngineCrashed),
        ('{"done": {"files": ["in.txt"], "message": {}}}', errors.EngineCrashed),
        ('{"done": {"extra": [1]}}', errors.EngineCrashed),
        ('{"percent": NaN}', errors.EngineCrashed),
        ('{"else": 1}', errors.EngineCrashed),
        ('{"done": {"files": ["a\\u0000b"]}}', errors.ConversionFailed),
        ('{"done": {"files": ["\\ud800"]}}', errors.ConversionFailed),
        ('{"done": {"files": [".."]}}', errors.ConversionFailed),
        ('{"failed": [1]}', errors.ConversionFailed),
        ('{"refused": "PasswordRequired", "message": {}}', errors.PasswordRequired),
    ],
)
def test_whatever_a_child_says_is_a_failure_of_the_task_and_no_bug_of_ours(run, said, kind):
    with pytest.raises(kind):
        run("say", said=said)


def test_a_child_that_goes_on_making_folders_is_ended(run, warm):
    made = child(run("make folders for ever"))

    assert child(run()) != made
