from __future__ import annotations

from pathlib import Path

import pytest

from engines._support.optimized import Optimized
from engines.tests.context import RunContext
from jobs.contract import Output, Result, Work


@pytest.mark.parametrize(
    ("made", "kept", "message"),
    [
        (b"a" * 249, b"a" * 249, "File size reduced by 75%"),
        (b"a" * 999, b"a" * 999, "File size reduced by 0%"),
        (b"a" * 1000, b"before" * 167, "File size reduced by 0%"),
        (b"a" * 2000, b"before" * 167, "File size reduced by 0%"),
    ],
)
def test_the_smaller_file_is_kept_and_its_gain_told(made, kept, message, tmp_path):
    before, after = tmp_path / "in.png", tmp_path / "out.png"
    before.write_bytes((b"before" * 167)[:1000])

    def run(work: Work, context: RunContext) -> Result:
        after.write_bytes(made)
        return Result(files=(Output(path=after),))

    work = Work(inputs=(before,), output_dir=tmp_path, input_format="png", output_format="png")
    result = Optimized(run)(work, RunContext())

    assert [file.path for file in result.files] == [after]
    assert after.read_bytes() == kept[:1000]
    assert result.message == message


def test_what_is_kept_is_a_copy(tmp_path: Path):
    before, after = tmp_path / "in.png", tmp_path / "out.png"
    before.write_bytes(b"same")
    after.write_bytes(b"larger")

    work = Work(inputs=(before,), output_dir=tmp_path)
    Optimized(lambda *_: Result(files=(Output(path=after),)))(work, RunContext())

    assert after.read_bytes() == b"same"
    assert after.stat().st_ino != before.stat().st_ino
