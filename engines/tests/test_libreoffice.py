from __future__ import annotations

import csv
import gzip
import html
import io
import os
import random
import re
import signal
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from engines import libreoffice
from engines._support.guard import parents, tree
from engines.tests.context import RunContext
from jobs.contract import Work
from jobs.contract.errors import (
    ConversionFailed,
    EmptyFile,
    EngineTimeout,
    FileTooLarge,
    OpenFailed,
    PasswordRequired,
)

NAMES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
    for short, long in {
        "office": "office",
        "text": "text",
        "table": "table",
        "draw": "drawing",
        "presentation": "presentation",
        "style": "style",
        "fo": "xsl-fo-compatible",
        "svg": "svg-compatible",
    }.items()
)
NAMES += ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'
WHO = "<dc:creator>Ada</dc:creator><dc:date>2024-01-01T00:00:00</dc:date>"
CHANGES = f"""<office:text><text:tracked-changes>
<text:changed-region text:id="c1"><text:deletion><office:change-info>{WHO}</office:change-info>
<text:p>GONE</text:p></text:deletion></text:changed-region>
<text:changed-region text:id="c2"><text:insertion><office:change-info>{WHO}</office:change-info>
</text:insertion></text:changed-region></text:tracked-changes>
<text:h text:outline-level="1">Chapter</text:h>
<text:p>Keep <text:change text:change-id="c1"/><text:change-start text:change-id="c2"/>ADDED<text:change-end
 text:change-id="c2"/> rest<office:annotation>{WHO}<text:p>REMARK</text:p></office:annotation></text:p>
</office:text>"""
BREAKS = '<style:style style:name="b" style:family="paragraph">'
BREAKS += '<style:paragraph-properties fo:break-before="page"/></style:style>'
PAGES = "".join(f'<text:p text:style-name="b">PAGE{n}</text:p>' for n in range(1, 6))
HIDDEN_TABLE = (
    '<style:style style:name="h" style:family="table"><style:table-properties table:display="false"/>'
)
HIDDEN_TABLE += "</style:style>"
HIDDEN_SLIDE = '<style:style style:name="h" style:family="drawing-page">'
HIDDEN_SLIDE += '<style:drawing-page-properties presentation:visibility="hidden"/></style:style>'


def rows(*lines):
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'.format
    return "".join(f"<table:table-row>{''.join(map(cell, line))}</table:table-row>" for line in lines)


SHEETS = f"""<office:spreadsheet>
<table:table table:name="First" table:print-ranges="First.A1:First.A1">{rows(["INSIDE"], ["OUTSIDE"])}
</table:table>
<table:table table:name="2. Größe">{rows(["SECOND", 'b, "q"'])}</table:table>
<table:table table:name="Third" table:style-name="h">{rows(["THIRD"])}</table:table></office:spreadsheet>"""


def slide(text, more="", notes=""):
    place = 'svg:x="2cm" svg:y="2cm" svg:width="10cm" svg:height="2cm"'
    box = "<draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>".format
    noted = f'<draw:frame {place} presentation:class="notes">{box(notes)}'
    noted = f"<presentation:notes>{noted}</presentation:notes>"
    shown = f"<draw:frame {place}>{box(text)}{noted if notes else ''}"
    return f'<draw:page draw:name="{text}" {more}>{shown}</draw:page>'


SLIDES = "<office:presentation>{}{}{}</office:presentation>".format(
    slide("ONE", notes="NOTED"), slide("TWO", 'draw:style-name="h"'), slide("THREE")
)


def picture(href):
    frame = '<draw:frame text:anchor-type="as-char" svg:width="6cm" svg:height="6cm">'
    return (
        f'<office:text><text:p>{frame}<draw:image xlink:href="{href}"/></draw:frame></text:p></office:text>'
    )


DRAWING = """<office:drawing><draw:page draw:name="p"><draw:rect svg:x="2cm" svg:y="2cm" svg:width="5cm"
 svg:height="3cm"><text:p>BOXED</text:p></draw:rect></draw:page></office:drawing>"""
TYPES = {"odt": "text", "ods": "spreadsheet", "odp": "presentation", "odg": "graphics"}


@pytest.fixture
def made(tmp_path):
    """Write a small OpenDocument file."""

    def make(ending, body, styles="", **parts):
        kind = f"application/vnd.oasis.opendocument.{TYPES[ending]}"
        entries = f'<m:file-entry m:full-path="/" m:media-type="{kind}"/>'
        entries += "".join(
            f'<m:file-entry m:full-path="{name}" m:media-type=""/>' for name in (*parts, "content.xml")
        )
        manifest = (
            f'<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">{entries}</m:manifest>'
        )
        content = (
            f"<office:automatic-styles>{styles}</office:automatic-styles><office:body>{body}</office:body>"
        )
        path = tmp_path / f"in.{ending}"
        with zipfile.ZipFile(path, "w") as package:
            package.writestr("mimetype", kind)
            package.writestr("META-INF/manifest.xml", manifest)
            for name, data in parts.items():
                package.writestr(name, data)
            package.writestr(
                "content.xml",
                f'<office:document-content {NAMES} office:version="1.3">{content}</office:document-content>',
            )
        return path

    return make


