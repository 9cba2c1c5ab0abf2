"""The routes that the real engines make."""

from __future__ import annotations

import pytest

from jobs import planner


def engines(source, target, engine=None):
    return [hop.operation.engine for hop in planner.route("convert", source, target, engine=engine)]


@pytest.mark.parametrize("source", ["md", "rst", "tex", "org", "textile", "ipynb"])
def test_markup_is_printed_through_its_page(source):
    assert engines(source, "pdf") == ["pandoc", "chrome"]


@pytest.mark.parametrize("source", ["eml", "msg"])
def test_a_message_is_printed_through_its_page(source):
    assert engines(source, "pdf") == ["mail", "chrome"]


@pytest.mark.parametrize(
    ("source", "target", "engine"),
    [
        ("docx", "odt", "libreoffice"),
        ("docx", "md", "pandoc"),
        ("docx", "epub", "calibre"),
        ("html", "docx", "libreoffice"),
        ("md", "docx", "pandoc"),
        ("epub", "pdf", "calibre"),
        ("epub", "mobi", "calibre"),
        ("pdf", "docx", "libreoffice"),
        ("pdf", "xlsx", "libreoffice"),
    ],
)
def test_the_engine_that_keeps_most_is_the_usual_one(source, target, engine):
    assert engines(source, target)[-1] == engine
    assert len(engines(source, target)) == 1


@pytest.mark.parametrize(
    ("source", "target", "name"),
    [
        ("docx", "pdf", "office"),
        ("pptx", "png", "office"),
        ("pdf", "docx", "pdftron-pdf2word"),
        ("pdf", "xls", "pdftron-pdf2excel"),
        ("pdf", "pptx", "pdftron-pdf2powerpoint"),
        ("pdf", "rtf", "bcl"),
    ],
)
def test_engines_nobody_can_have_here_are_stood_in_for(source, target, name):
    assert "libreoffice" in engines(source, target, name)
