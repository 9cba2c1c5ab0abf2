"""Merging files of any kind, by real tools, from job to result."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from jobs import intake, registry, services
from jobs.states import Status
from jobs.tests import kept

pytestmark = pytest.mark.needs("soffice", "qpdf")


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    registry.launcher().kill_all()


@pytest.fixture
def merge(owner, run_tools):
    def merged(*inputs, **options):
        payload = {"input": list(inputs), "output_format": "pdf", **options}
        task = services.create_task(intake.parse_task("merge", payload, owner=owner), owner=owner)
        run_tools()
        task.refresh_from_db()
        return task

    return merged


def pdf(width, password=None):
    writer = PdfWriter()
    writer.add_blank_page(width, 100)
    if password:
        writer.encrypt(password, algorithm="AES-256")
    data = io.BytesIO()
    writer.write(data)
    return data.getvalue()


def png():
    data = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(data, "PNG")
    return data.getvalue()


def result(task):
    assert (task.status, task.message) == (Status.FINISHED, None)
    [file] = task.files.all()
    return file.name, PdfReader(io.BytesIO(kept.content(file.key)))


def widths(reader):
    return [round(float(page.mediabox.width)) for page in reader.pages]


def test_files_of_any_kind_become_one_in_the_order_they_were_named(given, merge, samples):
    first, word = given("cover.pdf", pdf(111)), given("Text.docx", (samples / "jod_simple.docx").read_bytes())
    picture, last = given("red.png", png()), given("end.pdf", pdf(333))

    name, reader = result(merge(first, word, picture, last))

    assert name == "merged.pdf"
    first_width, *middle, picture_width, last_width = widths(reader)
    assert (first_width, last_width) == (111, 333)
    assert set(middle) <= {595, 596, 612}
    assert picture_width not in {*middle, 111, 333}
    assert [item.title for item in reader.outline] == ["cover", "Text", "red", "end"]


def test_a_task_named_twice_is_taken_twice(given, merge):
    sheet, text = given("sheet.pdf", pdf(111)), given("text.pdf", pdf(222))

    _, reader = result(merge(sheet, text, sheet, filename="all.pdf"))

    assert widths(reader) == [111, 222, 111]


def test_a_converted_task_named_twice_is_taken_twice(given, merge):
    _, reader = result(merge(picture := given("red.png", png()), given("text.pdf", pdf(222)), picture))

    first, second, third = widths(reader)
    assert (first == third, second) == (True, 222)


def test_a_locked_file_among_others_is_named(given, merge):
    task = merge(given("open.pdf", pdf(111)), given("Contract.pdf", pdf(222, "secret")))

    assert (task.status, task.code) == (Status.ERROR, "PASSWORD_REQUIRED")
    assert (
        task.message == "Contract.pdf is protected by a password. Set the password option to the right one."
    )


def test_a_password_reaches_the_merging_though_a_conversion_on_the_way_takes_one_too(given, merge, samples):
    word = given("a.docx", (samples / "jod_simple.docx").read_bytes())
    locked = given("locked.pdf", pdf(222, "secret"))

    _, reader = result(merge(word, locked, password="secret"))

    assert widths(reader)[-1] == 222


def test_what_becomes_no_pdf_is_named(given, merge, samples):
    task = merge(given("a.pdf", pdf(111)), given("tone.wav", (samples / "made_tone.wav").read_bytes()))

    assert (task.status, task.code) == (Status.ERROR, "INVALID_CONVERSION_TYPE")
    assert "wav" in task.message