@pytest.fixture
def run(tmp_path):
    """Convert with the real office; return the files made."""
    count = iter(range(100))

    def convert(path, target, *, seconds=60, source=None, name="", **options):
        source = source or path.suffix.removeprefix(".")
        op = operation(source, target)
        known = {o.name: o for o in op.options}
        out = tmp_path / f"out-{next(count)}"
        out.mkdir()
        work = Work(
            inputs=(path,),
            names=(name or path.name,),
            output_dir=out,
            input_format=source,
            output_format=target,
            options={n: o.default for n, o in known.items()}
            | {n: known[n].read(v) for n, v in options.items()},
        )
        return [file.path for file in op.run(work, RunContext(seconds=seconds)).files]

    return convert


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    libreoffice.WARM.close()


def operation(source, target):
    [found] = [op for op in libreoffice.OPERATIONS if op.offers(source, target)]
    return found


def words(path):
    return " ".join(page.extract_text() for page in PdfReader(path).pages).split()


def planned(source, target, **options):
    op = operation(source, target)
    work = Work(
        inputs=(Path(f"/slot/in/in.{source}"),),
        output_dir=Path("/slot/out"),
        input_format=source,
        output_format=target,
        options={o.name: o.default for o in op.options} | options,
    )
    return libreoffice.request(work)


# --- What the child is asked, without an office


def test_the_filters_are_named():
    asked = planned("docx", "pdf")

    assert (asked["kind"], asked["filter"], asked["export"]) == (
        "text",
        "MS Word 2007 XML",
        "writer_pdf_Export",
    )
    assert (asked["input"], asked["output"]) == ("/slot/in/in.docx", "/slot/out/in.pdf")


def test_digits_stay_what_they_are():
    asked = planned("odt", "pdf", pages="3", password="1234")

    assert asked["pages"] == [(3, 3)]
    assert asked["password"] == "1234"


@pytest.mark.parametrize(
    ("source", "options", "part"),
    [
        ("doc", {"pdf_a": True}, {"SelectPdfVersion": 2}),
        ("doc", {"pdf_a": False}, {"SelectPdfVersion": 0}),
        ("xls", {"optimize_print": False}, {"MaxImageResolution": 96}),
        ("ppt", {"optimize_print": True}, {"MaxImageResolution": 300}),
        ("odg", {"bookmarks": True}, {"ExportBookmarks": True}),
        (
            "ppt",
            {"hide_slides": False, "notes": True},
            {"ExportHiddenSlides": True, "ExportNotesPages": True},
        ),
    ],
)
def test_options_become_typed_filter_data(source, options, part):
    data = planned(source, "pdf", **options)["data"]

    assert {name: (type(data[name]), data[name]) for name in part} == {
        n: (type(v), v) for n, v in part.items()
    }


@pytest.mark.parametrize(
    "pair",
    [("xlsx", "docx"), ("docx", "xlsx"), ("odg", "docx"), ("html", "pdf"), ("docx", "png"), ("csv", "csv")],
)
def test_impossible_pairs_are_not_offered(pair):
    assert not [op for op in libreoffice.OPERATIONS if op.offers(*pair)]


def test_each_pair_is_offered_once():
    offered = [pair for op in libreoffice.OPERATIONS for pair in op.conversions]

    assert len(offered) == len(set(offered))


# --- With the office


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("jod_simple.docx", "Test"),
        ("jod_multi_page.doc", "page"),
        ("jod_toc.odt", "Guide"),
        ("jod_simple.rtf", "Test"),
        ("jod_simple.xlsx", "Test"),
        ("jod_multi_page.xls", "1"),
        ("jod_simple.ods", "Test"),
        ("jod_simple.pptx", "Test"),
        ("jod_multi_page.ppt", "Page"),
        ("jod_simple.odp", "Test"),
        ("openxml_chart.docx", "banana"),
        ("made_table.csv", "name"),
        ("jod_linked_images.odt", "XWiki"),
    ],
)
def test_documents_become_pdf(samples, run, name, word):
    [file] = run(samples / name, "pdf")

    assert file.name == f"{Path(name).stem}.pdf"
    assert word.lower() in " ".join(words(file)).lower()


