from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from workers import station


@pytest.fixture(autouse=True)
def _own_temporary_folder(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)


def dead() -> int:
    """Return the number of a process that was."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_what_killed_workers_left_is_removed_and_nothing_else(settings):
    gone, alive = dead(), os.getpid()
    names = {
        f"task-{gone}-0b5d8a3e-1111-4222-8333-444455556666-1": False,
        f"athanor-libreoffice-{gone}-x1y2": False,
        f"task-{alive}-0b5d8a3e-1111-4222-8333-444455556666-2": True,
        f"athanor-chrome-{alive}-x1y2": True,
        ".config": True,
    }
    for name in names:
        Path(settings.ATHANOR_WORK_DIR, name, "in").mkdir(parents=True)

    station.own_work_folder()

    left = {path.name for path in settings.ATHANOR_WORK_DIR.iterdir()}
    assert left == {name for name, stays in names.items() if stays}


def test_a_worker_that_leaves_takes_its_folders_along(settings):
    mine, others = f"athanor-chrome-{os.getpid()}-x1", f"athanor-chrome-{os.getpid()}1-x1"
    for name in (mine, others):
        Path(settings.ATHANOR_WORK_DIR, name).mkdir()

    station.remove_folders(lambda worker: worker == f"{os.getpid()}")

    assert [path.name for path in settings.ATHANOR_WORK_DIR.iterdir()] == [others]
