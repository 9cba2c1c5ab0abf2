from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from engines import mupdf, pdfium, poppler
from engines.tests.context import RunContext
from jobs.contract import Work
from jobs.contract.errors import ConversionFailed, EmptyFile, OpenFailed, PasswordRequired

TARGETS = ("png", "svg", "txt", "html")


FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
PAPER = 'xmlns="http://schemas.microsoft.com/xps/2005/06" Width="300" Height="200"'
PARTS = {
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Type="http://schemas.microsoft.com/xps/2005/06/fixedrepresentation" Target="/all.fdseq"'
    ' Id="R0"/></Relationships>',
    "all.fdseq": f'<FixedDocumentSequence {PAPER}><DocumentReference Source="/one.fdoc"/>'
    "</FixedDocumentSequence>",
    "one.fdoc": f'<FixedDocument {PAPER}><PageContent Source="/1.fpage"/></FixedDocument>',
    "1.fpage": f'<FixedPage {PAPER}><Glyphs FontUri="/font.ttf" FontRenderingEmSize="20" OriginX="20"'
    ' OriginY="60" UnicodeString="Apache Tika" Fill="#ff000000"/></FixedPage>',
}


def write_xps(path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in PARTS.items():
            archive.writestr(name, text)
        archive.write(FONT, "font.ttf")


def operation(source, target):
    [found] = [op for op in mupdf.OPERATIONS if op.offers(source, target)]
    return found


def work_for(path, output_dir, target, **options):
    op = operation(path.suffix[1:], target)
    known = {o.name: o.default for o in op.options}
    assert set(options) <= set(known)
    return Work(
        inputs=(path,),
        output_dir=output_dir,
        input_format=path.suffix[1:],
        output_format=target,
        options=known | {o.name: o.read(options[o.name]) for o in op.options if o.name in options},
    )


def run(path, output_dir, target, **options):
    context = RunContext()
    for earlier in output_dir.iterdir():
        earlier.unlink()
    op = operation(path.suffix[1:], target)
    result = op.run(work_for(path, output_dir, target, **options), context)
    return [file.path for file in result.files], context


def planned(target, plan, count=3, **options):
    work = work_for(Path("in/in.pdf"), Path("out"), target, **options)
    facts = {"pages": count, "sizes": [(595.0, 842.0)] * count, "copy": True}
    [command] = plan(replace(work, facts=facts))
    return command


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def blank(tmp_path):
    def make(*sizes, **protection):
        writer = PdfWriter()
        for width, height in sizes:
            writer.add_blank_page(width, height)
        if protection:
            writer.encrypt(**protection)
        writer.write(tmp_path / "in.pdf")
        return tmp_path / "in.pdf"

    return make


@pytest.fixture
def book(samples, tmp_path):
    """A document of each kind, with words or pictures in it."""

    def make(kind):
        path = tmp_path / f"in.{kind}"
        if kind == "xps":
            write_xps(path)
        elif kind == "cbz":
            with zipfile.ZipFile(path, "w") as archive:
                for number, colour in enumerate(("red", "blue"), 1):
                    file = io.BytesIO()
                    Image.new("RGB", (60, 90), colour).save(file, "JPEG")
                    archive.writestr(f"{number}.jpg", file.getvalue())
        elif kind == "fb2":
            name = 'xmlns="http://www.gribuser.ru/xml/fictionbook/2.0"'
            path.write_text(
                f"<FictionBook {name}><body><section><p>Apache Tika</p></section></body></FictionBook>"
            )
        else:
            path.write_bytes((samples / "tika_book.epub").read_bytes())
        return path

    return make


@pytest.mark.parametrize(
    ("target", "plan", "options", "argv"),
    [
        ("svg", mupdf.drawings, {}, ["mutool", "convert", "-F", "svg", "-O", "text=path"]),
        (
            "svg",
            mupdf.drawings,
            {"text_to_path": "false"},
            ["mutool", "convert", "-F", "svg", "-O", "text=text"],
        ),
        ("txt", mupdf.words, {}, ["mutool", "draw", "-F", "txt"]),
        ("html", mupdf.words, {}, ["mutool", "draw", "-F", "html"]),
        (
            *("png", mupdf.pictures, {"alpha": True, "width": 90, "pixel_density": 30}),
            ["mutool", "draw", "-F", "png", "-c", "rgba", "-r", "30", "-w", "90", "-h", "10000"],
        ),
    ],
)
def test_options_become_flags(target, plan, options, argv):
    command = planned(target, plan, **options)

    assert command.argv[: len(argv)] == argv
    assert command.argv[len(argv)] == "-o"


def test_ranges_are_handed_on_and_progress_is_told():
    command = planned("svg", mupdf.drawings, count=9, pages="1-2, 5,8-")
    told = command.progress()

    assert command.argv[-2:] == ["in/in.pdf", "1-2,5-5,8-9"]
    assert [told(line) for line in ("page in.pdf 1", "warning: x", "page in.pdf 2")] == [0, None, 20]


def test_it_is_the_default_for_drawings_and_an_alternative_for_the_rest():
    others = [*pdfium.OPERATIONS, *poppler.OPERATIONS]
    for target in TARGETS:
        ours = operation("pdf", target).cost
        theirs = [op.cost for op in others if op.name == "convert" and op.offers("pdf", target)]
        assert all(ours < cost if target == "svg" else ours > cost for cost in theirs if cost == min(theirs))


@pytest.mark.needs("mutool")
@pytest.mark.parametrize("target", ["svg", "png"])
def test_pages_become_files_with_their_numbers(blank, out, target):
    files, _ = run(blank(*[(72, 72 + n) for n in range(12)]), out, target, pages="2,9-11")

    assert [file.name for file in files] == [f"in-{n}.{target}" for n in (2, 9, 10, 11)]
    assert sorted(out.iterdir()) == sorted(files)
    if target == "png":
        assert [Image.open(file).height for file in files] == [153, 167, 169, 171]


@pytest.mark.needs("mutool")
def test_letters_are_shapes_unless_asked_for(samples, out):
    [shapes], _ = run(samples / "tika_text.pdf", out, "svg")
    shapes_text = shapes.read_text()
    [letters], _ = run(samples / "tika_text.pdf", out, "svg", text_to_path=False)

    assert shapes.name == "tika_text.svg"
    assert "<text" not in shapes_text and "<path" in shapes_text
    assert "Apache" in re.sub(r"<[^>]*>", "", letters.read_text())


@pytest.mark.needs("mutool")
@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"pixel_density": 72}, (100, 200)),
        ({"width": 50, "height": 50}, (25, 50)),
        ({"width": 5000, "pixel_density": 72}, (100, 200)),
    ],
)
def test_pictures_stay_within_what_is_asked_for(blank, out, options, size):
    [file], _ = run(blank((100, 200)), out, "png", **options)

    assert Image.open(file).size == size
    assert Image.open(file).mode == "RGB"


