from __future__ import annotations

import pytest

from storage._support import keys


@pytest.mark.parametrize(
    ("one", "files", "wanted"),
    [
        ("a/b.pdf", 1, ["a/b.pdf"]),
        ("a/b.pdf", 3, ["a/b.pdf", "a/b-2.pdf", "a/b-3.pdf"]),
        ("a/%d.pdf", 2, ["a/1.pdf", "a/2.pdf"]),
        ("a/%03d.pdf", 2, ["a/001.pdf", "a/002.pdf"]),
        ("%d/%d", 2, ["1/1", "2/2"]),
        ("100%.pdf", 1, ["100%.pdf"]),
        ("/a.pdf", 1, ["/a.pdf"]),
    ],
)
def test_a_key_is_as_it_was_given_and_no_two_files_share_one(one, files, wanted):
    names, folders = ["x.pdf"] * files, [""] * files

    assert keys.for_files(one, None, names, folders, is_folder=False) == wanted


@pytest.mark.parametrize(
    ("many", "is_folder", "wanted"),
    [
        (None, False, ["a.txt", "sub/a.txt", "a-2.txt"]),
        ("out/", False, ["out/a.txt", "out/sub/a.txt", "out/a-2.txt"]),
        ("out-", False, ["out-a.txt", "out-sub/a.txt", "out-a-2.txt"]),
        ("out", True, ["out/a.txt", "out/sub/a.txt", "out/a-2.txt"]),
        ("/", True, ["/a.txt", "/sub/a.txt", "/a-2.txt"]),
    ],
)
def test_files_keep_their_folders_behind_what_comes_first(many, is_folder, wanted):
    assert keys.for_files(None, many, ["a.txt"] * 3, ["", "sub", ""], is_folder=is_folder) == wanted


def test_names_that_lead_up_do_not():
    assert keys.for_files(None, "out/", ["../../a"], ["../b/.."], is_folder=False) == ["out/b/a"]


@pytest.mark.parametrize(
    ("key", "prefix", "is_folder", "wanted"),
    [
        ("a/b/c.txt", "a/b/", False, "c.txt"),
        ("a/b/c.txt", "a/b", False, "b/c.txt"),
        ("a/b/c.txt", "", False, "a/b/c.txt"),
        ("a/b/c.txt", "a/b", True, "c.txt"),
        ("a/b/c.txt", "a/b/", True, "c.txt"),
        ("/a/b", "/", True, "a/b"),
        ("/a/b", "/a", True, "b"),
    ],
)
def test_what_comes_keeps_the_folders_below_what_was_asked_for(key, prefix, is_folder, wanted):
    assert keys.relative(key, prefix, is_folder=is_folder) == wanted
