from __future__ import annotations

import subprocess
import zipfile
from dataclasses import replace

import pytest

from jobs.contract import Inputs, Work
from jobs.contract.errors import Stopped
from storage import export_url

from .conftest import RunContext

[operation] = export_url.OPERATIONS


def work_on(into, files, **options):
    inputs = []
    for number, content in enumerate(content for _, content in files):
        path = into.parent / f"in-{number}"
        path.write_bytes(content)
        inputs.append(path)
    values = {each.name: each.default for each in operation.options} | options
    return Work(inputs=tuple(inputs), names=tuple(name for name, _ in files), output_dir=into, options=values)


@pytest.mark.parametrize("options", [{}, {"inline": True, "inline_additional": True}])
def test_the_files_are_given_back_as_they_are(into, options):
    work = work_on(into, [("a.txt", b"a"), ("b/ü.pdf", b""), ("a.txt", b"c")], **options)

    result = operation.run(work, RunContext())

    assert [(output.path, output.name) for output in result.files] == [
        *zip(work.inputs, work.names, strict=True)
    ]
    assert not list(into.iterdir())
    assert operation.inputs is Inputs.ALL


def test_one_file_needs_no_archive(into):
    work = work_on(into, [("a.txt", b"a")], archive_multiple_files=True)

    [output] = operation.run(work, RunContext()).files

    assert (output.path, output.name) == (work.inputs[0], "a.txt")


def test_several_files_become_one_zip(into):
    context = RunContext()
    text, picture = b"text" * 1_000_000, b"picture" * 100_000
    files = [("a.txt", text), ("A.TXT", b""), ("../../ü.jpg", picture), ("-x", b"x"), ("a.txt", b"again")]
    work = work_on(into, files, archive_multiple_files=True)

    [output] = operation.run(work, context).files

    assert output.name == "files.zip"
    with zipfile.ZipFile(output.path) as archive:
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in archive.infolist()} == {
            "a.txt": text,
            "A-2.TXT": b"",
            "ü.jpg": picture,
            "-x": b"x",
            "a-3.txt": b"again",
        }
        kinds = {info.filename: info.compress_type for info in archive.infolist()}
    assert kinds["a.txt"] == zipfile.ZIP_DEFLATED
    assert kinds["ü.jpg"] == zipfile.ZIP_STORED
    assert context.percents == sorted(context.percents)
    assert context.percents[-1] == 100


def test_folders_are_kept_in_the_zip(into):
    files = [("a.txt", b"1"), ("a.txt", b"2"), ("a.txt", b"3"), ("b.txt", b"4")]
    work = work_on(into, files, archive_multiple_files=True)

    [output] = operation.run(replace(work, folders=("", "x/y", "x/y", "../z")), RunContext()).files

    with zipfile.ZipFile(output.path) as archive:
        assert archive.namelist() == ["a.txt", "x/y/a.txt", "x/y/a-2.txt", "z/b.txt"]


@pytest.mark.needs("7z")
@pytest.mark.parametrize("limit", [zipfile.ZIP64_LIMIT, 50_000])
def test_another_reader_opens_the_zip(into, monkeypatch, limit):
    # As if ZIP's own limit, 2 GB, were passed.
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    work = work_on(into, [("a.txt", b"a" * 99_999), ("ü.png", b"b" * 99_999)], archive_multiple_files=True)

    [output] = operation.run(work, RunContext()).files

    out = into / "open"
    subprocess.run(["7z", "x", f"{output.path}", f"-o{out}"], check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        "a.txt": b"a" * 99_999,
        "ü.png": b"b" * 99_999,
    }


def test_it_can_be_stopped(into):
    work = work_on(into, [("a.txt", b"a"), ("b.txt", b"b")], archive_multiple_files=True)

    with pytest.raises(Stopped):
        operation.run(work, RunContext(stop=lambda: "cancelled"))