@pytest.mark.needs("soffice")
def test_a_page_range_is_honoured(made, run):
    path = made("odt", f"<office:text>{PAGES}</office:text>", BREAKS)
    [everything] = run(path, "pdf")
    all_pages = len(PdfReader(everything).pages)

    [file] = run(path, "pdf", pages=f"{all_pages - 4}-{all_pages - 3},{all_pages}")

    assert words(file) == ["PAGE1", "PAGE2", "PAGE5"]


@pytest.mark.needs("soffice")
@pytest.mark.parametrize("ending", ["doc", "xls", "ppt"])
@pytest.mark.parametrize("pages", ["77", "1,77-"])
def test_pages_beyond_the_end_are_named(samples, run, ending, pages):
    with pytest.raises(ConversionFailed, match="page 77, but the document has only"):
        run(samples / f"jod_multi_page.{ending}", "pdf", pages=pages)


@pytest.mark.needs("soffice")
def test_changes_and_comments_are_shown_only_when_wanted(made, run):
    path = made("odt", CHANGES)

    [plain], [marked] = run(path, "pdf"), run(path, "pdf", include_markup=True)

    assert words(plain) == ["Chapter", "Keep", "ADDED", "rest"]
    assert any("GONE" in word for word in words(marked))
    notes = [note.get_object().get("/Contents") for note in PdfReader(marked).pages[0]["/Annots"]]
    assert "REMARK" in notes
    assert "/Annots" not in PdfReader(plain).pages[0]


@pytest.mark.needs("soffice")
def test_bookmarks_are_made_of_headings(made, run):
    path = made("odt", CHANGES)

    [plain], [marked] = run(path, "pdf"), run(path, "pdf", bookmarks=True)

    assert PdfReader(plain).outline == []
    assert [mark.title for mark in PdfReader(marked).outline] == ["Chapter"]


@pytest.mark.needs("soffice")
def test_pdf_a_says_so(samples, run):
    [file] = run(samples / "jod_simple.docx", "pdf", pdf_a=True)

    metadata = PdfReader(file).trailer["/Root"]["/Metadata"].get_object().get_data().decode()
    assert "pdfaid:part>2<" in metadata
    assert "pdfaid:conformance>B<" in metadata


@pytest.mark.needs("soffice")
def test_pictures_are_made_small_for_the_screen(made, run):
    noise = io.BytesIO()
    Image.effect_noise((900, 900), 90).convert("RGB").save(noise, "png")
    path = made("odt", picture("noise.png"), **{"noise.png": noise.getvalue()})

    [screen], [paper] = run(path, "pdf", optimize_print=False), run(path, "pdf")

    widths = [PdfReader(file).pages[0].images[0].image.width for file in (screen, paper)]
    assert widths[0] < 300 < widths[1] < 800


@pytest.mark.needs("soffice")
def test_print_areas_count_only_when_wanted(made, run):
    path = made("ods", SHEETS, HIDDEN_TABLE)

    [everything], [areas] = run(path, "pdf"), run(path, "pdf", use_print_areas=True)

    assert {"INSIDE", "OUTSIDE"} <= set(words(everything))
    assert "INSIDE" in words(areas)
    assert "OUTSIDE" not in words(areas)


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(
    ("name", "title"),
    [("Umsätze 2026.csv", "Umsätze 2026"), ("a[1]*.csv", "a_1__"), ("n" * 99, "n" * 31), ("'.csv", "Sheet1")],
)
def test_the_sheet_of_a_table_is_named_after_its_file(run, tmp_path, name, title):
    path = tmp_path / "in.csv"
    path.write_text("Name;Größe\nMüller;1\n", "cp1252")

    [book] = run(path, "xlsx", name=name)

    with zipfile.ZipFile(book) as package:
        assert f'<sheet name="{title}"' in package.read("xl/workbook.xml").decode()


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(("sheet", "word"), [("2. Größe", "SECOND"), ("1", "INSIDE"), (3, "THIRD")])
@pytest.mark.parametrize("target", ["pdf", "csv", "html"])
def test_one_sheet_can_be_chosen(made, run, sheet, word, target):
    [file] = run(made("ods", SHEETS, HIDDEN_TABLE), target, sheet=sheet)

    text = " ".join(words(file)) if target == "pdf" else file.read_text(encoding="utf-8")
    assert file.name == f"in.{target}"
    assert [each for each in ("INSIDE", "SECOND", "THIRD") if each in text] == [word]


@pytest.mark.needs("soffice")
def test_a_sheet_that_is_not_there_is_named(made, run):
    with pytest.raises(ConversionFailed, match="no sheet 'Fourth'"):
        run(made("ods", SHEETS, HIDDEN_TABLE), "pdf", sheet="Fourth")


