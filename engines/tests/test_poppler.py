from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfWriter

from engines import poppler
from engines._support import locked_pdf
from engines.tests.context import RunContext
from jobs.contract import Work
from jobs.contract.errors import ConversionFailed, EmptyFile, FileTooLarge, OpenFailed, PasswordRequired

A4 = (595.0, 842.0)
TARGETS = ("png", "jpg", "tiff", "svg", "eps", "ps", "txt", "html")
PLANS = {
    "eps": poppler.drawings,
    "html": poppler.web_page,
    "ps": poppler.postscript,
    "svg": poppler.drawings,
    "txt": poppler.text,
}


def operation(target, name="convert"):
    [found] = [op for op in poppler.OPERATIONS if op.name == name and op.offers("pdf", target)]
    return found


def work_for(path, output_dir, target="png", name="convert", **options):
    op = operation(target, name)
    known = {o.name: o.default for o in op.options}
    assert set(options) <= set(known)
    return Work(
        inputs=(path,),
        output_dir=output_dir,
        input_format="pdf",
        output_format=target,
        options=known | {o.name: o.read(options[o.name]) for o in op.options if o.name in options},
    )


def planned(target="png", sizes=(A4,), name="convert", opened=None, **options):
    work = work_for(Path("in/in.pdf"), Path("out"), target, name, **options)
    facts = {"pages": len(sizes), "sizes": dict(enumerate(sizes, 1))}
    facts |= {"opened": opened} if opened else {}
    plan = PLANS.get(target, poppler.images)
    return (poppler.thumbnails if name == "thumbnail" else plan)(replace(work, facts=facts))


def run(path, output_dir, target="png", name="convert", **options):
    context = RunContext()
    for earlier in output_dir.iterdir():
        # Collected, so it is no engine's to write to.
        earlier.unlink()
    result = operation(target, name).run(work_for(path, output_dir, target, name, **options), context)
    return [file.path for file in result.files], context


@pytest.fixture
def blank(tmp_path):
    """Make a document of blank pages of the sizes given."""

    def make(*sizes, rotate=0, password=None, owner=None):
        writer = PdfWriter()
        for width, height in sizes:
            writer.add_blank_page(width, height).rotate(rotate)
        if password is not None:
            writer.encrypt(password, owner, algorithm="RC4-128", permissions_flag=0)
        path = tmp_path / "in.pdf"
        writer.write(path)
        return path

    return make


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_one_page_is_rendered_at_the_density_asked_for():
    [command] = planned(pixel_density="96")

    assert command.argv == [
        *("pdftocairo", "-png", "-cropbox", "-r", "96", "-f", "1", "-singlefile"),
        *("--", "in/in.pdf", "out/in"),
    ]
    assert command.outputs == (Path("out/in.png"),)


def test_pages_of_one_size_share_a_command_and_long_documents_are_cut_for_progress():
    commands = planned(sizes=[A4] * 45)

    assert [command.argv[command.argv.index("-f") :][:4] for command in commands] == [
        ["-f", "1", "-l", "20"],
        ["-f", "21", "-l", "40"],
        ["-f", "41", "-l", "45"],
    ]
    assert [command.weight for command in commands] == [20, 20, 5]


def test_ranges_become_commands():
    commands = planned(sizes=[A4] * 9, pages="1-2, 5,8-")

    assert [command.argv[command.argv.index("-f") :][:4] for command in commands] == [
        ["-f", "1", "-l", "2"],
        ["-f", "5", "-l", "5"],
        ["-f", "8", "-l", "9"],
    ]


def sized(scaled, shown=None, offset=(0, 0)):
    """Return the flags for a page rendered at one size, of which another is shown."""
    width, height = shown or scaled
    return [
        *("-scale-to-x", f"{scaled[0]}", "-scale-to-y", f"{scaled[1]}"),
        *("-x", f"{offset[0]}", "-y", f"{offset[1]}", "-W", f"{width}", "-H", f"{height}"),
    ]


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ({}, ["-r", "72"]),
        ({"width": 100}, sized((100, 200))),
        ({"width": 100, "height": 100}, sized((50, 100))),
        ({"width": 900, "height": 900}, ["-r", "72"]),
        ({"width": 900, "fit": "scale"}, sized((900, 1800))),
        ({"width": 30, "height": 30, "fit": "scale"}, sized((30, 30))),
        ({"width": 100, "height": 100, "fit": "crop"}, sized((100, 200), (100, 100), (0, 50))),
        ({"height": 800, "fit": "crop"}, sized((400, 800))),
    ],
)
def test_the_size_follows_fit(options, flags):
    [command] = planned(sizes=[(200.0, 400.0)], pixel_density=72, **options)

    assert command.argv[3 : 3 + len(flags)] == flags
    assert command.argv[3 + len(flags)] == "-f"


