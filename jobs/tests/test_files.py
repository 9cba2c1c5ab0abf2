from __future__ import annotations

import errno
import uuid

import pytest

from jobs import files, intake, services
from jobs.contract import errors
from jobs.files import folder
from jobs.models import Job
from jobs.tests import kept

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture
def full(local, monkeypatch):
    """A store on a disk with no room left."""

    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder.os, "fsync", no_room)


def test_half_a_text_is_not_kept(full):
    with pytest.raises(errors.DiskFull):
        files.write("text", task=uuid.uuid4())

    assert not kept.everything()


def test_a_job_whose_contents_find_no_room_is_refused(full, owner):
    raw = {"operation": "import/raw", "file": "text", "filename": "a.txt"}
    draft = intake.parse_job({"tasks": {"a": raw}}, owner=owner)

    with pytest.raises(errors.DiskFull):
        services.create_job(draft, owner=owner)

    assert not Job.objects.exists()


def test_a_file_that_was_removed_is_gone(tmp_path):
    with pytest.raises(errors.FileGone):
        files.fetch(f"ab/{uuid.uuid4()}/x", tmp_path / "x")
