from __future__ import annotations

import uuid

import pytest
from django.db import transaction

from jobs import files, intake, services
from jobs.contract import errors
from jobs.models import Job

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture
def full(settings, monkeypatch):
    """A store whose next file lies on a full disk."""
    new_key = files.new_key

    def on_a_full_disk(task):
        key = new_key(task)
        files.path(key).symlink_to("/dev/full")
        return key

    monkeypatch.setattr(files, "new_key", on_a_full_disk)
    return settings.ATHANOR_FILES_DIR


def test_half_a_text_is_not_kept(full):
    with pytest.raises(errors.DiskFull):
        files.write("text", task=uuid.uuid4())

    assert not list(full.glob("*/*/*"))


def test_a_job_whose_contents_find_no_room_is_refused(full, owner):
    raw = {"operation": "import/raw", "file": "text", "filename": "a.txt"}
    draft = intake.parse_job({"tasks": {"a": raw}}, owner=owner)

    with pytest.raises(errors.InsufficientStorage), transaction.atomic():
        services.create_job(draft, owner=owner)

    assert not Job.objects.exists()


def test_a_file_that_was_removed_is_gone(tmp_path):
    with pytest.raises(errors.FileGone):
        files.fetch(f"ab/{uuid.uuid4()}/x", tmp_path / "x")
