from __future__ import annotations

from pathlib import Path

import pytest

from jobs import naming


@pytest.mark.parametrize(
    ("original", "made", "expected"),
    [
        ("report.docx", "in.pdf", "report.pdf"),
        ("report.final.docx", "in-2.png", "report.final-2.png"),
        ("backup.tar.gz", "in.zip", "backup.zip"),
        ("", "archive.zip", "archive.zip"),
        ("page.html", "sheet.vtt", "sheet.vtt"),
        ("noextension", "in.png", "noextension.png"),
    ],
)
def test_a_result_is_called_after_its_input(original, made, expected):
    assert naming.after(original, Path(made)) == expected


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        (None, ["a.png", "a-2.png", "a-3.png"]),
        ("x-%d.png", ["x-1.png", "x-2.png", "x-3.png"]),
        ("x-%03d.png", ["x-001.png", "x-002.png", "x-003.png"]),
        ("x.png", ["x.png", "x-2.png", "x-3.png"]),
        ("../../etc/x\r\n.png", ["x.png", "x-2.png", "x-3.png"]),
        ("100%.png", ["100%.png", "100%-2.png", "100%-3.png"]),
    ],
)
def test_the_customers_filename_counts_and_is_cleaned(filename, expected):
    names = naming.Names(filename)

    assert [names.final("a.png") for _ in range(3)] == expected


def test_a_number_never_makes_two_files_one():
    names = naming.Names(None)

    given = [names.final(name) for name in ["a.png", "a-2.png", "A.png", "a.png", "a-2.png"]]

    assert len({name.casefold() for name in given}) == 5


def test_files_in_different_folders_may_have_one_name():
    names = naming.Names(None)

    given = [names.final("a.png", folder) for folder in ["", "x", "x", "X", "y"]]

    assert given == ["a.png", "a.png", "a-2.png", "a-3.png", "a.png"]
