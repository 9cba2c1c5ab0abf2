from __future__ import annotations

import pytest

from jobs import files, routing
from jobs.contract import errors
from jobs.contract.detection.tests import hostile
from jobs.models import File, Task
from workers import inspection

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture
def ask(owner, tmp_path):
    """Ask for a conversion of a file that was imported; return the task and its files."""

    def asked(data: bytes, name: str, **payload):
        done = Task.objects.create(owner=owner, operation="import/upload", status="finished")
        path = tmp_path / "new"
        path.write_bytes(data)
        kind = routing.format_of_new(path, name)
        stored = files.save(path, task=done.pk)
        row = File.objects.create(
            task=done,
            name=name,
            format=kind,
            size=stored.size,
            sha256=stored.sha256,
            key=stored.key,
        )
        key = ["convert", "shouter", "txt", "pdf"]
        task = Task.objects.create(owner=owner, operation="convert", payload=payload, plan=[key])
        return task, [row]

    return asked


def test_a_picture_under_another_picture_s_name_is_taken_for_what_it_is(ask):
    task, [row] = ask(hostile.png(10, 10), "photo.jpg")

    inspection.inspect(task, [row])

    assert (row.name, row.format) == ("photo.jpg", "png")


@pytest.mark.parametrize("kind", ["m3u8", "ffconcat", "sdp", "mpd", "mvg", "msl"])
def test_lists_and_scripts_are_refused_by_what_they_are(kind, ask):
    with pytest.raises(errors.OpenFailed, match=r"The file is a .*(playlist|script).*, not MP4"):
        inspection.inspect(*ask(hostile.TEXTS[kind], "film.mp4"))


def test_the_customer_s_format_is_held_against_the_content(ask):
    with pytest.raises(errors.OpenFailed, match=r"The file is PNG, not DOCX\. Set input_format to png"):
        inspection.inspect(*ask(hostile.png(1, 1), "x.docx", input_format="docx"))

    inspection.inspect(*ask(b"<p>Hello</p>", "page.txt", input_format="html"))


def test_a_password_is_asked_for_at_once(ask):
    with pytest.raises(errors.PasswordRequired, match="Set the password option"):
        inspection.inspect(*ask(hostile.LOCKED["docx"], "x.docx"))

    inspection.inspect(*ask(hostile.LOCKED["docx"], "x.docx", password="right"))


def test_no_password_is_asked_for_where_none_would_help(ask):
    task, rows = ask(hostile.LOCKED["docx"], "x.docx")
    task.plan = [["archive", "archivetool", "", "zip"]]

    with pytest.raises(errors.PasswordRequired, match="does not open protected files"):
        inspection.inspect(task, rows)


def test_what_is_empty_gone_or_too_large_is_said(ask):
    with pytest.raises(errors.EmptyFile):
        inspection.inspect(*ask(b"", "x.docx"))
    with pytest.raises(errors.FileTooLarge, match="100,000 x 100,000 pixels"):
        inspection.inspect(*ask(hostile.png(100_000, 100_000), "x.png"))
    task, [row] = ask(b"text", "x.txt")
    files.remove(row.key)
    with pytest.raises(errors.FileGone):
        inspection.inspect(task, [row])
