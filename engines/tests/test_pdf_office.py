# ruff: noqa: E501 - a file's own lines read best as they are
from __future__ import annotations

import random
import re
import subprocess
import zipfile

import pytest

from engines import libreoffice, pdf_office
from engines._support.pdf_tables import Cell, table
from engines.tests.context import RunContext
from jobs.contract import Work
from jobs.contract.errors import ConversionFailed, EmptyFile, OpenFailed, PasswordRequired

LINES = [
    (72, 770, "Annual report"),
    (72, 740, "This is a line of text, and no table at all."),
    *((72, 700, "Name"), (250, 700, "Amount"), (400, 700, "City")),
    *((72, 685, "Ada Lovelace"), (250, 685, "12.50"), (400, 685, "London")),
    *((72, 670, "Grace Hopper"), (250, 670, "1,300"), (400, 670, "New York")),
    *((72, 655, "Linus"), (400, 655, "007")),
    (72, 620, "The end & <more>"),
]


def pdf(*pages):
    """Return a PDF of pages with lines of text: x, y, words."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>"]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects += [
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, lines in enumerate(pages):
        text = "".join(f"BT /F 11 Tf {x} {y} Td ({words}) Tj ET\n" for x, y, words in lines)
        objects.append(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>"
            f"/Contents {5 + 2 * number} 0 R>>"
        )
        objects.append(f"<</Length {len(text)}>>\nstream\n{text}endstream")
    made, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    tail = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer<</Size {len(objects) + 1}/Root 1 0 R>>\n"
    return made + f"{tail}startxref\n{len(made)}\n%%EOF\n".encode()


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    libreoffice.WARM.close()


@pytest.fixture
def run(tmp_path):
    """Convert with the real programs; return the file made."""
    count = iter(range(100))

    def convert(path, target, engine="libreoffice", **options):
        [op] = [op for op in pdf_office.OPERATIONS if op.offers("pdf", target) and op.engine == engine]
        known = {o.name: o for o in op.options}
        out = tmp_path / f"out-{next(count)}"
        out.mkdir()
        work = Work(
            inputs=(path,),
            output_dir=out,
            input_format="pdf",
            output_format=target,
            options={n: o.default for n, o in known.items()}
            | {n: known[n].read(v) for n, v in options.items()},
        )
        [file] = op.run(work, RunContext(seconds=120)).files
        assert file.path.name == f"{path.stem}.{target}"
        return file.path

    return convert


@pytest.fixture
def written(tmp_path):
    """Write a PDF."""

    def write(*pages, protect=()):
        path = tmp_path / "in.pdf"
        path.write_bytes(pdf(*pages))
        if protect:
            subprocess.run(["qpdf", "--encrypt", *protect, "--", path, tmp_path / "locked.pdf"], check=True)
            (tmp_path / "locked.pdf").rename(path)
        return path

    return write


def said(path, member):
    """Return the texts of an Office document, in order, each once."""
    text = zipfile.ZipFile(path).read(member).decode()
    text = re.sub(r"<mc:Fallback>.*?</mc:Fallback>", "", text, flags=re.DOTALL).replace("<w:br/>", " ")
    return re.findall(r"<(?:w|a):t(?: [^>]*)?>([^<]*)<", text)


def cells(path):
    """Return what stands in the first sheet of a workbook, by its place."""
    book = zipfile.ZipFile(path)
    shared = re.findall(
        r"<si>.*?<t[^>]*>([^<]*)</t>.*?</si>", book.read("xl/sharedStrings.xml").decode(), re.DOTALL
    )
    found = {}
    for place, kind, value in re.findall(
        r'<c r="(\w+)"[^>]*?t="(\w+)"[^>]*><v>([^<]*)</v>', book.read("xl/worksheets/sheet1.xml").decode()
    ):
        found[place] = shared[int(value)] if kind == "s" else float(value)
    return found


# --- Tables, from where words stand


def at(left, top, words):
    return Cell(left, top, left + 6 * len(words), top + 12, words)


def test_words_become_cells_and_cells_stand_in_columns():
    words = [
        at(0, 0, "First"),
        at(34, 0, "name"),
        at(200, 0, "Sum"),
        at(0, 20, "Ada"),
        at(194, 20, "1200"),
        at(0, 40, "x"),
    ]

    assert table(words) == [["First name", "Sum"], ["Ada", "1200"], ["x"]]


def test_a_missing_cell_leaves_its_place_empty():
    words = [at(x, y, "word") for x in (0, 100, 200) for y in (0, 20) if (x, y) != (100, 20)]

    assert table(words) == [["word", "word", "word"], ["word", "", "word"]]


def test_a_line_across_all_columns_does_not_join_them():
    words = [at(0, 0, "a"), at(100, 0, "b"), at(0, 20, "a-very-long-word-across"), at(200, 20, "c")]

    assert table(words)[0] == ["a", "b"] or table(words)[0][:1] == ["a b"]


# --- With the programs


@pytest.mark.needs("soffice", "qpdf")
def test_a_document_says_the_same_in_the_same_order(run, written):
    text = " ".join(said(run(written(LINES), "docx"), "word/document.xml"))

    order = [text.find(words) for _, _, words in [LINES[0], LINES[1], LINES[5], LINES[8]]]
    assert order == sorted(order) and -1 not in order
    assert "The end &amp; &lt;more&gt;" in text


@pytest.mark.needs("mutool", "qpdf")
def test_running_text_is_in_one_paragraph(run, written):
    text = "".join(said(run(written(LINES), "docx", engine="mupdf"), "word/document.xml"))

    order = [text.find(words) for _, _, words in [LINES[0], LINES[1], LINES[5], LINES[8]]]
    assert order == sorted(order) and -1 not in order


@pytest.mark.needs("soffice", "qpdf")
@pytest.mark.parametrize(
    ("target", "start"), [("doc", b"\xd0\xcf\x11\xe0"), ("rtf", b"{\\rtf"), ("odt", b"PK")]
)
def test_the_other_documents_are_written(run, written, target, start):
    assert run(written(LINES), target).read_bytes().startswith(start)


@pytest.mark.needs("soffice", "qpdf")
def test_each_page_becomes_a_slide(run, written):
    file = run(written([(72, 700, "ONE")], [(72, 700, "TWO")], [(72, 700, "THREE")]), "pptx", pages="2-3")

    names = [name for name in zipfile.ZipFile(file).namelist() if re.match(r"ppt/slides/slide\d+\.xml", name)]
    assert sorted(said(file, name)[0] for name in names) == ["THREE", "TWO"]


@pytest.mark.needs("soffice", "qpdf", "pdftotext")
def test_tables_become_cells(run, written):
    found = cells(run(written(LINES), "xlsx"))

    assert found["A1"] == "Annual report"
    assert [found.get(f"{column}3") for column in "ABC"] == ["Name", "Amount", "City"]
    assert [found.get(f"{column}4") for column in "ABC"] == ["Ada Lovelace", 12.5, "London"]
    assert [found.get(f"{column}5") for column in "ABC"] == ["Grace Hopper", 1300, "New York"]
    assert [found.get(f"{column}6") for column in "ABC"] == ["Linus", None, "007"]
    assert found["A7"] == "The end &amp; &lt;more&gt;"


@pytest.mark.needs("soffice", "qpdf", "pdftotext")
def test_each_page_becomes_a_sheet(run, written):
    file = run(written([(72, 700, "ONE")], [], [(72, 700, "THREE")]), "xlsx")

    book = zipfile.ZipFile(file).read("xl/workbook.xml").decode()
    assert re.findall(r'<sheet name="([^"]*)"', book) == ["Page 1", "Page 3"]


PROTECTED = ("user", "owner", "256")


@pytest.mark.needs("soffice", "qpdf")
@pytest.mark.parametrize("target", ["docx", "xlsx"])
def test_a_password_is_asked_for_and_used(run, written, target):
    path = written(LINES, protect=PROTECTED)

    for options in ({}, {"password": "wrong"}):
        with pytest.raises(PasswordRequired):
            run(path, target, **options)

    assert run(path, target, password="user")


@pytest.mark.needs("soffice", "qpdf")
@pytest.mark.parametrize(
    "protect", [("", "owner", "256", "--extract=n"), ("user", "owner", "256", "--extract=n")]
)
def test_what_the_owner_forbids_is_not_done(run, written, protect):
    path = written(LINES, protect=protect)

    with pytest.raises(ConversionFailed, match="owner"):
        run(path, "docx", password=protect[0] or None) if protect[0] else run(path, "docx")
    assert run(path, "docx", password="owner")


@pytest.mark.needs("soffice", "qpdf")
def test_pages_beyond_the_end_are_named(run, written):
    with pytest.raises(ConversionFailed, match="page 7, but the document has only 1 page"):
        run(written(LINES), "docx", pages="7-")


@pytest.mark.needs("soffice", "qpdf", "pdftotext")
def test_a_scan_is_told_so(run, written):
    with pytest.raises(ConversionFailed, match="pdf/ocr"):
        run(written([]), "xlsx")


def test_the_names_of_others_are_answered_to():
    answers = {
        name: {target for op in pdf_office.OPERATIONS if op.answers_to(name) for _, target in op.conversions}
        for name in ("pdftron-pdf2word", "pdftron-pdf2excel", "pdftron-pdf2powerpoint", "bcl", "pdftron")
    }

    assert answers["pdftron-pdf2word"] == {"doc", "docx", "odt", "rtf"}
    assert answers["pdftron-pdf2excel"] == {"ods", "xls", "xlsx"}
    assert answers["pdftron-pdf2powerpoint"] == {"odp", "ppt", "pptx"}
    assert answers["bcl"] == answers["pdftron"] >= {"docx", "xlsx", "pptx"}


# --- Bad input


@pytest.mark.needs("soffice", "qpdf")
@pytest.mark.parametrize("target", ["docx", "pptx", "xlsx"])
@pytest.mark.parametrize("data", [random.Random(7).randbytes(5000), b"%PDF-1.4\n", pdf(LINES)[:400], pdf()])
def test_what_is_no_document_is_refused(run, tmp_path, target, data):
    (tmp_path / "in.pdf").write_bytes(data)

    with pytest.raises(OpenFailed):
        run(tmp_path / "in.pdf", target)


@pytest.mark.needs("soffice", "qpdf")
def test_an_empty_file_is_refused(run, tmp_path):
    (tmp_path / "in.pdf").touch()

    with pytest.raises(EmptyFile):
        run(tmp_path / "in.pdf", "docx")
