"""What every file store does, tried on each."""

from __future__ import annotations

import hashlib
import os
import random
import uuid
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from jobs import files
from jobs.contract import errors
from jobs.files import parts
from jobs.tests import kept

TASK = uuid.UUID("00000000-0000-4000-8000-0000000000aa")
OTHER = uuid.UUID("00000000-0000-4000-8000-0000000000bb")
SIZES = [0, 1, parts.PART - 1, parts.PART, parts.PART + 1, 3 * parts.PART + 5]


@pytest.fixture(params=["local", "bucket", "strict", "azure", "google"], autouse=True)
def store(request):
    request.getfixturevalue(request.param)


@pytest.fixture
def made(tmp_path):
    """Make a file of so many bytes; return it and its content."""

    def make(size):
        path, content = tmp_path / "made", random.Random(size).randbytes(size)
        path.write_bytes(content)
        return path, content

    return make


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_back_as_it_went_in(made, size, tmp_path):
    path, content = made(size)

    stored = files.save(path, task=TASK)

    assert not path.exists()
    assert (stored.size, stored.sha256) == (size, hashlib.sha256(content).hexdigest())
    files.fetch(stored.key, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == content
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o644
    assert kept.content(stored.key) == content
    assert b"".join(files.read(stored.key, 0, size)) == content


@pytest.mark.parametrize("size", SIZES)
def test_a_file_may_come_piece_by_piece(made, size):
    _, content = made(size)
    writing = files.begin(TASK)
    for at in range(0, size, 1_000_000):
        writing.write(content[at : at + 1_000_000])

    writing.close()

    assert kept.content(writing.key) == content


@pytest.mark.parametrize("size", [3, 2 * parts.PART + 1])
@pytest.mark.parametrize("closed", [True, False])
def test_what_is_discarded_leaves_nothing(made, size, closed):
    writing = files.begin(TASK)
    writing.write(made(size)[1])
    if closed:
        writing.close()

    writing.discard()

    assert not kept.everything()


def test_a_part_of_a_file_is_read(made):
    path, content = made(1_000_000)
    key = files.save(path, task=TASK).key

    assert b"".join(files.read(key, 999_990, 10)) == content[-10:]
    assert b"".join(files.read(key, 5, 700_000)) == content[5:700_005]
    with files.open(key) as file:
        file.seek(-7, os.SEEK_END)
        assert file.read() == content[-7:]
        file.seek(300_000)
        assert file.read(400_000) == content[300_000:700_000]


def test_what_is_shared_outlives_what_it_was_shared_from(made):
    path, content = made(100)
    first = files.save(path, task=TASK)

    second = files.share(first, task=OTHER)
    files.remove_tasks([TASK])

    assert not kept.is_there(first.key)
    assert (second.size, second.sha256) == (first.size, first.sha256)
    assert kept.content(second.key) == content


def test_a_large_file_is_shared_in_parts(made, monkeypatch):
    monkeypatch.setattr("jobs.files.s3.COPY_PART", 6 * 1024**2)
    path, content = made(2 * parts.PART)

    shared = files.share(files.save(path, task=TASK), task=OTHER)

    assert kept.content(shared.key) == content


def test_a_task_s_files_are_found_and_removed(made):
    keys = [files.save(made(size)[0], task=TASK).key for size in (1, 2, 3)]
    other = files.write("text", task=OTHER)

    assert files.keys(TASK) == set(keys)
    files.remove(keys[0], keys[0])
    assert files.keys(TASK) == set(keys[1:])
    files.remove_tasks([TASK])
    assert kept.everything() == {other}


def test_tasks_that_nothing_comes_for_are_found(made):
    files.write("text", task=TASK)
    files.write("text", task=OTHER)

    assert not list(files.untouched(seconds=60))
    assert sorted(files.untouched(seconds=-60)) == [TASK, OTHER]


@pytest.mark.parametrize(
    "use",
    [
        lambda key, _: files.open(key),
        lambda key, _: next(files.read(key, 0, 1)),
        lambda key, folder: files.fetch(key, folder / "x"),
        lambda key, _: files.share(files.Stored(key, 1, ""), task=OTHER),
    ],
    ids=["open", "read", "fetch", "share"],
)
def test_what_is_not_there_is_gone(use, tmp_path):
    with pytest.raises(errors.FileGone):
        use(files.new_key(TASK), tmp_path)


def test_what_is_being_read_may_be_removed(made):
    path, content = made(1_000_000)
    key = files.save(path, task=TASK).key
    reading = files.read(key, 0, len(content))
    first = next(reading)

    files.remove(key)

    assert first + b"".join(reading) == content


def test_the_store_can_be_used():
    assert files.objection() is None


def test_a_store_gives_a_link_of_its_own_or_none(made, request):
    path, content = made(1000)
    key = files.save(path, task=TASK).key

    url = files.link(key, files.Shown("application/pdf", 'inline; filename="a.pdf"', "private"), seconds=60)

    kind = request.node.callspec.params["store"]
    assert (url is None) is (kind == "local")
    if kind in {"bucket", "strict", "azure"}:
        answer = httpx.get(url, headers={"Range": "bytes=10-19"})
        assert (answer.status_code, answer.content) == (206, content[10:20])
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"] == 'inline; filename="a.pdf"'
        assert answer.headers["cache-control"] == "private"
    if kind == "google":
        # The one we test with has no such links.
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["response-content-disposition"] == 'inline; filename="a.pdf"'
        assert asked["X-Goog-Expires"] == "60" and asked["X-Goog-Signature"]


def test_a_store_without_its_bucket_cannot_be_used(settings, request):
    if request.node.callspec.params["store"] != "local":
        settings.ATHANOR_FILE_STORE = replace(settings.ATHANOR_FILE_STORE, bucket="not-there")

        assert "ATHANOR_FILE_STORE cannot be used" in files.objection()
