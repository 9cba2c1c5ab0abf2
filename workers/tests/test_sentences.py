from __future__ import annotations

import pytest

from jobs.contract import Operation
from jobs.registry import Hop
from workers import sentences


def hop(name, engine=None, source="", target=""):
    record = Operation(name=name, engine=engine, queue="x", help="", run=lambda *_: None)
    return Hop(record, source, target)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (hop("import/url"), "Importing"),
        (hop("export/url"), "Exporting"),
        (hop("convert", "pages", "docx", "pdf"), "Converting DOCX to PDF with pages"),
        (hop("pdf/encrypt", "qpdf", "pdf"), "Running pdf/encrypt with qpdf"),
        (hop("merge", "qpdf", "pdf", "pdf"), "Running merge with qpdf"),
    ],
)
def test_what_is_being_done(step, expected):
    assert sentences.doing(step) == expected


def test_which_of_several_files_it_is():
    step = hop("convert", "pages", "docx", "pdf")

    assert sentences.doing(step, number=3, of=50) == "Converting DOCX to PDF with pages, file 3 of 50"
