from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

import pytest

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


def test_a_link_put_in_a_folders_place_meanwhile_does_not_open_what_it_leads_to(monkeypatch, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    folder = tmp_path / "made"
    (folder / "inner" / "deeper").mkdir(parents=True)
    for parent, name in ((folder, "inner"), (folder / "inner", "deeper")):
        (parent / f"{name}-link").symlink_to(outside)
    scandir = os.scandir

    def swapping(where):
        entries = list(scandir(where))
        seen = [swapped(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
        for entry in seen:
            os.rename(entry.name, f"{entry.name}-hidden", src_dir_fd=where, dst_dir_fd=where)
            os.symlink(outside, entry.name, dir_fd=where)
        return seen

    def swapped(entry):
        entry.stat(follow_symlinks=False)  # which it remembers
        return entry

    monkeypatch.setattr(os, "scandir", swapping)
    erase(folder)

    assert stat.S_IMODE(outside.stat().st_mode) == 0o755


def test_one_who_makes_folders_faster_than_they_go_is_not_waited_for(monkeypatch, tmp_path):
    folder = tmp_path / "made"
    (folder / "0").mkdir(parents=True)
    opened = os.open

    def busy(name, flags, **how):
        found = opened(name, flags, **how)
        if name == "." and how.get("dir_fd") is not None:
            for number in range(2):
                with contextlib.suppress(OSError):
                    os.mkdir(f"more-{number}", dir_fd=found)
        return found

    monkeypatch.setattr(os, "open", busy)

    assert not erase(folder, keep=True, most=50)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_that_is_closed_to_its_owner_goes_too(tmp_path):
    base = Path(tempfile.mkdtemp(prefix="athanor-erase-", dir="/var/tmp"))
    try:
        base.chmod(0o711)
        (base / "own" / "made" / "inner" / "deeper").mkdir(parents=True)
        (base / "own" / "made" / "inner" / "deeper" / "x").write_text("x")
        for path in (base / "own", *(base / "own").rglob("*")):
            os.chown(path, 1234, 1234)
        for path in ("inner/deeper", "inner", ""):
            (base / "own" / "made" / path).chmod(0)
        if not (child := os.fork()):
            os.setresuid(1234, 1234, 1234)
            os._exit(not erase(base / "own" / "made"))

        assert os.waitpid(child, 0)[1] == 0
        assert not (base / "own" / "made").exists()
    finally:
        erase(base)


def test_it_tells_whether_all_has_gone(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)

    assert erase(tmp_path / "made")
    assert erase(tmp_path / "made")
    assert not erase(tmp_path / "link")