@pytest.mark.needs("mutool")
def test_alpha_leaves_the_paper_transparent(samples, out):
    [file], _ = run(samples / "tika_text.pdf", out, "png", alpha=True, pixel_density=30)

    assert Image.open(file).getpixel((0, 0))[3] == 0


@pytest.mark.needs("mutool")
@pytest.mark.parametrize("kind", ["xps", "epub", "fb2"])
def test_words_are_read(book, out, kind):
    [text], _ = run(book(kind), out, "txt")
    words = text.read_text()
    [page], _ = run(book(kind), out, "html")
    tags_gone = re.sub(r"<[^>]*>", "", page.read_text())

    expected = "Tika" if kind != "epub" else "This is the text for chapter One"
    assert expected in words
    assert expected in tags_gone


@pytest.mark.needs("mutool")
@pytest.mark.parametrize("kind", ["xps", "cbz", "epub", "fb2"])
def test_other_documents_become_pdf_and_pictures(book, out, kind):
    path = book(kind)
    [pdf], _ = run(path, out, "pdf")
    count = len(PdfReader(pdf).pages)
    pictures, _ = run(path, out, "png", pixel_density=20)

    assert count == len(pictures) >= 1
    assert count == 2 if kind == "cbz" else True
    if kind != "cbz":
        return
    assert Image.open(pictures[1]).getpixel((5, 5))[2] > 200


@pytest.mark.needs("mutool")
def test_pages_are_chosen_for_one_file_too(samples, out):
    [file], _ = run(samples / "tika_book.epub", out, "pdf", pages="2-3")

    assert len(PdfReader(file).pages) == 2


@pytest.mark.needs("mutool", "qpdf")
@pytest.mark.parametrize("given", ["open", "owner"])
def test_either_password_opens_and_stands_on_no_command_line(blank, out, given):
    path = blank((72, 72), user_password="open", owner_password="owner", algorithm="AES-256")

    [file], context = run(path, out, "svg", password=given)

    assert file.stat().st_size
    assert [each.name for each in out.iterdir()] == ["in.svg"]
    assert not [argv for argv, _ in context.recorded if given in argv]


@pytest.mark.needs("mutool", "qpdf")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("options", [{}, {"password": "wrong"}])
def test_a_missing_or_wrong_password_is_asked_for(blank, out, target, options):
    path = blank((72, 72), user_password="open", owner_password="owner", algorithm="AES-256")

    with pytest.raises(PasswordRequired):
        run(path, out, target, **options)


@pytest.mark.needs("mutool", "qpdf")
@pytest.mark.parametrize("target", ["txt", "html"])
def test_a_reader_may_not_take_what_the_owner_keeps(blank, out, target):
    protection = {"user_password": "", "owner_password": "owner", "permissions_flag": 0}
    path = blank((72, 72), **protection, algorithm="RC4-128")

    with pytest.raises(ConversionFailed, match="owner does not permit"):
        run(path, out, target)


@pytest.mark.needs("mutool")
@pytest.mark.parametrize("kind", ["pdf", "xps", "cbz", "epub"])
@pytest.mark.parametrize("content", [b"PK\3\4 no such thing", b"\x00\xff" * 3000])
def test_damaged_documents_cannot_be_opened(tmp_path, out, kind, content):
    path = tmp_path / f"in.{kind}"
    path.write_bytes(content)

    with pytest.raises(OpenFailed):
        run(path, out, "svg")


@pytest.mark.needs("mutool")
def test_an_empty_file_is_refused(tmp_path, out):
    (tmp_path / "in.xps").touch()

    with pytest.raises(EmptyFile):
        run(tmp_path / "in.xps", out, "svg")


@pytest.mark.needs("mutool")
def test_a_page_of_kilometres_is_refused(blank, out):
    with pytest.raises(ConversionFailed, match="Page 1 would be 29167 pixels long"):
        run(blank((14000, 10)), out, "png")
