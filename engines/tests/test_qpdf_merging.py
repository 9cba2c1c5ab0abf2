from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link
from pypdf.constants import PageLabelStyle
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    Fit,
    NameObject,
    NumberObject,
    TextStringObject,
)

from engines import qpdf
from engines.tests.qpdf_runs import run
from jobs.contract import Work
from jobs.contract.errors import FileTooLarge, OpenFailed, PasswordRequired

pytestmark = pytest.mark.needs("qpdf")


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    qpdf.WARM.close()


@pytest.fixture
def write(tmp_path):
    """Write what is in a writer under a name."""

    def written(writer, name):
        path = tmp_path / name
        writer.write(path)
        return path

    return written


def merged(*paths, names=(), **options):
    [file], result, _ = run("merge", *paths, names=names, **options)
    assert file.name == "merged.pdf"
    assert result.message is None
    subprocess.run(["qpdf", "--check", f"{file}"], check=True, capture_output=True)
    return PdfReader(file)


def papers(*widths):
    writer = PdfWriter()
    for width in widths:
        writer.add_blank_page(width, 100)
    return writer


def widths(reader):
    return [round(page.mediabox.width) for page in reader.pages]


def outline(reader, items=None):
    """Return titles and the numbers of the pages they lead to; what is below a title as a list after it."""
    found = reader.outline if items is None else items
    return [
        outline(reader, each)
        if isinstance(each, list)
        else (each.title, reader.get_destination_page_number(each))
        for each in found
    ]


def links(reader, number):
    """Return the numbers of the pages that the links of a page lead to."""
    pages = {page.indirect_reference.idnum: n for n, page in enumerate(reader.pages)}
    found = []
    for reference in reader.pages[number].get("/Annots", []):
        link = reference.get_object()
        place = link["/Dest"] if "/Dest" in link else link["/A"]["/D"]
        assert isinstance(place, ArrayObject), "a name, which another document's may also be"
        found.append(pages[place[0].idnum])
    return found


def test_the_planner_names_files_for_the_child_and_not_on_disk():
    work = Work(
        inputs=(Path("in/in.pdf"), Path("in/in-2.pdf")),
        names=("Ä.pdf", "b c.docx"),
        output_dir=Path("out"),
        options={"password": "p"},
    )

    assert qpdf.merge(work) == {
        "do": "merge",
        "inputs": ["in/in.pdf", "in/in-2.pdf"],
        "names": ["Ä.pdf", "b c.docx"],
        "output": "out/merged.pdf",
        "password": "p",
    }


def test_pages_come_in_the_order_of_the_inputs(write):
    paths = [write(papers(*range(100 * n, 100 * n + 3)), f"{n}.pdf") for n in (3, 1, 2)]

    assert widths(merged(*paths)) == [300, 301, 302, 100, 101, 102, 200, 201, 202]


def test_one_document_twice_is_there_twice(write):
    path = write(papers(101, 102), "a.pdf")

    assert widths(merged(path, path)) == [101, 102, 101, 102]


def test_what_pages_inherit_stays_with_them(tmp_path):
    pages = "<< /Type /Pages /Count 1 /Kids [3 0 R] /MediaBox [0 0 {} 50] /Rotate 90 >>"
    paths = []
    for width in (111, 222):
        paths.append(tmp_path / f"{width}.pdf")
        paths[-1].write_bytes(by_hand("<< /Type /Page /Parent 2 0 R >>", pages=pages.format(width)))

    reader = merged(*paths)

    assert widths(reader) == [111, 222]
    assert [page.rotation for page in reader.pages] == [90, 90]