@pytest.mark.needs("soffice")
def test_each_visible_sheet_becomes_a_table(made, run):
    files = run(made("ods", SHEETS, HIDDEN_TABLE), "csv")

    assert [file.name for file in files] == ["in-1.csv", "in-2.csv"]
    with files[1].open(encoding="utf-8", newline="") as table:
        assert list(csv.reader(table)) == [["SECOND", 'b, "q"']]


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["ONE", "THREE"]),
        ({"hide_slides": False}, ["ONE", "TWO", "THREE"]),
        ({"pages": "2"}, ["THREE"]),
        ({"pages": "2", "hide_slides": False}, ["TWO"]),
    ],
)
def test_hidden_slides_are_left_out_and_not_counted(made, run, options, expected):
    [file] = run(made("odp", SLIDES, HIDDEN_SLIDE), "pdf", **options)

    assert words(file) == expected


@pytest.mark.needs("soffice")
def test_notes_get_pages_of_their_own(made, run):
    [file] = run(made("odp", SLIDES, HIDDEN_SLIDE), "pdf", notes=True)

    assert len(PdfReader(file).pages) == 4
    assert "NOTED" in words(file)


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(
    ("target", "member"),
    [("docx", "word/document.xml"), ("odt", "content.xml"), ("epub", "OEBPS/sections/section0001.xhtml")],
)
def test_documents_become_packages(made, run, target, member):
    path = made("odt", CHANGES)
    if target == "odt":
        [path] = run(path, "docx")

    [file] = run(path, target)

    assert b"ADDED" in zipfile.ZipFile(file).read(member)


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(
    ("target", "start"),
    [("doc", b"\xd0\xcf\x11\xe0"), ("rtf", b"{\\rtf"), ("txt", "Grüße".encode()), ("html", b"<!DOCTYPE")],
)
def test_documents_become_each_other_and_back(made, run, target, start):
    path = made("odt", "<office:text><text:p>Grüße aus Köln</text:p></office:text>")

    [file] = run(path, target)
    [back] = run(file, "pdf" if target != "html" else "docx")

    assert file.read_bytes().startswith(start)
    if target != "html":
        assert words(back) == ["Grüße", "aus", "Köln"]
    else:
        assert "Grüße aus Köln" in zipfile.ZipFile(back).read("word/document.xml").decode()


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(
    ("name", "target", "word"),
    [
        ("jod_simple.xlsx", "ods", "content.xml"),
        ("jod_simple.ods", "xlsx", "xl/workbook.xml"),
        ("jod_multi_page.xls", "xlsx", "xl/workbook.xml"),
        ("jod_simple.pptx", "odp", "content.xml"),
        ("jod_simple.odp", "pptx", "ppt/presentation.xml"),
        ("jod_multi_page.ppt", "pptx", "ppt/presentation.xml"),
    ],
)
def test_sheets_and_slides_become_each_other(samples, run, name, target, word):
    [file] = run(samples / name, target)

    assert word in zipfile.ZipFile(file).namelist()
    [printed] = run(file, "pdf")
    assert words(printed)


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(("name", "target"), [("jod_simple.xlsx", "xls"), ("jod_simple.pptx", "ppt")])
def test_the_old_formats_are_written(samples, run, name, target):
    [file] = run(samples / name, target)

    assert file.read_bytes().startswith(b"\xd0\xcf\x11\xe0")


@pytest.mark.needs("soffice")
def test_a_web_page_holds_its_pictures(samples, made, run):
    data = (samples / "willow_alpha_icc.png").read_bytes()

    [file] = run(made("odt", picture("inside.png"), **{"inside.png": data}), "html")

    assert "data:image/png;base64,i" in file.read_text(encoding="utf-8")


@pytest.mark.needs("soffice")
def test_a_web_page_of_a_sheet_holds_its_pictures(samples, made, run):
    data = (samples / "willow_alpha_icc.png").read_bytes()
    shown = '<draw:frame svg:width="2cm" svg:height="2cm"><draw:image xlink:href="inside.png"/></draw:frame>'
    cell = f"<table:table-row><table:table-cell>{shown}</table:table-cell></table:table-row>"
    body = f'<office:spreadsheet><table:table table:name="a">{cell}</table:table></office:spreadsheet>'

    [file] = run(made("ods", body, **{"inside.png": data}), "html")

    assert re.findall('<img src="(.{25})', file.read_text(encoding="utf-8")) == ["data:image/png;base64,iVB"]


@pytest.mark.needs("soffice")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_tables_are_read_whatever_their_encoding_and_separator(tmp_path, run, encoding, mark):
    path = tmp_path / "in.csv"
    lines = [f"Straße{mark}Größe", f'"a b"{mark}1.5', f'"007"{mark}0042']
    path.write_bytes("\r\n".join(lines).encode(encoding))

    [book] = run(path, "xlsx")
    [back] = run(book, "csv")

    with back.open(encoding="utf-8", newline="") as table:
        assert list(csv.reader(table)) == [["Straße", "Größe"], ["a b", "1.5"], ["007", "42"]]


