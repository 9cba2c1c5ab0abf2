from __future__ import annotations

import pytest

from jobs.contract import OptionProblem, Work
from storage import raw

from .conftest import RunContext

[operation] = raw.OPERATIONS
option = {each.name: each for each in operation.options}


@pytest.mark.parametrize("text", ["", "hello", "Grüße\r\n★\n", "x" * 300_000])
def test_the_text_becomes_the_file(into, text):
    assert option["file"].read(text) == text
    stored = into.parent / "stored"
    stored.write_text(text, encoding="utf-8", newline="")
    work = Work(output_dir=into, options={"filename": "a.md"}, related={"file": (stored,)})

    [output] = operation.run(work, RunContext()).files

    assert output.name == "a.md"
    assert output.path.parent == into
    assert output.path.read_bytes() == text.encode()
    assert output.path.stat().st_nlink == 1
    assert stored.exists()


def test_half_a_character_is_refused():
    with pytest.raises(OptionProblem, match=r"^The file must be valid Unicode text\.$"):
        option["file"].read("a\ud800b")


def test_file_and_name_are_required():
    assert option["file"].required
    assert option["file"].content
    assert option["filename"].required
    assert option["filename"].read("..\\a.txt") == "a.txt"
