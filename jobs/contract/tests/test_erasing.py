from __future__ import annotations

import os

from jobs.contract.erasing import erase


def test_a_folder_goes_with_all_in_it_however_deep(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    # Deeper than any path can name, and than any recursion goes.
    for _ in range(5000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)

    erase(folder)

    assert not folder.exists()


def test_nothing_behind_a_link_is_touched(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    folder = tmp_path / "made"
    (folder / "inner").mkdir(parents=True)
    (folder / "link").symlink_to(outside)
    (folder / "inner" / "link").symlink_to(outside)
    (tmp_path / "made too").symlink_to(outside)

    erase(folder)
    erase(tmp_path / "made too")

    assert not folder.exists()
    assert (outside / "kept").read_text() == "kept"


def test_modes_and_odd_files_are_no_hindrance(tmp_path):
    folder = tmp_path / "made"
    (folder / "closed" / "inner").mkdir(parents=True)
    (folder / "closed" / "inner" / "x").write_text("x")
    os.mkfifo(folder / "closed" / "pipe")
    (folder / "erased-0").mkdir()
    (folder / "closed").chmod(0)

    erase(folder)

    assert not folder.exists()


def test_a_folder_can_be_kept_and_one_that_is_gone_is_no_matter(tmp_path):
    (tmp_path / "made" / "inner").mkdir(parents=True)

    erase(tmp_path / "made", keep=True)
    erase(tmp_path / "never")

    assert list((tmp_path / "made").iterdir()) == []
