"""Operations on what they do not take themselves, and with options they do not know, by real tools."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from jobs import intake, registry, services
from jobs.states import Status
from jobs.tests import kept


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    registry.launcher().kill_all()


@pytest.fixture
def made(owner, run_tools):
    """Run an operation on a task's files; return what came out, by name."""

    def make(operation, given, **options):
        draft = intake.parse_task(operation, {"input": given, **options}, owner=owner)
        task = services.create_task(draft, owner=owner)
        run_tools()
        task.refresh_from_db()
        assert (task.status, task.code) == (Status.FINISHED, None), task.message
        return {file.name: io.BytesIO(kept.content(file.key)) for file in task.files.all()}

    return make


def paper(count):
    writer = PdfWriter()
    for _ in range(count):
        writer.add_blank_page(300, 200)
    data = io.BytesIO()
    writer.write(data)
    return data.getvalue()


def sizes(found):
    kept = {}
    for name, file in found.items():
        with Image.open(file) as picture:
            kept[name] = picture.size
    return kept


@pytest.mark.needs("soffice")
def test_a_document_has_a_thumbnail_of_each_page_that_is_asked_for(given, made, samples):
    text = given("Text.doc", (samples / "jod_multi_page.doc").read_bytes())

    found = made("thumbnail", text, output_format="png", count=2, width=90, height=60, fit="crop")

    assert sizes(found) == {"Text-1.png": (90, 60), "Text-2.png": (90, 60)}


@pytest.mark.needs("soffice")
def test_of_a_document_and_a_pdf_the_same_pages_are_converted(given, made, samples):
    text = given("Text.doc", (samples / "jod_multi_page.doc").read_bytes())

    found = made("convert", [text, given("plain.pdf", paper(3))], output_format="png", pages="2", width=40)

    assert list(found) == ["Text.png", "plain.png"]


@pytest.mark.needs("gs", "qpdf", "pdfinfo")
@pytest.mark.parametrize(
    ("operation", "options"), [("optimize", {"profile": "max"}), ("watermark", {"text": "DRAFT"})]
)
def test_what_makes_no_other_format_lets_one_be_named(operation, options, given, made):
    found = made(operation, given("plain.pdf", paper(1)), output_format="PDF", input_format="pdf", **options)

    assert list(found) == ["plain.pdf"]
    assert len(PdfReader(found["plain.pdf"]).pages) == 1
