from __future__ import annotations

import pytest

from jobs.contract import names


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("C:a.txt", "a.txt"),
        ("/abs/olute/b.png", "b.png"),
        ("folder/", "folder"),
        ("a\x00b\r\nc\x1b[31m.txt", "abc[31m.txt"),
        ("gpj\u202eexe.jpg", "gpjexe.jpg"),
        ("a\u2028b.txt", "ab.txt"),
        ("a\ud800b\uffff.txt", "ab.txt"),
        ("  spaced out .txt ", "spaced out .txt"),
        ("-rf", "-rf"),
        (".profile", ".profile"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("/", "file"),
        (" . . ", "file"),
        ("\u202e", "file"),
        ("日本語 ★ ünï.docx", "日本語 ★ ünï.docx"),
        ("👩\u200d🚀.png", "👩\u200d🚀.png"),
    ],
)
def test_clean_leaves_a_plain_file_name(given, expected):
    assert names.clean(given) == expected


@pytest.mark.parametrize(
    ("given", "suffix"),
    [
        ("x" * 10_000 + ".pdf", ".pdf"),
        ("日" * 500 + ".tar.gz", ".tar.gz"),
        ("x" * 300, ""),
        ("x." + "y" * 10_000, ""),
        ("é" * 300_000 + ".png", ".png"),
    ],
)
def test_a_long_name_is_cut_at_a_character_and_keeps_its_extension(given, suffix):
    cleaned = names.clean(given)

    assert len(cleaned.encode()) <= names.MAX_BYTES
    assert len(cleaned.encode()) > names.MAX_BYTES - 4
    assert cleaned.endswith(suffix)
    assert names.clean(cleaned) == cleaned


def test_unique_numbers_what_would_be_one_file_somewhere():
    given = ["a.pdf", "A.PDF", "a-2.pdf", "a.pdf", "x/a.pdf", "é.txt", "e\u0301.txt", "b.tar.gz", "b.tar.gz"]

    assert names.unique(given) == [
        *("a.pdf", "A-2.PDF", "a-2-2.pdf", "a-3.pdf", "a-4.pdf"),
        *("é.txt", "e\u0301-2.txt", "b.tar.gz", "b-2.tar.gz"),
    ]


def test_unique_names_of_full_length_still_fit():
    result = names.unique(["n" * 400 + ".txt"] * 12)

    assert len(set(result)) == 12
    assert all(len(name.encode()) <= names.MAX_BYTES and name.endswith(".txt") for name in result)
