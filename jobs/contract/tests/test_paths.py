from __future__ import annotations

import pytest

from jobs.contract.paths import MAX_BYTES, MAX_DEPTH, Paths, parts


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b/c.txt", ("a", "b", "c.txt")),
        ("../../etc/passwd", ("etc", "passwd")),
        ("/etc/passwd", ("etc", "passwd")),
        ("C:\\windows\\system.ini", ("windows", "system.ini")),
        ("a\\..\\b.txt", ("a", "b.txt")),
        ("./a//./b.txt", ("a", "b.txt")),
        ("folder/", ("folder",)),
        ("line\r\nbreak\0.txt", ("linebreak.txt",)),
        ("con/NUL.txt/lpt1", ("_con", "_NUL.txt", "_lpt1")),
        ("console.txt", ("console.txt",)),
        ("bad\udcff.txt", ("bad.txt",)),
        ("invoice\u202egpj.exe", ("invoicegpj.exe",)),
        ("..", ()),
        ("/", ()),
        ("", ()),
    ],
)
def test_a_path_becomes_names_that_lead_nowhere_else(path, expected):
    assert parts(path) == expected


def test_long_names_and_deep_folders_are_cut():
    [name] = parts("n" * 5000 + ".txt")
    deep = parts("/".join(["d"] * 5000) + "/x.txt")
    long = parts("/".join(["é" * 90] * 20) + "/x.txt")

    assert len(name) == 200 and name.endswith(".txt")
    assert deep == (*["d"] * MAX_DEPTH, "x.txt")
    assert long[-1] == "x.txt" and len("/".join(long[:-1]).encode()) <= MAX_BYTES


def test_every_path_is_given_once():
    paths = Paths()

    given = [
        paths.file(path) for path in ["a/x.txt", "A/X.TXT", "a/x-2.txt", "b/x.txt", "x.txt", "../x.txt", ".."]
    ]

    assert given == ["a/x.txt", "a/X-2.TXT", "a/x-2-2.txt", "b/x.txt", "x.txt", "x-2.txt", "file"]


def test_a_file_and_a_folder_of_one_name_are_two():
    paths = Paths()

    given = [
        paths.file("a"),
        paths.file("a/b"),
        paths.folder("A"),
        paths.folder("c"),
        paths.file("c"),
        paths.folder("/"),
    ]

    assert given == ["a", "a-2/b", "a-2", "c", "c-2", ""]


def test_ten_thousand_namesakes_take_no_time():
    paths = Paths()

    given = {paths.file("same.txt") for _ in range(10_000)}

    assert len(given) == 10_000