def by_hand(*objects, pages="<< /Type /Pages /Count 1 /Kids [3 0 R] >>", catalogue=""):
    """Return a document with those objects from number 3 on."""
    texts = [f"<< /Type /Catalog /Pages 2 0 R {catalogue} >>", pages, *objects]
    data = bytearray(b"%PDF-1.7\n")
    places = []
    for number, text in enumerate(texts, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{text}\nendobj\n".encode()
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    start = len(data)
    data += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{rows}".encode()
    data += f"trailer\n<< /Size {len(places) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(data)


def chapters(*titles):
    writer = papers(*[100] * len(titles))
    top = writer.add_outline_item(title=titles[0], page_number=0)
    for number, title in enumerate(titles[1:], 1):
        writer.add_outline_item(title=title, page_number=number, parent=top, bold=True)
    return writer


def test_bookmarks_of_all_lead_where_they_led_below_one_for_each_file(write):
    first, second = write(chapters("A", "A1", "A2"), "1.pdf"), write(chapters("B", "B1"), "2.pdf")
    third = write(papers(100), "3.pdf")

    reader = merged(first, second, third, names=("Über uns.pdf", "report.final.docx", "no extension"))

    assert outline(reader) == [
        ("Über uns", 0),
        [("A", 0), [("A1", 1), ("A2", 2)]],
        ("report.final", 3),
        [("B", 3), [("B1", 4)]],
        ("no extension", 5),
    ]
    assert reader.outline[1][1][0].font_format == 2


def test_the_bookmarks_of_a_single_file_stay_as_they_are(write):
    assert outline(merged(write(chapters("A", "A1"), "1.pdf"))) == [("A", 0), [("A1", 1)]]


def test_bookmarks_are_folded_away_as_mutool_reads_them(write):
    [file], _, _ = run("merge", *[write(chapters(f"{n}", "x"), f"{n}.pdf") for n in "ab"])

    told = subprocess.run(
        ["mutool", "show", f"{file}", "outline"], capture_output=True, text=True, check=True
    )
    assert re.findall(r'^(\W*)"(\w+)"\t#page=(\d)', told.stdout, re.MULTILINE) == [
        ("+\t", "a", "1"),
        ("-\t\t", "a", "1"),
        ("|\t\t\t", "x", "2"),
        ("+\t", "b", "3"),
        ("-\t\t", "b", "3"),
        ("|\t\t\t", "x", "4"),
    ]


def linked(name="chapter"):
    """Return a document whose first page leads to the third: by itself, by a name, by an action."""
    writer = papers(100, 100, 100)
    box = (0, 0, 9, 9)
    writer.add_named_destination(name, 2)
    writer.add_annotation(0, Link(rect=box, target_page_index=2, fit=Fit.fit()))
    for entry in (
        {"/Dest": TextStringObject(name)},
        {
            "/A": DictionaryObject(
                {NameObject("/S"): NameObject("/GoTo"), NameObject("/D"): TextStringObject(name)}
            )
        },
    ):
        link = Link(rect=box, url="x")
        del link["/A"]
        link.update({NameObject(key): value for key, value in entry.items()})
        writer.add_annotation(0, link)
    writer.add_annotation(2, Link(rect=box, target_page_index=0, fit=Fit.fit()))
    return writer


def test_links_lead_where_they_led_though_names_are_the_same(write):
    reader = merged(write(linked(), "1.pdf"), write(linked(), "2.pdf"))

    assert links(reader, 0) == [2, 2, 2]
    assert links(reader, 2) == [0]
    assert links(reader, 3) == [5, 5, 5]
    assert links(reader, 5) == [3]


def test_bookmarks_by_name_lead_where_they_led(write):
    writers = [linked(), linked()]
    for writer in writers:
        item = writer.add_outline_item(title="by name", page_number=0)
        item.get_object()[NameObject("/Dest")] = TextStringObject("chapter")
        del item.get_object()["/A"]

    found = outline(merged(*(write(writer, f"{n}.pdf") for n, writer in enumerate(writers))))

    assert found == [("0", 0), [("by name", 2)], ("1", 3), [("by name", 5)]]


def test_names_of_places_still_work_from_outside(write):
    reader = merged(
        write(linked("one"), "1.pdf"), write(linked("two"), "2.pdf"), write(linked("one"), "3.pdf")
    )

    places = reader.named_destinations
    assert {name: reader.get_destination_page_number(place) for name, place in places.items()} == {
        "one": 2,
        "two": 5,
    }


def test_names_are_found_however_they_are_kept(tmp_path):
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 77 77] /Annots [{}] >>"
    link = "<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /Dest {} >>"
    kept = {
        "(a)": "/Names << /Dests << /Names [(a) [4 0 R /Fit]] >> >>",
        "(b)": "/Names << /Dests << /Kids [5 0 R] >> >>",
        "/c": "/Dests << /c << /D [4 0 R /Fit] >> >>",
    }
    paths = []
    for name, catalogue in kept.items():
        paths.append(tmp_path / f"{name[1]}.pdf")
        objects = (
            page.format(link.format(name)),
            page.format(""),
            "<< /Limits [(b) (b)] /Names [(b) [4 0 R /Fit]] >>",
        )
        two = "<< /Type /Pages /Count 2 /Kids [3 0 R 4 0 R] >>"
        paths[-1].write_bytes(by_hand(*objects, pages=two, catalogue=catalogue))

    reader = merged(*paths)

    assert [links(reader, number) for number in (0, 2, 4)] == [[1], [3], [5]]
    assert set(reader.named_destinations) == {"a", "b", "c"}