@pytest.mark.parametrize(
    ("target", "options", "flags"),
    [
        ("jpg", {"quality": 40}, ["-jpeg", "-cropbox", "-jpegopt", "quality=40"]),
        ("png", {"alpha": True}, ["-png", "-cropbox", "-transp"]),
        ("tiff", {}, ["-tiff", "-tiffcompression", "lzw", "-cropbox", "-r"]),
    ],
)
def test_options_become_flags(target, options, flags):
    [command] = planned(target, **options)

    assert command.argv[1 : 1 + len(flags)] == flags


@pytest.mark.parametrize(("target", "name"), [(t, "convert") for t in TARGETS] + [("png", "thumbnail")])
def test_the_password_stands_on_no_command_line_and_in_no_environment(target, name):
    work = work_for(Path("in/in.pdf"), Path("out"), target, name, password="s3cret")
    opening = locked_pdf.opening(work)
    opened = replace(work, facts={"opened": Path("out/opened.pdf")})

    commands = [
        *(locked_pdf.rights(work), opening, poppler.probe(opened)),
        *planned(target, name=name, password="s3cret", opened=Path("out/opened.pdf")),
    ]

    assert "s3cret" not in "".join(f"{command.argv} {command.environment}" for command in commands)
    assert [command.stdin for command in commands[:2]] == [b"s3cret\n"] * 2
    assert opening.outputs == (Path("out/opened.pdf"),)
    for command in commands[2:]:
        assert "out/opened.pdf" in command.argv and "in/in.pdf" not in command.argv


@pytest.mark.parametrize(
    ("owner", "extract", "may"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_words_are_the_owners_or_everybodys(owner, extract, may):
    about = {"ownerpasswordmatched": owner, "capabilities": {"extract": extract}}

    assert locked_pdf.permits(json.dumps({"encrypt": about}), "extract") is may


def test_text_and_web_pages_take_one_range():
    [text] = planned("txt", sizes=[A4] * 3, pages="2-")
    [html] = planned("html", sizes=[A4] * 3)

    assert text.argv[:5] == ["pdftotext", "-f", "2", "-l", "3"]
    assert html.argv[-2:] == ["in/in.pdf", "in.html"]
    with pytest.raises(ValueError, match="pages format is invalid"):
        planned("txt", pages="1,3")


@pytest.mark.parametrize("pages", ["5-2", "0", "0-3", "a", "", "1;2", "-3"])
def test_pages_that_cannot_be_meant_are_refused_at_intake(pages):
    with pytest.raises(ValueError, match=r"^The pages"):
        planned(pages=pages)


@pytest.mark.parametrize(
    ("options", "sizes", "sentence"),
    [
        ({"pages": "7-9"}, [A4] * 3, "page 7, but the document has only 3 pages"),
        ({"pages": "1,2"}, [A4], "page 2, but the document has only 1 page"),
        ({}, [(90000.0, 10.0)], "Page 1 would be 187500 pixels long"),
    ],
)
def test_what_a_document_cannot_give_is_said(options, sizes, sentence):
    with pytest.raises(ConversionFailed, match=sentence):
        planned(sizes=sizes, **options)


def test_a_document_with_too_many_pages_is_refused_with_the_limit():
    with pytest.raises(FileTooLarge, match="has 5,001 pages; at most 5,000 are allowed"):
        planned(sizes=[A4] * 5001)


def test_the_probe_tells_sizes_as_shown():
    printed = "Pages:           2\nPage    1 size:  200 x 100 pts\nPage    1 rot:   0\n"
    printed += "Page    2 size:  200 x 100.5 pts (odd)\nPage    2 rot:   90\n"

    assert poppler.read(printed) == {"pages": 2, "sizes": {1: (200, 100), 2: (100.5, 200)}}


@pytest.mark.needs("pdftocairo")
def test_pages_become_images_with_plain_numbers(blank, out):
    path = blank(*[(72, 144)] * 11, (144, 72))

    files, context = run(path, out, pages="2,9-", pixel_density=72)

    assert [file.name for file in files] == [f"in-{n}.png" for n in (2, 9, 10, 11, 12)]
    assert [Image.open(file).size for file in files] == [(72, 144)] * 4 + [(144, 72)]
    assert context.percents[-1] == 100
    assert len(context.percents) > 1


@pytest.mark.needs("pdftocairo")
@pytest.mark.parametrize(("target", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("tiff", "TIFF")])
def test_one_page_keeps_the_documents_name(blank, out, target, kind):
    files, _ = run(blank((72, 72)), out, target)

    [file] = files
    assert file == out / f"in.{target}"
    with Image.open(file) as image:
        assert (image.format, image.size) == (kind, (150, 150))


@pytest.mark.needs("pdftocairo")
@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width": 50, "height": 50}, (25, 50)),
        ({"width": 50, "height": 30, "fit": "crop"}, (50, 30)),
        ({"width": 50, "height": 30, "fit": "scale"}, (50, 30)),
        ({"width": 5000}, (100, 200)),
        ({"width": 300, "fit": "scale"}, (300, 600)),
    ],
)
def test_sizes_are_honoured_on_a_turned_page(blank, out, options, size):
    [file], _ = run(blank((200, 100), rotate=90), out, pixel_density=72, **options)

    assert Image.open(file).size == size