@pytest.mark.needs("soffice")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_plain_text_is_read_whatever_its_encoding(tmp_path, run, encoding):
    (tmp_path / "in.txt").write_bytes("Grüße\naus Köln".encode(encoding))

    [file] = run(tmp_path / "in.txt", "pdf")

    assert words(file) == ["Grüße", "aus", "Köln"]


@pytest.mark.needs("soffice")
def test_drawings_become_pdf(made, run):
    [file] = run(made("odg", DRAWING), "pdf")

    assert words(file) == ["BOXED"]


# A black box of 100 by 100 units, in the two metafile languages.


def emf():
    brush = struct.pack("<IIIIII", 39, 24, 1, 0, 0, 0) + struct.pack("<III", 37, 12, 1)
    box = struct.pack("<II4i", 43, 24, 10, 10, 90, 90)
    end = struct.pack("<IIIII", 14, 20, 0, 16, 20)
    records = brush + box + end
    head = struct.pack("<II8iI", 1, 88, 0, 0, 99, 99, 0, 0, 2645, 2645, 0x464D4520)
    head += struct.pack("<IIIHHIIIiiii", 0x10000, 88 + len(records), 5, 2, 0, 0, 0, 0, 1000, 1000, 265, 265)
    return head + records


def wmf():
    def record(function, *words):
        return struct.pack(f"<IH{len(words)}h", 3 + len(words), function, *words)

    records = record(0x20C, 100, 100) + record(0x2FC, 0, 0, 0, 0) + record(0x12D, 0)
    records += record(0x41B, 90, 90, 10, 10) + record(0)
    head = struct.pack("<HHHIHIH", 1, 9, 0x300, 9 + len(records) // 2, 1, 7, 0)
    place = struct.pack("<IHhhhhHI", 0x9AC6CDD7, 0, 0, 0, 100, 100, 96, 0)
    check = 0
    for (word,) in struct.iter_unpack("<H", place):
        check ^= word
    return place + struct.pack("<H", check) + head + records


def cgm():
    def command(kind, number, data=b""):
        head = struct.pack(">H", kind << 12 | number << 5 | len(data))
        return head + data + b"\0" * (len(data) % 2)

    def numbers(*values):
        return struct.pack(f">{len(values)}h", *values)

    described = command(0, 1, b"\1t") + command(1, 1, numbers(1)) + command(1, 2, b"\1d")
    described += command(1, 11, numbers(1, -1, 1)) + command(0, 3, b"\1p")
    drawn = command(2, 6, numbers(0, 0, 1000, 1000)) + command(0, 4) + command(5, 22, numbers(1))
    drawn += command(5, 23, b"\1") + command(4, 11, numbers(100, 100, 900, 900))
    return described + drawn + command(0, 5) + command(0, 2)


def dxf():
    corners = [(0, 0), (90, 0), (0, 90), (90, 90)]
    places = "".join(f"{10 + n}\n{x}\n{20 + n}\n{y}\n" for n, (x, y) in enumerate(corners))
    return f"0\nSECTION\n2\nENTITIES\n0\nSOLID\n8\n0\n{places}0\nENDSEC\n0\nEOF\n".encode()


@pytest.mark.needs("soffice", "pdftocairo")
@pytest.mark.parametrize(
    ("ending", "content"), [("emf", emf()), ("wmf", wmf()), ("cgm", cgm()), ("dxf", dxf())]
)
def test_drawings_of_others_become_pdf(tmp_path, run, ending, content):
    (tmp_path / f"in.{ending}").write_bytes(content)

    [file] = run(tmp_path / f"in.{ending}", "pdf")

    subprocess.run(["pdftocairo", "-png", "-singlefile", "-r", "30", file, tmp_path / "page"], check=True)
    dark, light = Image.open(tmp_path / "page.png").convert("L").getextrema()
    assert dark < 200 and light == 255


@pytest.mark.needs("soffice", "rsvg-convert")
@pytest.mark.parametrize(("ending", "content"), [("emf", emf()), ("wmf", wmf()), ("dxf", dxf())])
def test_drawings_become_svg(tmp_path, run, ending, content):
    (tmp_path / f"in.{ending}").write_bytes(content)

    [file] = run(tmp_path / f"in.{ending}", "svg")

    subprocess.run(
        ["rsvg-convert", file, "-b", "white", "-w", "200", "-o", tmp_path / "page.png"], check=True
    )
    assert Image.open(tmp_path / "page.png").convert("L").getextrema()[0] < 200


TEMPLATES = [("jod_toc.odt", "ott"), ("jod_simple.ods", "ots"), ("jod_simple.odp", "otp")]
FLAT = [("jod_toc.odt", "fodt"), ("jod_simple.ods", "fods"), ("jod_simple.odp", "fodp")]


@pytest.fixture(scope="module")
def resaved(tmp_path_factory, samples):
    """Write a sample in another format of the office's own, by the office itself."""
    folder = tmp_path_factory.mktemp("resaved")
    folder.chmod(0o755)

    def save(name, ending):
        made = folder / f"{Path(name).stem}.{ending}"
        if not made.exists():
            profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
            argv = [
                "soffice",
                "--headless",
                profile,
                "--convert-to",
                ending,
                "--outdir",
                folder,
                samples / name,
            ]
            subprocess.run(argv, check=True, capture_output=True, timeout=120)
        return made

    return save


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(("name", "ending"), TEMPLATES + FLAT)
def test_templates_and_flat_files_are_read(samples, resaved, run, name, ending):
    path = resaved(name, ending)
    modern = {"odt": "docx", "ods": "xlsx", "odp": "pptx"}[name.rpartition(".")[2]]

    [printed] = run(path, "pdf")
    [same] = run(samples / name, "pdf")
    [changed] = run(path, modern)

    assert words(printed)[:20] == words(same)[:20]
    assert zipfile.is_zipfile(changed)


def wordperfect():
    """Return a document of WordPerfect 5.1."""
    text = b"Hello WordPerfect\x0asecond"
    index = struct.pack("<HHHI", 0xFFFB, 0, 10, 0)
    return b"\xffWPC" + struct.pack("<I", 16 + len(index)) + bytes([1, 10, 0, 1, 0, 0, 0, 0]) + index + text


@pytest.mark.needs("soffice")
def test_wordperfect_is_read(tmp_path, run):
    (tmp_path / "in.wpd").write_bytes(wordperfect())

    [file] = run(tmp_path / "in.wpd", "pdf")

    assert words(file) == ["Hello", "WordPerfect", "second"]


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(("source", "name"), [("wps", "doc"), ("et", "xls"), ("dps", "ppt")])
def test_the_files_of_another_office_are_read(samples, tmp_path, run, source, name):
    path = tmp_path / f"in.{source}"
    path.write_bytes((samples / f"jod_multi_page.{name}").read_bytes())

    [file] = run(path, "pdf")

    assert words(file)


@pytest.mark.needs("soffice")
def test_packed_abiword_is_read(tmp_path, run):
    text = '<?xml version="1.0"?><abiword xmlns="http://www.abisource.com/awml.dtd" version="1.0">'
    text += "<section><p><c>Grüße</c></p></section></abiword>"
    (tmp_path / "in.zabw").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "half.zabw").write_bytes(gzip.compress(text.encode())[:60])

    [file] = run(tmp_path / "in.zabw", "pdf")

    assert words(file) == ["Grüße"]
    with pytest.raises(OpenFailed):
        run(tmp_path / "half.zabw", "pdf")