def form(name, value, *, look="/Helv"):
    writer = papers(100)
    field = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/Widget"),
            NameObject("/FT"): NameObject("/Tx"),
            NameObject("/T"): TextStringObject(name),
            NameObject("/V"): TextStringObject(value),
            NameObject("/Rect"): ArrayObject(map(NumberObject, (0, 0, 50, 20))),
        }
    )
    reference = writer._add_object(field)
    field[NameObject("/P")] = writer.pages[0].indirect_reference
    writer.pages[0][NameObject("/Annots")] = ArrayObject([reference])
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    fonts = DictionaryObject({NameObject(look): writer._add_object(font)})
    writer._root_object[NameObject("/AcroForm")] = DictionaryObject(
        {
            NameObject("/Fields"): ArrayObject([reference]),
            NameObject("/DA"): TextStringObject(f"{look} 12 Tf"),
            NameObject("/NeedAppearances"): BooleanObject(True),
            NameObject("/DR"): DictionaryObject({NameObject("/Font"): fonts}),
        }
    )
    return writer


def test_forms_keep_their_fields_and_what_is_in_them(write):
    files = [form("name", "Ann"), form("name", "Bob", look="/Cour"), form("town", "Rome"), form("name", "Cy")]

    reader = merged(*(write(each, f"{n}.pdf") for n, each in enumerate(files)))

    assert reader.get_form_text_fields() == {"name": "Ann", "name-2": "Bob", "town": "Rome", "name-3": "Cy"}
    fields = [each.get_object() for each in reader.trailer["/Root"]["/AcroForm"]["/Fields"]]
    assert [field["/DA"] for field in fields] == ["/Helv 12 Tf", "/Cour 12 Tf", "/Helv 12 Tf", "/Helv 12 Tf"]
    assert set(reader.trailer["/Root"]["/AcroForm"]["/DR"]["/Font"]) == {"/Helv", "/Cour"}
    for number, field in enumerate(fields):
        [widget] = reader.pages[number]["/Annots"]
        assert widget.get_object() == field
        assert field["/P"] == reader.pages[number]


def test_pages_are_called_what_they_were(write):
    roman, plain, named = papers(100, 100, 100), papers(100, 100), papers(100, 100)
    roman.set_page_label(0, 1, style=PageLabelStyle.LOWERCASE_ROMAN)
    roman.set_page_label(2, 2, style=PageLabelStyle.DECIMAL, start=7)
    named.set_page_label(0, 1, prefix="A-", style=PageLabelStyle.DECIMAL, start=4)

    reader = merged(*(write(each, f"{n}.pdf") for n, each in enumerate((roman, plain, named))))

    assert reader.page_labels == ["i", "ii", "7", "1", "2", "A-4", "A-5"]