@pytest.mark.needs("pdftocairo")
def test_crop_cuts_the_middle_out(samples, out):
    [whole], _ = run(samples / "tika_text.pdf", out, width=300)
    whole_image = Image.open(whole).convert("L").copy()

    [cut], _ = run(samples / "tika_text.pdf", out, width=300, height=100, fit="crop")

    top = (whole_image.height - 100) // 2
    cut_image = Image.open(cut).convert("L")
    assert cut_image.size == (300, 100)
    assert cut_image.tobytes() == whole_image.crop((0, top, 300, top + 100)).tobytes()


@pytest.mark.needs("pdftocairo")
def test_alpha_leaves_the_paper_transparent(samples, out):
    [clear], _ = run(samples / "tika_text.pdf", out, alpha=True, pixel_density=30)
    clear_mode, corner = Image.open(clear).mode, Image.open(clear).getpixel((0, 0))
    [white], _ = run(samples / "tika_text.pdf", out, pixel_density=30)

    assert (clear_mode, corner[3]) == ("RGBA", 0)
    assert Image.open(white).convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)


@pytest.mark.needs("pdftocairo")
def test_quality_changes_the_size(samples, out):
    [low], _ = run(samples / "tika_text.pdf", out, "jpg", quality=10)
    low_size = low.stat().st_size
    [high], _ = run(samples / "tika_text.pdf", out, "jpg", quality=95)

    assert low_size < high.stat().st_size / 2


@pytest.mark.needs("pdftocairo")
@pytest.mark.parametrize(("target", "head"), [("svg", b"<?xml"), ("eps", b"%!PS-Adobe-3.0 EPSF-3.0")])
def test_pages_become_a_drawing_each(samples, out, target, head):
    several, context = run(samples / "qpdf_xref_loop.pdf", out, target, pages="3,29-")
    heads = [file.read_bytes()[: len(head)] for file in several]
    names = [file.name for file in several]
    [one], _ = run(samples / "qpdf_xref_loop.pdf", out, target, pages="7")

    assert names == [f"qpdf_xref_loop-{page}.{target}" for page in (3, 29, 30)]
    assert heads == [head] * 3
    assert one.name == f"qpdf_xref_loop.{target}"
    assert [round(percent) for percent in context.percents] == [33, 67, 100]


@pytest.mark.needs("pdftocairo")
def test_pages_become_one_postscript(samples, out):
    [file], _ = run(samples / "qpdf_xref_loop.pdf", out, "ps", pages="3-5")

    assert b"%%Pages: 3" in file.read_bytes()


@pytest.mark.needs("pdftotext")
def test_layout_keeps_words_where_they_stand(samples, out):
    [file], _ = run(samples / "tika_text.pdf", out, "txt")
    flowing = file.read_text(encoding="utf-8")
    [file], _ = run(samples / "tika_text.pdf", out, "txt", layout=True)
    placed = file.read_text(encoding="utf-8")

    assert sorted(placed.split()) == sorted(flowing.split())
    assert "     " in placed
    assert "     " not in flowing


@pytest.mark.needs("pdftohtml")
def test_a_web_page_is_as_large_as_asked_for(blank, out):
    path = blank((200, 100))

    [file], _ = run(path, out, "html", zoom=2)
    assert "width:400px;height:200px" in file.read_text(encoding="utf-8")
    [file], _ = run(path, out, "html")
    assert "width:300px;height:150px" in file.read_text(encoding="utf-8")
    assert operation("html").answers_to("pdf2htmlex")


@pytest.mark.needs("pdftotext")
def test_text_is_read(samples, out):
    [file], _ = run(samples / "tika_text.pdf", out, "txt")

    assert "Apache Tika" in file.read_text(encoding="utf-8")