@pytest.mark.needs("soffice")
def test_a_packed_bomb_is_refused(tmp_path, run):
    with gzip.open(tmp_path / "in.zabw", "wb", 1) as bomb:
        for _ in range(300):
            bomb.write(bytes(1024 * 1024))

    with pytest.raises(FileTooLarge):
        run(tmp_path / "in.zabw", "pdf")


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp932", "日本語のテキスト"),
        ("gb18030", "姓名年龄张三"),
        ("cp1251", "Привет мир"),
        ("cp1250", "Zażółć gęślą jaźń"),
    ],
)
@pytest.mark.parametrize("source", ["txt", "csv"])
def test_other_scripts_are_read(tmp_path, run, source, encoding, text):
    (tmp_path / f"in.{source}").write_bytes(f"{text}\n".encode(encoding))

    [file] = run(tmp_path / f"in.{source}", "html")

    assert text in html.unescape(file.read_text(encoding="utf-8"))


def test_it_stands_in_for_another_office():
    assert all(op.answers_to("office") for op in libreoffice.OPERATIONS)


WORD, EXCEL, POINT = "wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation"


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(
    ("source", "name", "was", "now"),
    [
        ("dotx", "jod_simple.docx", WORD, "openxmlformats-officedocument.wordprocessingml.template"),
        ("docm", "jod_simple.docx", WORD, "ms-word.document.macroEnabled"),
        ("xltx", "jod_simple.xlsx", EXCEL, "openxmlformats-officedocument.spreadsheetml.template"),
        ("xlsm", "jod_simple.xlsx", EXCEL, "ms-excel.sheet.macroEnabled"),
        ("potx", "jod_simple.pptx", POINT, "openxmlformats-officedocument.presentationml.template"),
        ("ppsx", "jod_simple.pptx", POINT, "openxmlformats-officedocument.presentationml.slideshow"),
        ("pptm", "jod_simple.pptx", POINT, "ms-powerpoint.presentation.macroEnabled"),
    ],
)
def test_siblings_of_a_package_are_read(samples, tmp_path, run, source, name, was, now):
    path = tmp_path / f"in.{source}"
    with zipfile.ZipFile(samples / name) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member == "[Content_Types].xml":
                before = f"openxmlformats-officedocument.{was}.main+xml".encode()
                assert before in data
                data = data.replace(before, f"{now}.main+xml".encode())
            new.writestr(member, data)

    [file] = run(path, "pdf")
    [modern] = run(path, name.rpartition(".")[2])

    assert words(file)
    assert zipfile.is_zipfile(modern)


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(("source", "name"), [("dot", "doc"), ("xlt", "xls"), ("pot", "ppt"), ("pps", "ppt")])
def test_siblings_of_the_old_formats_are_read(samples, tmp_path, run, source, name):
    path = tmp_path / f"in.{source}"
    path.write_bytes((samples / f"jod_multi_page.{name}").read_bytes())

    [file] = run(path, "pdf")

    assert words(file)