def test_without_labels_there_are_none(write):
    reader = merged(write(papers(100), "1.pdf"), write(papers(100), "2.pdf"))

    assert "/PageLabels" not in reader.trailer["/Root"]


def test_attachments_are_kept_all(write):
    writers = []
    for content in (b"first", b"second"):
        writer = papers(100)
        writer.add_attachment("data.txt", content)
        writers.append(writer)

    reader = merged(*(write(each, f"{n}.pdf") for n, each in enumerate(writers)))

    assert {name: files[0] for name, files in reader.attachments.items()} == {
        "data.txt": b"first",
        "data.txt (1)": b"second",
    }


LAYERED = (
    (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R"
        " /Resources << /Properties << /Hid 5 0 R /Seen 6 0 R >> >> >>"
    ),
    (
        "<< /Length 108 >>\nstream\n/OC /Hid BDC 1 0 0 rg 0 0 50 100 re f EMC /OC /Seen BDC"
        " 0 0 1 rg 50 0 50 100 re f EMC                       \nendstream"
    ),
    "<< /Type /OCG /Name (hidden) >>",
    "<< /Type /OCG /Name (seen) >>",
)


@pytest.mark.needs("pdftocairo")
@pytest.mark.parametrize("usual", ["/OFF [5 0 R]", "/BaseState /OFF /ON [6 0 R]"])
def test_hidden_layers_stay_hidden(tmp_path, usual):
    from PIL import Image

    layered = tmp_path / "layers.pdf"
    layered.write_bytes(
        by_hand(
            *LAYERED,
            catalogue=f"/OCProperties << /OCGs [5 0 R 6 0 R] /D << /Order [5 0 R 6 0 R] {usual} >> >>",
        )
    )

    [file], _, _ = run("merge", layered, layered)

    for number in ("1", "2"):
        argv = ["pdftocairo", "-png", "-r", "72", "-f", number, "-singlefile", f"{file}", f"{tmp_path / 'x'}"]
        subprocess.run(argv, check=True)
        image = Image.open(tmp_path / "x.png").convert("RGB")
        assert (image.getpixel((25, 50)), image.getpixel((75, 50))) == ((255, 255, 255), (0, 0, 255))


def test_the_newest_version_of_all_is_declared(write):
    old, new = papers(100), papers(100)
    old.pdf_header, new.pdf_header = "%PDF-1.3", "%PDF-2.0"

    reader = merged(write(old, "1.pdf"), write(new, "2.pdf"))

    assert reader.pdf_header == "%PDF-2.0"


def locked(password):
    writer = papers(123)
    writer.encrypt(password, algorithm="AES-256")
    return writer


@pytest.mark.parametrize("given", [{}, {"password": "wrong"}])
def test_the_file_that_is_locked_is_named(write, given):
    paths = write(papers(100), "1.pdf"), write(locked("right"), "2.pdf")

    with pytest.raises(PasswordRequired, match=r"^Plan B\.pdf is protected by a password\. Set the password"):
        merged(*paths, names=("a.pdf", "Plan B.pdf"), **given)


def test_the_password_opens_those_that_are_locked(write):
    reader = merged(write(papers(100), "1.pdf"), write(locked("right"), "2.pdf"), password="right")

    assert not reader.is_encrypted
    assert widths(reader) == [100, 123]


def test_what_is_no_document_is_named(write, tmp_path):
    (tmp_path / "2.pdf").write_bytes(b"%PDF-1.4 hello")

    with pytest.raises(OpenFailed, match=r"^b\.pdf could not be opened"):
        merged(write(papers(100), "1.pdf"), tmp_path / "2.pdf", names=("a.pdf", "b.pdf"))


