from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfWriter
from pypdf.annotations import FreeText
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    RectangleObject,
    TextStringObject,
)

from engines import pdfium
from engines._support import page_images
from engines.tests.context import RunContext
from jobs.contract import Work
from jobs.contract.errors import (
    ConversionFailed,
    EmptyFile,
    FileTooLarge,
    OpenFailed,
    PasswordRequired,
    TooMuchOutput,
)

KINDS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tiff": "TIFF"}


pytestmark = pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    pdfium.WARM.close()


def operation(target, name="convert"):
    [found] = [op for op in pdfium.OPERATIONS if op.name == name and op.offers("pdf", target)]
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


def run(path, output_dir, target="png", name="convert", **options):
    context = RunContext()
    result = operation(target, name).run(work_for(path, output_dir, target, name, **options), context)
    return [file.path for file in result.files], context


@pytest.fixture
def made(tmp_path):
    """Write a document that a function has filled."""

    def make(fill, **protection):
        writer = PdfWriter()
        fill(writer)
        if protection:
            writer.encrypt(**protection)
        writer.write(tmp_path / "in.pdf")
        return tmp_path / "in.pdf"

    return make


@pytest.fixture
def blank(made):
    """Make a document of blank pages of the sizes given."""

    def make(*sizes, rotate=0, **protection):
        def fill(writer):
            for width, height in sizes:
                writer.add_blank_page(width, height).rotate(rotate)

        return made(fill, **protection)

    return make


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_the_child_is_given_the_options_and_operators_never_see_the_password():
    work = work_for(Path("in/in.pdf"), Path("out"), "jpg", password="s3cret", quality=40, pages="2-")

    asked = pdfium.request(work)

    assert asked["password"] == "s3cret"
    assert (asked["target"], asked["format"]) == ("out/in.jpg", "jpg")
    assert asked["options"] == {
        "pages": "2-",
        "width": None,
        "height": None,
        "fit": "max",
        "pixel_density": 150,
        "quality": 40,
    }
    assert "password" in pdfium.WARM.secret


def test_it_is_the_default_for_what_it_draws():
    from engines import poppler

    for record in pdfium.OPERATIONS:
        for _, target in record.conversions:
            others = [r for r in poppler.OPERATIONS if r.name == record.name and r.offers("pdf", target)]
            assert all(other.cost > record.cost for other in others)


def test_more_pictures_than_allowed_are_not_begun():
    with pytest.raises(TooMuchOutput, match="would be 4,000 pictures; at most 2,000"):
        page_images.wanted({"pages": "1-4000"}, 5000)


def test_more_pages_than_allowed_are_refused():
    with pytest.raises(FileTooLarge, match="has 5,001 pages; at most 5,000 are allowed"):
        page_images.wanted({"pages": "1"}, 5001)


def test_pages_become_images_with_plain_numbers(blank, out):
    path = blank(*[(72, 144)] * 11, (144, 72))

    files, context = run(path, out, pages="2,9-", pixel_density=72)

    assert [file.name for file in files] == [f"in-{n}.png" for n in (2, 9, 10, 11, 12)]
    assert [Image.open(file).size for file in files] == [(72, 144)] * 4 + [(144, 72)]
    assert context.percents[-1] == 100
    assert len(context.percents) > 1


@pytest.mark.parametrize("target", KINDS)
def test_one_page_keeps_the_documents_name_and_tells_its_density(blank, out, target):
    files, _ = run(blank((72, 72)), out, target, pixel_density=144)

    [file] = files
    assert file == out / f"in.{target}"
    with Image.open(file) as image:
        assert (image.format, image.size) == (KINDS[target], (144, 144))
        assert image.getpixel((9, 9)) == (255, 255, 255)
        if target != "webp":
            assert image.info["dpi"] == pytest.approx((144, 144), abs=0.1)


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
@pytest.mark.parametrize("target", ["png", "jpg"])
def test_sizes_are_honoured_on_a_turned_page(blank, out, options, size, target):
    [file], _ = run(blank((200, 100), rotate=90), out, target, pixel_density=72, **options)

    assert Image.open(file).size == size


def test_crop_cuts_the_middle_out(samples, out):
    [whole], _ = run(samples / "tika_text.pdf", out, width=300)
    whole_image = Image.open(whole).convert("L").copy()

    [cut], _ = run(samples / "tika_text.pdf", out, width=300, height=100, fit="crop")

    top = (whole_image.height - 100) // 2
    cut_image = Image.open(cut).convert("L")
    assert cut_image.size == (300, 100)
    assert cut_image.tobytes() == whole_image.crop((0, top, 300, top + 100)).tobytes()


def test_only_what_the_crop_box_shows_is_drawn(made, out):
    def fill(writer):
        writer.add_blank_page(200, 100).cropbox = RectangleObject((0, 0, 50, 80))

    [file], _ = run(made(fill), out, pixel_density=72)

    assert Image.open(file).size == (50, 80)


@pytest.mark.needs("pdftoppm")
def test_the_picture_is_what_poppler_draws(samples, out):

    [file], _ = run(samples / "tika_text.pdf", out, pixel_density=72)
    subprocess.run(
        ["pdftoppm", "-r", "72", "-png", "-singlefile", samples / "tika_text.pdf", out / "poppler"],
        check=True,
    )

    ours, theirs = (Image.open(path).convert("L").resize((60, 84)) for path in (file, out / "poppler.png"))
    difference = [abs(a - b) for a, b in zip(ours.tobytes(), theirs.tobytes(), strict=True)]
    assert min(ours.tobytes()) < 200
    assert sum(difference) / len(difference) < 3


