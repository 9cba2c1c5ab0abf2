from __future__ import annotations

from pathlib import Path

import pytest

from deploy.matrix.__main__ import tried
from deploy.matrix.checking import objection
from deploy.matrix.running import BAD, CONVERTED, REFUSED, Outcome, refusal
from deploy.matrix.summary import summary
from deploy.matrix.trials import Sample, Trial, covering, trials


@pytest.fixture
def files(tmp_path):
    made = [Sample(tmp_path / name, name.split(".")[1]) for name in ("small.png", "large.png", "a.gif")]
    for size, sample in enumerate(made, 1):
        sample.path.write_bytes(b"x" * size)
    return made


def row(source, target, engine="painter", operation="convert"):
    return {"operation": operation, "input_format": source, "output_format": target, "engine": engine}


def named(found):
    return [(trial.sample.path.name, trial.operation, trial.target) for trial in found]


def test_every_row_meets_every_file_of_its_format(files):
    rows = [row("png", "jpg"), row("gif", "jpg"), row(None, "png", operation="import/url")]

    assert named(trials(rows, files)) == [
        ("small.png", "convert", "jpg"),
        ("large.png", "convert", "jpg"),
        ("a.gif", "convert", "jpg"),
    ]


def test_what_takes_any_file_meets_one_of_each_format(files):
    assert named(trials([row(None, None, operation="metadata")], files)) == [
        ("small.png", "metadata", None),
        ("a.gif", "metadata", None),
    ]


def test_a_cover_meets_each_input_and_each_output_once_and_leaves_routes_out(files):
    rows = [row(s, t) for s in ("png", "gif") for t in ("jpg", "webp", "pdf")]
    direct = frozenset({("convert", "painter", s, t) for s in ("png", "gif") for t in ("jpg", "webp")})

    chosen = covering(trials(rows, files), direct)

    assert {trial.sample.format for trial in chosen} == {"png", "gif"}
    assert {trial.target for trial in chosen} == {"jpg", "webp"}
    assert len(chosen) < 6


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("OPEN_FAILED", "The file is empty.", REFUSED),
        ("OPEN_FAILED", "", BAD),
        ("OPEN_FAILED", "Cannot read /tmp/x.", BAD),
        ("INTERNAL_ERROR", "Something went wrong on our side.", BAD),
        ("TIMEOUT", "The engine did not end in time.", BAD),
    ],
)
def test_a_refusal_is_clear_or_bad(code, message, kind):
    assert refusal(code, message)[0] == kind


@pytest.mark.parametrize(("name", "format_"), [("willow_tree.webp", "webp"), ("tika_text.pdf", "pdf")])
def test_a_reader_objects_to_what_is_cut_off(tmp_path, name, format_):
    whole = Path("samples", name)
    cut = tmp_path / name
    cut.write_bytes(whole.read_bytes()[:200])

    assert not objection(whole, format_)
    assert objection(cut, format_)


def test_the_summary_counts_and_names_what_is_bad(files):
    one, two, _ = (Trial(sample, "convert", "jpg", "painter") for sample in files)

    text = summary([Outcome(one, CONVERTED), Outcome(two, BAD, "OUTPUT", "it is empty")])

    assert text.endswith("1 pairs tried in 2 runs: 1 converted, 0 refused with reason, 1 bad")
    assert "convert large.png to jpg by painter  OUTPUT it is empty" in text


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_every_engine_converts_or_refuses_every_format_it_takes(stack, tmp_path):
    tmp_path.chmod(0o711)

    outcomes = tried(stack.about, tmp_path, cover=True)

    assert len(outcomes) > 100
    assert [f"{o.trial}: {o.code} {o.message}" for o in outcomes if o.kind == BAD] == []
