from __future__ import annotations

import os
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from jobs import intake, services
from jobs.models import Task, Worker
from jobs.tests import flow
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


def test_a_link_put_there_by_somebody_else_is_not_followed(settings, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir(mode=0o700)
    settings.ATHANOR_WORK_DIR.rmdir()
    settings.ATHANOR_WORK_DIR.symlink_to(inside)

    with pytest.raises(PermissionError, match="somebody else"):
        station.own_work_folder()

    assert stat.S_IMODE(inside.stat().st_mode) == 0o700


def test_nobody_wins_the_race_to_put_a_link_there(monkeypatch, settings, tmp_path):
    inside, work = tmp_path / "inside", settings.ATHANOR_WORK_DIR
    inside.mkdir(mode=0o700)
    is_symlink = Path.is_symlink

    def swapping(path):
        found = is_symlink(path)
        if path == work and not found:
            work.rmdir()
            work.symlink_to(inside)
        return found

    monkeypatch.setattr(Path, "is_symlink", swapping)
    station.own_work_folder()

    assert stat.S_IMODE(inside.stat().st_mode) == 0o700


def test_engines_users_come_through_whatever_the_umask(settings):
    before = os.umask(0o077)
    try:
        settings.ATHANOR_WORK_DIR.rmdir()
        station.own_work_folder()
        folder = settings.ATHANOR_WORK_DIR / "task" / "0"
        folder.mkdir(parents=True)
    finally:
        os.umask(before)

    assert all(path.stat().st_mode & stat.S_IXOTH for path in (folder, folder.parent, folder.parent.parent))


@pytest.mark.django_db(transaction=True)
def test_a_worker_tells_what_it_has_when_it_knows_all_and_serves_what_it_knows(monkeypatch, owner):
    asked = threading.Event()

    def found(_queues, *, but):
        if "shouter" not in but:
            yield "shouter", {"1.2": None}
            asked.wait(10)
            yield "painter", {}

    monkeypatch.setattr(station.versions, "found", found)
    monkeypatch.setattr(station, "ANNOUNCE_SECONDS", 0.01)
    with flow.offered():
        worker = station.Worker({"storage": 1, "shouter": 1, "painter": 1})
        tasks = {
            "in": {"operation": "import/url", "filename": "a.txt"},
            "made": {"operation": "convert", "input": "in", "output_format": "pdf"},
        }
        services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)
        worker.start()
        try:
            until(lambda: Task.objects.get(name="made").status == "finished")
            assert not Worker.objects.exists()
            asked.set()
            until(Worker.objects.exists)
            assert Worker.objects.get().tools == {"shouter": ["1.2"], "painter": []}
        finally:
            asked.set()
            worker.drain()
    assert Worker.objects.get().left_at


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        threading.Event().wait(0.02)