def test_alpha_leaves_the_paper_transparent(samples, out):
    [clear], _ = run(samples / "tika_text.pdf", out, alpha=True, pixel_density=30)
    clear_image = Image.open(clear).copy()
    [white], _ = run(samples / "tika_text.pdf", out, pixel_density=30)

    assert (clear_image.mode, clear_image.getpixel((0, 0))[3]) == ("RGBA", 0)
    assert clear_image.getextrema()[3][1] > 200
    white_image = Image.open(white)
    assert (white_image.mode, white_image.getpixel((0, 0))) == ("RGB", (255, 255, 255))


@pytest.mark.parametrize("target", ["jpg", "webp"])
def test_quality_changes_the_size(samples, out, target):
    [low], _ = run(samples / "tika_text.pdf", out, target, quality=10)
    low_size = low.stat().st_size
    [high], _ = run(samples / "tika_text.pdf", out, target, quality=95)

    assert low_size < high.stat().st_size / 2


def _field(writer):
    """Add a field of a form, filled in red."""
    page = writer.add_blank_page(100, 100)
    look = DecodedStreamObject()
    look.set_data(b"1 0 0 rg 0 0 80 80 re f")
    look[NameObject("/Type")], look[NameObject("/Subtype")] = NameObject("/XObject"), NameObject("/Form")
    look[NameObject("/BBox")] = RectangleObject((0, 0, 80, 80))
    field = DictionaryObject()
    for name, value in {
        "/Type": NameObject("/Annot"),
        "/Subtype": NameObject("/Widget"),
        "/FT": NameObject("/Tx"),
        "/T": TextStringObject("name"),
        "/V": TextStringObject("filled in"),
        "/Rect": RectangleObject((10, 10, 90, 90)),
        "/F": NumberObject(4),
        "/AP": DictionaryObject({NameObject("/N"): writer._add_object(look)}),
    }.items():
        field[NameObject(name)] = value
    reference = writer._add_object(field)
    page[NameObject("/Annots")] = ArrayObject([reference])
    form = DictionaryObject({NameObject("/Fields"): ArrayObject([reference])})
    writer._root_object[NameObject("/AcroForm")] = form


def _note(writer):
    writer.add_blank_page(100, 100)
    writer.add_annotation(
        0,
        FreeText(text="note", rect=(10, 10, 90, 90), background_color="ff0000", border_color="ff0000"),
    )


@pytest.mark.parametrize("fill", [_note, _field])
def test_notes_and_forms_are_drawn(made, out, fill):
    [file], _ = run(made(fill), out, pixel_density=72)

    red, green, _ = Image.open(file).getpixel((50, 80))
    assert red > 200 and green < 100


@pytest.mark.parametrize("given", ["open", "owner"])
def test_either_password_opens(blank, out, given):
    path = blank((72, 72), user_password="open", owner_password="owner", algorithm="AES-256")

    [file], context = run(path, out, password=given, pixel_density=30)

    assert Image.open(file).size == (30, 30)
    assert f'"{given}"' not in f"{context.recorded}"


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("options", [{}, {"password": "wrong"}])
def test_a_missing_or_wrong_password_is_asked_for(blank, out, target, options):
    path = blank((72, 72), user_password="open", owner_password="owner", algorithm="AES-256")

    with pytest.raises(PasswordRequired):
        run(path, out, target, **options)


@pytest.mark.parametrize("content", [b"%PDF-1.4 hello", b"\x00\xff" * 3000, b"half"])
def test_damaged_documents_cannot_be_opened(samples, tmp_path, out, content):
    path = tmp_path / "in.pdf"
    path.write_bytes((samples / "tika_text.pdf").read_bytes()[:900] if content == b"half" else content)

    with pytest.raises(OpenFailed):
        run(path, out)


def test_an_empty_file_is_refused(tmp_path, out):
    (tmp_path / "in.pdf").touch()

    with pytest.raises(EmptyFile):
        run(tmp_path / "in.pdf", out)


def test_a_looping_cross_reference_is_repaired(samples, out):
    files, _ = run(samples / "qpdf_xref_loop.pdf", out, pages="29-", pixel_density=20)

    assert [file.name for file in files] == ["qpdf_xref_loop-29.png", "qpdf_xref_loop-30.png"]


def test_pages_beyond_the_end_are_named(samples, out):
    with pytest.raises(ConversionFailed, match="page 3, but the document has only 1 page"):
        run(samples / "tika_text.pdf", out, pages="1,3")


def test_a_page_of_kilometres_is_refused_with_the_remedy(blank, out):
    with pytest.raises(ConversionFailed, match=r"Page 2 would be 29167 pixels long.*lower pixel_density"):
        run(blank((72, 72), (14000, 10)), out)


def test_a_large_page_takes_no_more_memory_than_there_is(blank, out):
    path = blank(*[(4700, 4700)] * 3)

    files, _ = run(path, out)

    assert {Image.open(file).size for file in files} == {(9792, 9792)}


def test_thumbnails_are_the_first_pages(blank, out):
    path = blank(*[(144, 72)] * 4)

    one, _ = run(path, out, "webp", "thumbnail", width=40)
    small = [(file.name, Image.open(file).size) for file in one]
    three, _ = run(path, out, "png", "thumbnail", width=40, height=40, fit="crop", count=3)

    assert small == [("in.webp", (40, 20))]
    assert [file.name for file in three] == ["in-1.png", "in-2.png", "in-3.png"]
    assert {Image.open(file).size for file in three} == {(40, 40)}


def test_a_short_document_gives_fewer_thumbnails(blank, out):
    files, _ = run(blank((72, 72)), out, "png", "thumbnail", width=20, count=5)

    assert [file.name for file in files] == ["in.png"]