@pytest.mark.needs("soffice")
def test_abiword_is_read(tmp_path, run):
    text = '<?xml version="1.0"?><abiword xmlns="http://www.abisource.com/awml.dtd" version="1.0">'
    (tmp_path / "in.abw").write_text(
        f"{text}<section><p><c>Grüße</c></p></section></abiword>", encoding="utf-8"
    )

    [file] = run(tmp_path / "in.abw", "pdf")

    assert words(file) == ["Grüße"]


NOTE = f'<office:annotation office:display="false">{WHO}<text:p>REMARK</text:p></office:annotation>'


@pytest.mark.needs("soffice")
@pytest.mark.parametrize("ending", ["ods", "odp"])
def test_comments_of_sheets_and_slides_become_notes(made, run, ending):
    if ending == "ods":
        cell = f'<table:table-cell office:value-type="string">{NOTE}<text:p>CELL</text:p></table:table-cell>'
        body = f'<table:table table:name="a"><table:table-row>{cell}</table:table-row></table:table>'
        path = made("ods", f"<office:spreadsheet>{body}</office:spreadsheet>")
    else:
        page = slide("ONE").replace("</draw:page>", f"{NOTE}</draw:page>")
        path = made("odp", f"<office:presentation>{page}</office:presentation>")

    [plain], [marked] = run(path, "pdf"), run(path, "pdf", include_markup=True)

    notes = [note.get_object().get("/Contents") for note in PdfReader(marked).pages[0]["/Annots"]]
    assert any("REMARK" in (note or "") for note in notes)
    assert "/Annots" not in PdfReader(plain).pages[0]


# --- Bad input


@pytest.fixture(scope="session")
def protected(tmp_path_factory):
    """The folder of documents that open with the password 1234, made by the office itself."""
    folder = tmp_path_factory.mktemp("protected")
    script = """
import os, pathlib, uno
from com.sun.star.beans import PropertyValue
from engines._support.libreoffice_office import start
office, context = start(pathlib.Path.cwd())
desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
for ending, kind, export in (("docx", "swriter", "MS Word 2007 XML"), ("doc", "swriter", "MS Word 97"),
        ("odt", "swriter", "writer8"), ("xlsx", "scalc", "Calc MS Excel 2007 XML"),
        ("xls", "scalc", "MS Excel 97"),
        ("ods", "scalc", "calc8"), ("pptx", "simpress", "Impress MS PowerPoint 2007 XML")):
    hidden = (PropertyValue(Name="Hidden", Value=True),)
    document = desktop.loadComponentFromURL(f"private:factory/{kind}", "_default", 0, hidden)
    settings = {"FilterName": export, "Password": "1234"}
    document.storeToURL(pathlib.Path(f"in.{ending}").absolute().as_uri(),
        tuple(PropertyValue(Name=name, Value=value) for name, value in settings.items()))
office.kill()
os._exit(0)
"""
    root = f"{Path(__file__).parents[2]}"
    subprocess.run(
        ["/usr/bin/python3", "-c", script],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": f"{folder}", "PYTHONPATH": root},
        timeout=60,
        check=False,
    )
    return folder


@pytest.mark.needs("soffice")
@pytest.mark.parametrize("ending", ["docx", "doc", "odt", "xlsx", "xls", "ods", "pptx"])
def test_a_password_is_asked_for_and_used(protected, run, ending):
    path = protected / f"in.{ending}"

    for options in ({}, {"password": "12345"}):
        with pytest.raises(PasswordRequired):
            run(path, "pdf", **options)

    assert [file.name for file in run(path, "pdf", password="1234")] == ["in.pdf"]


