from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from engines._support.process import Process
from engines.tests.context import RunContext
from jobs.contract import Command, Work
from jobs.contract.errors import (
    ConversionFailed,
    EmptyFile,
    EngineCrashed,
    EngineTimeout,
    OpenFailed,
    Stopped,
)


@pytest.fixture
def work(tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("hello")
    (tmp_path / "out").mkdir()
    return Work(inputs=(source,), output_dir=tmp_path / "out", input_format="txt", output_format="up")


def shell(script: str, **how) -> Command:
    return Command(argv=["sh", "-c", script], **how)


def plan(*scripts: str, **how):
    """Plan scripts, of which the last makes the output."""
    return lambda work: [
        *(shell(script, **{k: v for k, v in how.items() if k == "progress"}) for script in scripts[:-1]),
        shell(scripts[-1], **{"outputs": (work.output,), **how}),
    ]


def percents(line: str) -> float | None:
    return float(line) if line.replace(".", "").replace("-", "").isdigit() else None


def test_the_output_promised_is_the_result(work):
    context = RunContext()

    result = Process(plan("tr a-z A-Z < /input/in.txt > in.up"))(work, context)

    assert [file.path for file in result.files] == [work.output]
    assert work.output.read_text() == "HELLO"


def test_the_last_commands_outputs_are_the_results(work):
    made = Process(plan("echo first > step", "cat step > in.up"))(work, RunContext())

    assert [file.path.read_text() for file in made.files] == ["first\n"]


def test_nothing_runs_after_a_command_that_failed(work):
    with pytest.raises(ConversionFailed):
        Process(plan("exit 3", "echo x > in.up"))(work, RunContext())

    assert not work.output.exists()


@pytest.mark.parametrize(
    "script", ["true", ": > in.up", "ln -s /input/in.txt in.up", "mkdir in.up", "mkfifo in.up"]
)
def test_an_exit_status_of_zero_without_a_real_output_is_a_failure(work, script):
    with pytest.raises(ConversionFailed):
        Process(plan(script))(work, RunContext())


def test_files_of_a_pattern_come_in_the_order_of_their_numbers(work):
    script = "for n in 1 2 9 10 11; do echo $n > in-$n.up; done"

    result = Process(plan(script, outputs=(), output_glob="in-*.up"))(work, RunContext())

    assert [file.path.read_text().strip() for file in result.files] == ["1", "2", "9", "10", "11"]


def test_a_pattern_that_nothing_matches_is_a_failure(work):
    with pytest.raises(ConversionFailed):
        Process(plan("true", outputs=(), output_glob="*.up"))(work, RunContext())


def test_an_input_without_bytes_is_refused_before_anything_runs(work):
    work.input.write_bytes(b"")
    context = RunContext()

    with pytest.raises(EmptyFile):
        Process(plan("echo x > in.up"))(work, context)

    assert not context.recorded


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_death_by_signal_is_a_crash(work, number):
    with pytest.raises(EngineCrashed):
        Process(plan(f"kill -{number} $$"))(work, RunContext())


def test_a_tools_words_become_the_error_that_helps(work):
    def explain(words: str) -> OpenFailed | None:
        return OpenFailed("It is no text.") if "bad magic" in words else None

    with pytest.raises(OpenFailed, match="It is no text"):
        Process(plan("echo tool: bad magic >&2; exit 1"), explain=explain)(work, RunContext())
    with pytest.raises(ConversionFailed):
        Process(plan("echo tool: else >&2; exit 1"), explain=explain)(work, RunContext())


def test_a_tools_words_do_not_reach_the_customer(work):
    with pytest.raises(ConversionFailed) as caught:
        Process(plan("echo /secret/path >&2; exit 1"))(work, RunContext())

    assert "secret" not in caught.value.message


@pytest.mark.parametrize("status", [0, 1])
def test_command_line_and_words_are_recorded_however_it_ends(work, status):
    context = RunContext()

    with pytest.raises(ConversionFailed):
        Process(plan(f"echo said; exit {status}"))(work, context)

    assert context.recorded == [(["sh", "-c", f"echo said; exit {status}"], "said\n")]


def test_the_deadline_ends_a_run_and_its_words_are_recorded(work):
    context = RunContext(seconds=1)

    with pytest.raises(EngineTimeout):
        Process(plan("echo stuck; sleep 600"))(work, context)

    assert context.recorded == [(["sh", "-c", "echo stuck; sleep 600"], "stuck\n")]


def test_being_told_to_stop_ends_a_run(work):
    with pytest.raises(Stopped, match="cancelled"):
        Process(plan("sleep 600"))(work, RunContext(stopped="cancelled"))


def test_progress_is_what_the_reader_reads(work):
    context = RunContext()

    Process(
        plan("echo 10; echo nothing; echo 55.5; echo 120 >&2; echo x > in.up", progress=lambda: percents)
    )(work, context)

    assert sorted(context.percents) == [10, 55.5, 100]


def test_progress_may_come_with_a_sentence(work):
    context = RunContext()

    def told(line: str) -> tuple[float, str] | None:
        return (40, "Almost half") if line == "40" else None

    Process(plan("echo 40; echo x > in.up", progress=lambda: told))(work, context)

    assert (context.percents, context.messages) == ([40], ["Almost half"])


def test_progress_of_several_commands_is_shared_by_weight(work):
    context = RunContext()

    def weighed(work: Work) -> list[Command]:
        first, last = plan("echo 50", "echo 50; echo x > in.up", progress=lambda: percents)(work)
        return [first, replace(last, weight=3)]

    Process(weighed)(work, context)

    assert context.percents == [12.5, 25, 62.5, 100]


def test_each_run_gets_a_reader_of_its_own(work):
    made = []

    def fresh():
        made.append(1)
        return percents

    Process(plan("echo 1", "echo 2; echo x > in.up", progress=fresh))(work, RunContext())

    assert len(made) == 2


def test_the_environment_of_a_command_is_set(work):
    Process(plan('echo "$MORE" > in.up', environment={"MORE": "more"}))(work, RunContext())

    assert work.output.read_text() == "more\n"


def test_what_a_probe_finds_is_known_to_the_planner(work):
    def planned(work: Work) -> list[Command]:
        return [shell(f"echo {work.facts['size']} > in.up", outputs=(work.output,))]

    run = Process(
        planned,
        probe=lambda work: shell(f"wc -c < {work.input}; echo noise >&2"),
        read=lambda text: {"size": int(text)},
    )
    run(work, RunContext())

    assert work.output.read_text() == "5\n"


def test_a_work_may_need_more_looks(work):
    def planned(work: Work) -> list[Command]:
        return [shell(f"echo {work.facts['size']} {work.facts['word']} > in.up", outputs=(work.output,))]

    def looks(work: Work):
        return [(shell(f"cat {work.input}"), lambda text: {"word": text.strip()})]

    run = Process(
        planned,
        probe=lambda work: shell(f"wc -c < {work.input}"),
        read=lambda text: {"size": int(text)},
        looks=looks,
    )
    run(work, RunContext())

    assert work.output.read_text() == "5 hello\n"


def test_what_lies_beside_is_of_its_own_format(work):
    track = work.output_dir / "in.vtt"

    def planned(text: str):
        return plan(f"echo x > in.up; echo {text} > in.vtt", beside=(track,))

    made = Process(planned("WEBVTT"))(work, RunContext())

    assert [(file.path.name, file.format) for file in made.files] == [("in.up", ""), ("in.vtt", "vtt")]
    with pytest.raises(ConversionFailed):
        Process(planned("nothing; rm in.vtt; ln -s in.up in.vtt"))(work, RunContext())


def test_a_probe_that_fails_is_explained_too(work):
    run = Process(
        plan("echo x > in.up"),
        explain=lambda words: OpenFailed() if "unreadable" in words else None,
        probe=lambda _: shell("echo unreadable; exit 1"),
        read=lambda _: {},
    )

    with pytest.raises(OpenFailed):
        run(work, RunContext())


def test_a_customers_odd_path_is_one_argument(work, tmp_path):
    odd = tmp_path / "in $(touch hacked) ;'\".txt"
    odd.write_text("odd")

    def planned(work: Work) -> list[Command]:
        return [Command(argv=["cp", "--", f"{work.input}", f"{work.output}"], outputs=(work.output,))]

    result = Process(planned)(replace(work, inputs=(odd,)), RunContext())

    assert result.files[0].path.read_text() == "odd"
    assert not Path(work.output_dir, "hacked").exists()
