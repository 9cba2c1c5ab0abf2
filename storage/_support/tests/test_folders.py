from __future__ import annotations

import itertools
import time

import pytest

from jobs.contract.errors import TooMuchOutput
from storage._support import folders
from storage._support.folders import Entry, Unfinished, above, let_age, walk, within
from storage._support.place import Item

TREE = {
    "": [Entry("b"), Entry("sub", is_folder=True), Entry("a", size=1, version="1")],
    "x": [Entry("sub", is_folder=True), Entry("z")],
    "x/sub": [Entry("deep", is_folder=True), Entry("y")],
    "x/sub/deep": [Entry("w")],
    "sub": [],
    "/": [Entry("r")],
}


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("", ["a", "b"]),
        ("x", ["x/z", "x/sub/y", "x/sub/deep/w"]),
        ("x//", ["x/z", "x/sub/y", "x/sub/deep/w"]),
        ("/", ["/r"]),
    ],
)
def test_files_come_in_the_order_of_their_names_and_folders_after_them(path, keys):
    assert [item.key for item in walk(path, TREE.__getitem__)] == keys


def test_what_a_listing_tells_goes_with_the_file():
    assert next(walk("", TREE.__getitem__)) == Item("a", 1, "1")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "a\0b"])
def test_names_that_are_none_are_passed_over(name):
    assert [item.key for item in walk("f", lambda _: [Entry(name), Entry("good")])] == ["f/good"]


def test_folders_without_end_end():
    with pytest.raises(TooMuchOutput):
        list(walk("f", lambda _: [Entry("again", is_folder=True)]))


@pytest.mark.parametrize("entry", [Entry("a"), Entry(".."), None])
def test_listings_without_end_end(entry, monkeypatch):
    monkeypatch.setattr(folders, "MAX_ENTRIES", 10)

    with pytest.raises(TooMuchOutput):
        list(walk("f", lambda _: itertools.repeat(entry)))


@pytest.mark.parametrize(
    ("path", "folder"), [("a/b/c", "a/b"), ("a", ""), ("/a", "/"), ("~/a", "~"), ("/a/b", "/a")]
)
def test_the_folder_of_a_path(path, folder):
    assert above(path) == folder
    assert within(folder, path.rpartition("/")[2]) == path


def test_a_name_for_what_is_not_whole_is_remembered_once_for_each_folder():
    told = []

    class Trail:
        def begun(self, loose_end):
            told.append(loose_end)

    one, other = Unfinished(Trail()), Unfinished(Trail())
    first = one.beside("x/a")

    assert one.beside("x/b") == first
    assert told == [first]
    assert one.beside("/c").startswith("/.athanor-")
    assert len(told) == 2
    assert other.beside("x/a") != first


def test_only_what_was_written_just_now_is_waited_for():
    asked = []
    for modified in (0.0, time.time() - 2, time.time() + 1000):
        let_age(modified, asked.append)
    assert asked == []

    let_age(int(time.time()), asked.append)

    assert set(asked) <= {0}