@pytest.mark.needs("soffice")
def test_the_sheets_of_a_protected_workbook_can_be_chosen(protected, run):
    [file] = run(protected / "in.xlsx", "pdf", password="1234", sheet="1")

    assert file.name == "in.pdf"


@pytest.mark.needs("soffice")
def test_a_needless_password_does_no_harm(samples, run):
    [file] = run(samples / "jod_simple.docx", "pdf", password="needless")

    assert words(file)


@pytest.mark.needs("soffice")
def test_a_protected_sample_asks_for_its_password(samples, run):
    with pytest.raises(PasswordRequired):
        run(samples / "jod_password.odt", "pdf")


SOURCES = sorted(source for known in libreoffice.IMPORTS.values() for source in known)


@pytest.mark.needs("soffice")
@pytest.mark.parametrize("source", SOURCES)
def test_random_bytes_cannot_be_opened(tmp_path, run, source):
    path = tmp_path / f"in.{source}"
    path.write_bytes(random.Random(7).randbytes(50_000))

    with pytest.raises(OpenFailed):
        run(path, "docx" if source == "html" else "pdf")


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(
    "name", ["jod_simple.docx", "jod_simple.xlsx", "jod_simple.pptx", "jod_toc.odt", "jod_multi_page.doc"]
)
def test_half_a_document_cannot_be_opened(samples, tmp_path, run, name):
    whole = (samples / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])

    with pytest.raises(OpenFailed):
        run(tmp_path / name, "pdf")


@pytest.mark.needs("soffice")
@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("jod_simple.docx", "odt"),
        ("jod_simple.xlsx", "docx"),
        ("jod_simple.docx", "xlsx"),
        ("jod_simple.docx", "pptx"),
        ("jod_simple.ods", "odt"),
        ("jod_toc.odt", "odp"),
        ("jod_multi_page.xls", "doc"),
        ("jod_multi_page.doc", "xls"),
        ("jod_multi_page.doc", "ppt"),
        ("made_tone.mp3", "doc"),
        ("willow_tree.webp", "odg"),
    ],
)
def test_a_wrong_extension_is_refused(samples, tmp_path, run, name, source):
    (tmp_path / f"in.{source}").write_bytes((samples / name).read_bytes())

    with pytest.raises(OpenFailed):
        run(tmp_path / f"in.{source}", "pdf")


@pytest.mark.needs("soffice")
def test_an_empty_file_is_refused(tmp_path, run):
    (tmp_path / "in.docx").touch()

    with pytest.raises(EmptyFile):
        run(tmp_path / "in.docx", "pdf")


@pytest.mark.needs("soffice")
@pytest.mark.parametrize("target", ["pdf", "html"])
def test_pictures_outside_a_document_are_not_read(samples, made, run, target):
    [file] = run(made("odt", picture((samples / "willow_alpha_icc.png").as_uri())), target)

    if target == "pdf":
        assert list(PdfReader(file).pages[0].images) == []
    else:
        assert "base64,i" not in file.read_text(encoding="utf-8")


# --- An office that dies or hangs


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def idle():
    """Return the warm child that served last, and the office it runs."""
    with libreoffice.WARM._lock:
        assert libreoffice.WARM._lock.wait_for(lambda: not libreoffice.WARM._tidied, timeout=10)
    [child] = [child for child in libreoffice.WARM._idle if child.owner]
    below = tree(child._program.process.pid, parents())
    [office] = [pid for pid in below if Path(f"/proc/{pid}/comm").read_text().strip() == "soffice.bin"]
    return child, office


@pytest.mark.needs("soffice")
def test_a_killed_office_is_replaced(samples, run):
    run(samples / "jod_simple.rtf", "pdf")
    child, office = idle()

    os.kill(office, signal.SIGKILL)
    child._program.process.wait(timeout=10)

    assert run(samples / "jod_simple.rtf", "pdf")


@pytest.mark.needs("soffice")
def test_a_hanging_office_is_killed_and_replaced(samples, run):
    run(samples / "jod_simple.rtf", "pdf")
    _, office = idle()

    os.kill(office, signal.SIGSTOP)
    with pytest.raises(EngineTimeout):
        run(samples / "jod_simple.rtf", "pdf", seconds=0.5)

    assert not runs(office)
    assert run(samples / "jod_simple.rtf", "pdf")


@pytest.mark.needs("soffice")
def test_nothing_stays_behind(samples, run):
    before = set(Path("/tmp").glob("OSL_PIPE_*"))

    run(samples / "jod_simple.rtf", "pdf")
    idle()

    assert set(Path("/tmp").glob("OSL_PIPE_*")) - before == set()
