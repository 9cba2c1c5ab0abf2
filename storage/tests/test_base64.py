from __future__ import annotations

import base64 as standard
import os

import pytest

from jobs.contract import OptionProblem, Work
from jobs.contract.errors import DownloadFailed, FileTooLarge, Stopped
from storage import base64
from storage._support import limits

from .conftest import RunContext

[operation] = base64.OPERATIONS
option = {each.name: each for each in operation.options}
DATA = os.urandom(1000)
TEXT = standard.b64encode(DATA).decode()


def decode(into, text, context=None):
    stored = into.parent / "stored"
    stored.write_text(text)
    values = {"file": None, "filename": "a.bin"}
    work = Work(output_dir=into, options=values, related={"file": (stored,)})
    [output] = operation.run(work, context or RunContext()).files
    assert output.name == "a.bin"
    return output.path.read_bytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", b""),
        ("YQ==", b"a"),
        ("YWI=", b"ab"),
        ("YWJj", b"abc"),
        ("YQ", b"a"),
        (" Y W\r\nJ\tj\n", b"abc"),
        ("data:text/plain;base64,YWJj", b"abc"),
        ("data:;charset=utf-8;base64, YWI=", b"ab"),
        ("DATA:application/pdf;base64,YQ==", b"a"),
        ("-_-_", b"\xfb\xff\xbf"),
        ("+/+/", b"\xfb\xff\xbf"),
        (TEXT, DATA),
        (standard.encodebytes(DATA).decode(), DATA),
    ],
)
def test_base64_in_any_of_its_spellings_is_accepted_and_decoded(into, text, expected):
    assert option["file"].read(text) == text
    assert decode(into, text) == expected


@pytest.mark.parametrize(
    "text",
    ["Y", "YWJjZ", "YQ===", "YQ==YQ==", "=", "====", "Y=Q=", "YWJj!", "Grüße", "YWJ\u00a0j", "data:,a,b"],
)
def test_anything_else_is_refused(into, text):
    with pytest.raises(OptionProblem, match=r"^The file must be base64\.$"):
        option["file"].read(text)
    with pytest.raises(DownloadFailed, match=r"^The file must be base64\.$"):
        decode(into, text)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 4096])
def test_where_a_piece_ends_makes_no_difference(into, monkeypatch, chunk):
    monkeypatch.setattr(base64, "CHUNK", chunk)
    text = standard.encodebytes(DATA).decode()

    assert option["file"].read(text) == text
    assert decode(into, text) == DATA


@pytest.mark.parametrize("text", ["YWJj" * 10 + "YQ==" + "YWJj" * 10, "YWJj" * 10 + "Y"])
@pytest.mark.parametrize("chunk", [1, 4, 44, 4096])
def test_where_a_piece_ends_hides_no_mistake(monkeypatch, chunk, text):
    monkeypatch.setattr(base64, "CHUNK", chunk)

    with pytest.raises(OptionProblem):
        option["file"].read(text)


def test_the_cap_holds(into, monkeypatch):
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 999)

    with pytest.raises(FileTooLarge):
        decode(into, TEXT)


def test_it_can_be_stopped(into):
    with pytest.raises(Stopped):
        decode(into, TEXT, RunContext(stop=lambda: "cancelled"))


def test_file_and_name_are_required():
    assert option["file"].required
    assert option["file"].content
    assert option["filename"].required
    assert option["filename"].read("../a/b.bin") == "b.bin"