def test_pages_of_all_together_are_bounded(write):
    path = write(papers(*[100] * 2501), "1.pdf")

    with pytest.raises(FileTooLarge, match="would have 5,002 pages; at most 5,000 are allowed"):
        merged(path, path)


@pytest.mark.parametrize(
    ("catalogue", "objects"),
    [
        ("/Outlines 4 0 R", ("<< /First 5 0 R /Last 5 0 R >>", "<< /Title (x) /Next 5 0 R /First 4 0 R >>")),
        ("/Outlines 4 0 R", ("<< /First 5 0 R >>", "<< /Title [1] /Dest /x /Parent 9 >>")),
        ("/Outlines (no)", ()),
        ("/Outlines 4 0 R", ("<< /First << /Title (direct) >> >>",)),
        ("/Names << /Dests 4 0 R >>", ("<< /Kids [4 0 R] >>",)),
        ("/Names << /Dests << /Names [(a) 4 0 R] >> >>", ("<< /D 4 0 R >>",)),
        ("/Names [] /Dests 3 /PageLabels 4 0 R", ("<< /Kids [4 0 R] /Nums [(a) 3 -1 4 0] >>",)),
        (
            "/AcroForm 4 0 R",
            ("<< /Fields [4 0 R 3 null (x) 5 0 R] /DR [] /CO 7 >>", "<< /T [] /Kids [5 0 R] >>"),
        ),
        ("/AcroForm << /Fields 3 >> /OCProperties << /OCGs [1 (a) null] /D [] >>", ()),
        ("/OCProperties << /OCGs 4 0 R /D << /BaseState /OFF /ON (x) >> >>", ("[4 0 R 3]",)),
    ],
)
def test_nonsense_beside_the_pages_does_no_harm(tmp_path, catalogue, objects):
    broken, sound = tmp_path / "1.pdf", tmp_path / "2.pdf"
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 77 77] /Annots [3 0 R (x) << /Dest (a) /A 5 >>] >>"
    broken.write_bytes(by_hand(page, *objects, catalogue=catalogue))
    sound.write_bytes(by_hand(page))

    [file], _, _ = run("merge", broken, sound)

    assert widths(PdfReader(file)) == [77, 77]


def test_ten_thousand_bookmarks_and_more_are_kept(tmp_path):
    count = 30_000
    items = [
        f"<< /Title (b{n}) /Parent 4 0 R /Dest [3 0 R /Fit]"
        + (f" /Next {n + 6} 0 R" if n + 1 < count else "")
        + (f" /Prev {n + 4} 0 R" if n else "")
        + " >>"
        for n in range(count)
    ]
    path = tmp_path / "1.pdf"
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 77 77] >>"
    top = f"<< /First 5 0 R /Last {count + 4} 0 R /Count {count} >>"
    path.write_bytes(by_hand(page, top, *items, catalogue="/Outlines 4 0 R"))

    [file], _, _ = run("merge", path, path)

    told = subprocess.run(
        ["mutool", "show", f"{file}", "outline"], capture_output=True, text=True, check=True
    )
    assert told.stdout.count('"b') == 2 * count


def test_what_a_document_does_by_itself_is_not_merged(tmp_path):
    path = tmp_path / "in.pdf"
    catalogue = "/OpenAction << /S /Launch /F (x) >> /AA << /WC << /S /JavaScript /JS (y) >> >>"
    names = "/Names << /JavaScript << /Names [(z) << /S /JavaScript /JS (app.alert) >>] >> >>"
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    path.write_bytes(by_hand(page, catalogue=f"{catalogue} {names}"))

    [file], _, _ = run("merge", path, path)

    plain = subprocess.run(["qpdf", "--qdf", f"{file}", "-"], capture_output=True, check=True).stdout
    assert not [word for word in (b"/Launch", b"/JavaScript", b"app.alert") if word in plain]