@pytest.mark.needs("pdftohtml")
def test_a_web_page_holds_its_pictures(samples, out):
    [file], _ = run(samples / "tika_text.pdf", out, "html")

    page = file.read_text(encoding="utf-8")
    assert "Apache" in page
    assert "data:image/png;base64," in page
    assert [each.name for each in out.iterdir()] == ["tika_text.html"]


@pytest.mark.needs("pdftocairo", "qpdf")
@pytest.mark.parametrize("given", ["open", "owner"])
def test_either_password_opens(blank, out, given):
    path = blank((72, 72), password="open", owner="owner")

    [file], context = run(path, out, password=given, pixel_density=30)

    assert Image.open(file).size == (30, 30)
    assert [each.name for each in out.iterdir()] == ["in.png"]
    assert [argv[0] for argv, _ in context.recorded] == ["qpdf", "pdfinfo", "pdftocairo"]


@pytest.mark.needs("pdftocairo", "qpdf")
def test_a_password_nobody_asked_for_does_no_harm(blank, out):
    [file], _ = run(blank((72, 72)), out, password="needless", pixel_density=30)

    assert Image.open(file).size == (30, 30)


@pytest.mark.needs("pdftotext", "pdftohtml", "qpdf")
@pytest.mark.parametrize("target", ["txt", "html"])
def test_a_reader_may_not_take_what_the_owner_keeps(blank, out, target):
    path = blank((72, 72), password="a-reader", owner="an-owner")

    with pytest.raises(ConversionFailed, match="owner does not permit"):
        run(path, out, target, password="a-reader")

    [file], context = run(path, out, target, password="an-owner")
    assert file.exists()
    # qpdf knows the reader's password from the owner's.
    assert "a-reader" not in f"{context.recorded}"


@pytest.mark.needs("pdftocairo", "pdftotext", "pdftohtml", "qpdf")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("options", [{}, {"password": "wrong"}])
def test_a_missing_or_wrong_password_is_asked_for(blank, out, target, options):
    with pytest.raises(PasswordRequired):
        run(blank((72, 72), password="open"), out, target, **options)


@pytest.mark.needs("pdftohtml", "qpdf")
def test_a_document_that_forbids_copying_says_so(blank, out):
    path = blank((72, 72), password="", owner="owner")

    with pytest.raises(ConversionFailed, match="owner does not permit"):
        run(path, out, "html")

    [file], _ = run(path, out, "html", password="owner")
    assert "<title>in</title>" in file.read_text(encoding="utf-8")


@pytest.mark.needs("pdftocairo", "qpdf")
@pytest.mark.parametrize("content", [b"%PDF-1.4 hello", b"\x00\xff" * 3000, b"half"])
@pytest.mark.parametrize("options", [{}, {"password": "needless"}])
def test_damaged_documents_cannot_be_opened(samples, tmp_path, out, content, options):
    path = tmp_path / "in.pdf"
    path.write_bytes((samples / "tika_text.pdf").read_bytes()[:15000] if content == b"half" else content)

    with pytest.raises(OpenFailed):
        run(path, out, **options)


@pytest.mark.needs("pdftocairo")
def test_an_empty_file_is_refused(tmp_path, out):
    (tmp_path / "in.pdf").touch()

    with pytest.raises(EmptyFile):
        run(tmp_path / "in.pdf", out)


@pytest.mark.needs("pdftocairo")
def test_a_looping_cross_reference_is_repaired(samples, out):
    files, _ = run(samples / "qpdf_xref_loop.pdf", out, pages="29-", pixel_density=20)

    assert [file.name for file in files] == ["qpdf_xref_loop-29.png", "qpdf_xref_loop-30.png"]


@pytest.mark.needs("pdftocairo")
def test_pages_beyond_the_end_are_named(samples, out):
    with pytest.raises(ConversionFailed, match="page 3, but the document has only 1 page"):
        run(samples / "tika_text.pdf", out, pages="1,3")


@pytest.mark.needs("pdftocairo")
def test_thumbnails_are_the_first_pages(blank, out):
    path = blank(*[(144, 72)] * 4)

    one, _ = run(path, out, "jpg", "thumbnail", width=40)
    small = [(file.name, Image.open(file).size) for file in one]
    three, _ = run(path, out, "png", "thumbnail", width=40, height=40, fit="crop", count=3)

    assert small == [("in.jpg", (40, 20))]
    assert [file.name for file in three] == ["in-1.png", "in-2.png", "in-3.png"]
    assert {Image.open(file).size for file in three} == {(40, 40)}


@pytest.mark.needs("pdftocairo")
def test_a_short_document_gives_fewer_thumbnails(blank, out):
    files, _ = run(blank((72, 72)), out, "png", "thumbnail", width=20, count=5)

    assert [file.name for file in files] == ["in.png"]
