from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import FloatObject, NameObject, RectangleObject

from engines import qpdf
from engines.tests.qpdf_runs import operation, read, run
from jobs.contract import OptionProblem, Work
from jobs.contract.errors import ConversionFailed, FileTooLarge, OpenFailed

pytestmark = pytest.mark.needs("qpdf", "pdftocairo", "pdftotext", "pdfimages")

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    qpdf.WARM.close()


@pytest.fixture
def paper(tmp_path):
    """Make a document of blank pages of those sizes."""

    def make(*sizes, rotate=0, crop=None, unit=None):
        writer = PdfWriter()
        for width, height in sizes:
            page = writer.add_blank_page(width, height)
            page.rotate(rotate)
            if crop:
                page.cropbox = RectangleObject(crop)
            if unit:
                page[NameObject("/UserUnit")] = FloatObject(unit)
        path = tmp_path / "in.pdf"
        writer.write(path)
        return path

    return make


@pytest.fixture
def square(tmp_path):
    """Make an image of one colour: 20 pixels wide, 10 high."""

    def make(kind="png", colour=RED, mode="RGB", size=(20, 10), **more):
        path = tmp_path / f"mark.{kind}"
        ink = {"RGBA": (*colour, 128), "L": 0, "CMYK": (0, 255, 255, 0), "P": 0}.get(mode, colour)
        image = Image.new(mode, size, ink)
        if mode == "P":
            image.putpalette([*colour])
        image.save(path, {"jpg": "JPEG", "tiff": "TIFF"}.get(kind, kind.upper()), **more)
        return path

    return make


def marked(path, **options):
    [file], result, _ = run("watermark", path, **options)
    assert (file.name, result.message) == ("in.pdf", None)
    subprocess.run(["qpdf", "--check", f"{file}"], check=True, capture_output=True)
    return file


def seen(file, tmp_path, page=1):
    """Return the page as Poppler shows it, a pixel a point."""
    argv = ["pdftocairo", "-png", "-r", "72", "-cropbox", "-f", f"{page}", "-singlefile"]
    subprocess.run([*argv, f"{file}", f"{tmp_path / 'seen'}"], check=True)
    with Image.open(tmp_path / "seen.png") as image:
        return image.convert("RGB")


def place(image, colour=RED, near=60):
    """Return the box of what is about that colour: left, top, right, bottom."""
    reds = [
        (x, y)
        for x in range(image.width)
        for y in range(image.height)
        if all(abs(a - b) <= near for a, b in zip(image.getpixel((x, y)), colour, strict=True))
    ]
    assert reds, "nothing of that colour"
    across, down = [x for x, _ in reds], [y for _, y in reds]
    return min(across), min(down), max(across) + 1, max(down) + 1


def about(box, expected, by=1.5):
    return all(abs(a - b) <= by for a, b in zip(box, expected, strict=True))


def words(file, *options):
    return subprocess.run(
        ["pdftotext", *options, f"{file}", "-"], capture_output=True, text=True, check=True
    ).stdout


def test_an_image_whose_task_made_nothing_is_no_watermark():
    work = Work(inputs=(Path("in/in.pdf"),), output_dir=Path("out"), options=read("watermark", image="logo"))

    with pytest.raises(ConversionFailed, match="has no file"):
        qpdf.watermark(work)


def test_the_planner_passes_the_options_and_where_the_image_lies():
    work = Work(
        inputs=(Path("in/in.pdf"),),
        output_dir=Path("out"),
        input_format="pdf",
        output_format="pdf",
        options=read("watermark", text="x", image="logo", password="p"),
        related={"image": (Path("related/0.png"),)},
    )

    order = qpdf.watermark(work)

    assert (order["do"], order["input"], order["output"]) == ("watermark", "in/in.pdf", "out/in.pdf")
    assert (order["image"], order["password"]) == ("related/0.png", "p")
    assert order["options"] == {
        "pages": None,
        "layer": "above",
        "text": "x",
        "font_size": 40,
        "font_width_percent": None,
        "font_color": "#000000",
        "font_name": "Helvetica",
        "font_align": "left",
        "image": "logo",
        "image_width": None,
        "image_height": None,
        "image_width_percent": None,
        "position_vertical": "center",
        "position_horizontal": "center",
        "margin_vertical": 25,
        "margin_horizontal": 25,
        "opacity": 100,
        "rotation": 0,
    }


def test_the_unit_is_said():
    helps = {option.name: option.help for option in operation("watermark").options}

    assert helps["font_size"] == "Size of the text in points (1/72 inch)."
    assert helps["margin_vertical"] == "Points (1/72 inch) between watermark and upper or lower edge."
    assert not [name for name, text in helps.items() if "pixel" in text.lower() or "picture" in text]


@pytest.mark.parametrize(
    ("options", "box"),
    [
        ({}, (90, 45, 110, 55)),
        ({"position_horizontal": "left", "position_vertical": "top"}, (25, 25, 45, 35)),
        ({"position_horizontal": "right", "position_vertical": "bottom"}, (155, 65, 175, 75)),
        (
            {
                "position_horizontal": "right",
                "margin_horizontal": 3,
                "position_vertical": "top",
                "margin_vertical": 7,
            },
            (177, 7, 197, 17),
        ),
        ({"image_width": 40}, (80, 40, 120, 60)),
        ({"image_height": 40}, (60, 30, 140, 70)),
        ({"image_width": 60, "image_height": 10}, (70, 45, 130, 55)),
        ({"image_width_percent": 50}, (50, 25, 150, 75)),
        ({"image_width_percent": 50, "image_height": 3}, (50, 25, 150, 75)),
        ({"rotation": 90}, (95, 40, 105, 60)),
        ({"rotation": 90, "position_horizontal": "left", "position_vertical": "bottom"}, (25, 55, 35, 75)),
    ],
)
@pytest.mark.parametrize(
    "page",
    [
        {"sizes": [(200, 100)]},
        {"sizes": [(100, 200)], "rotate": 90},
        {"sizes": [(200, 100)], "rotate": 180},
        {"sizes": [(100, 200)], "rotate": 270},
        {"sizes": [(300, 300)], "crop": (50, 150, 250, 250)},
        {"sizes": [(300, 300)], "crop": (150, 50, 250, 250), "rotate": 90},
    ],
)
def test_it_lies_where_it_should_on_every_page_as_it_is_seen(paper, square, tmp_path, page, options, box):
    path = paper(*page["sizes"], **{key: value for key, value in page.items() if key != "sizes"})

    file = marked(path, image=square(), **options)

    image = seen(file, tmp_path)
    assert image.size == (200, 100)
    assert about(place(image), box)


def test_a_point_is_a_point_where_a_pages_unit_is_larger(paper, square):
    file = marked(paper((100, 50), unit=2), image=square(), position_horizontal="left")

    argv = ["mutool", "draw", "-r", "72", "-F", "png", "-o", "-", f"{file}"]
    drawn = subprocess.run(argv, capture_output=True, check=True).stdout
    image = Image.open(io.BytesIO(drawn)).convert("RGB")
    assert image.size == (200, 100)
    assert about(place(image), (25, 45, 45, 55))


def test_a_turned_image_keeps_its_distance_as_a_whole(paper, square, tmp_path):
    file = marked(
        paper((200, 100)), image=square(), rotation=45, position_horizontal="left", position_vertical="top"
    )

    # Its diagonal extent is (20 + 10) / sqrt(2).
    assert about(place(seen(file, tmp_path), near=140), (25, 25, 46.2, 46.2), by=2.5)


def test_clockwise_is_clockwise(paper, tmp_path):
    image = Image.new("RGB", (40, 40), RED)
    image.paste(BLUE, (20, 0, 40, 20))  # the upper right quarter
    image.save(tmp_path / "mark.png")

    page = seen(marked(paper((100, 100)), image=tmp_path / "mark.png", rotation=90), tmp_path)

    assert about(place(page, BLUE), (50, 50, 70, 70))


def test_pages_of_every_size_get_their_own(paper, square, tmp_path):
    path = paper((200, 100), (300, 400), (200, 100))

    file = marked(path, image=square(), image_width_percent=10, position_horizontal="right")

    assert about(place(seen(file, tmp_path, 1)), (155, 45, 175, 55))
    assert about(place(seen(file, tmp_path, 2)), (245, 192.5, 275, 207.5))
    # One image, however many pages show it.
    assert len(images(file)) == 3
    assert len({row.split()[10] for row in images(file)}) == 1


def images(file):
    told = subprocess.run(["pdfimages", "-list", f"{file}"], capture_output=True, text=True, check=True)
    return [row for row in told.stdout.splitlines()[2:] if row.split()[2] == "image"]


def test_only_the_pages_asked_for_are_marked(paper):
    file = marked(paper(*[(200, 100)] * 5), text="DRAFT", pages="2,4-")

    assert ["DRAFT" in words(file, "-f", f"{n}", "-l", f"{n}") for n in range(1, 6)] == [
        *(False, True, False, True, True),
    ]


@pytest.mark.parametrize(("layer", "colour"), [("above", RED), ("below", BLUE)])
def test_it_lies_above_or_below_what_the_page_shows(tmp_path, square, layer, colour):
    shown = tmp_path / "blue.pdf"
    Image.new("RGB", (200, 100), BLUE).save(shown, "PDF", resolution=72)

    image = seen(marked(shown, image=square(), layer=layer), tmp_path)

    assert about(image.getpixel((100, 50)), colour)
    assert about(image.getpixel((10, 10)), BLUE)


def test_a_page_that_leaves_its_state_behind_moves_nothing(tmp_path, square):
    from engines.tests.test_qpdf_merging import by_hand

    path = tmp_path / "in.pdf"
    content = "q 3 0 0 3 9 9 cm 0 1 0 rg 0 0 1 1 re f Q 0.1 0 0 0.1 50 50 cm 5 w"
    path.write_bytes(
        by_hand(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        )
    )

    assert about(place(seen(marked(path, image=square()), tmp_path)), (90, 45, 110, 55))


@pytest.mark.parametrize(
    ("opacity", "expected"), [(100, (255, 0, 0)), (50, (255, 128, 128)), (10, (255, 230, 230)), (0, WHITE)]
)
def test_opacity_lets_the_page_through(paper, square, tmp_path, opacity, expected):
    pixel = seen(marked(paper((200, 100)), image=square(), opacity=opacity), tmp_path).getpixel((100, 50))

    assert about(pixel, expected, by=2)


def test_opacity_counts_once_where_a_drawing_covers_itself(paper, tmp_path):
    svg = '<rect width="20" height="20" fill="blue"/><rect width="20" height="20" fill="red"/>'
    (tmp_path / "mark.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{svg}</svg>'
    )

    image = seen(marked(paper((100, 100)), image=tmp_path / "mark.svg", opacity=50), tmp_path)

    assert about(image.getpixel((50, 50)), (255, 128, 128), by=2)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("png", "RGB"), ("png", "P"), ("gif", "P"), ("webp", "RGB"), ("tiff", "RGB"), ("bmp", "RGB")),
        *(("jpg", "RGB"), ("jpg", "CMYK"), ("tiff", "CMYK")),
    ],
)
def test_pictures_of_every_kind_are_laid_on(paper, square, tmp_path, kind, mode):
    image = seen(marked(paper((200, 100)), image=square(kind, mode=mode)), tmp_path)

    assert about(place(image), (90, 45, 110, 55))


@pytest.mark.parametrize(("kind", "mode"), [("png", "RGBA"), ("webp", "RGBA")])
def test_what_is_transparent_stays_so(paper, square, tmp_path, kind, mode):
    pixel = seen(marked(paper((200, 100)), image=square(kind, mode=mode)), tmp_path).getpixel((100, 50))

    assert about(pixel, (255, 127, 127), by=4)


def test_gray_pictures_stay_gray(paper, square, tmp_path):
    file = marked(paper((200, 100)), image=square("png", mode="L"))

    assert images(file)[0].split()[5] == "gray"
    assert seen(file, tmp_path).getpixel((100, 50)) == (0, 0, 0)


def test_a_jpeg_goes_in_as_it_is(paper, square, tmp_path):
    path = square("jpg", quality=40)

    file = marked(paper((200, 100)), image=path)

    assert images(file)[0].split()[8] == "jpeg"
    subprocess.run(["pdfimages", "-all", f"{file}", f"{tmp_path / 'x'}"], check=True)
    assert (tmp_path / "x-000.jpg").read_bytes() == path.read_bytes()


def test_a_photo_stands_upright(paper, square, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6

    image = seen(marked(paper((200, 100)), image=square("jpg", exif=exif)), tmp_path)

    assert about(place(image), (95, 40, 105, 60))


def test_a_profile_stays_with_its_picture(paper, samples):
    file = marked(paper((600, 400)), image=samples / "willow_alpha_icc.png")

    assert images(file)[0].split()[5] == "icc"


def test_a_picture_nobody_gave_a_size_stays_on_the_page(paper, square, tmp_path):
    file = marked(paper((200, 100)), image=square(size=(1000, 400)))

    assert about(place(seen(file, tmp_path)), (0, 10, 200, 90))


def test_a_drawing_stays_a_drawing(paper, tmp_path):
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1" width="20" height="10">'
    (tmp_path / "mark.svg").write_text(f'{svg}<rect width="2" height="1" fill="red"/></svg>')

    file = marked(paper((200, 100)), image=tmp_path / "mark.svg", image_width=100)

    assert images(file) == []
    assert about(place(seen(file, tmp_path)), (50, 25, 150, 75))


@pytest.mark.parametrize("turn", [0, 90])
def test_a_documents_first_page_is_a_mark_too(paper, tmp_path, turn):
    mark = tmp_path / "mark.pdf"
    Image.new("RGB", (20, 10) if not turn else (10, 20), RED).save(mark, "PDF", resolution=72)
    writer = PdfWriter(clone_from=mark)
    writer.pages[0].rotate(turn)
    writer.write(mark)

    file = marked(paper((200, 100)), image=mark, image_width=100)

    assert about(place(seen(file, tmp_path)), (50, 25, 150, 75))


def test_text_stays_text_in_every_script(paper):
    file = marked(paper((600, 300)), text="Entwurf für Zoë\n日本語 & <b>", font_size=30)

    assert words(file).split() == ["Entwurf", "für", "Zoë", "日本語", "&", "<b>"]
    assert images(file) == []


def test_many_pages_share_one_font(paper):
    file = marked(paper(*[(200, 100)] * 300), text="DRAFT")

    assert words(file).count("DRAFT") == 300
    assert file.stat().st_size < 120_000


def extent(file, word, tmp_path):
    told = words(file, "-bbox")
    line = next(row for row in told.splitlines() if f">{word}</word>" in row)
    return [float(line.split(f'{side}="')[1].split('"')[0]) for side in ("xMin", "yMin", "xMax", "yMax")]


def test_a_font_size_is_in_points(paper, tmp_path):
    heights = []
    for size in (20, 60):
        _, top, _, bottom = extent(marked(paper((600, 200)), text="Size", font_size=size), "Size", tmp_path)
        heights.append(bottom - top)

    assert heights[1] == pytest.approx(3 * heights[0], rel=0.02)
    assert heights[0] == pytest.approx(20, rel=0.45)


def test_a_text_as_wide_as_asked_for(paper, tmp_path):
    file = marked(paper((600, 200), (300, 200)), text="Wide", font_width_percent=50, font_size=7)

    left, _, right, _ = extent(file, "Wide", tmp_path)
    assert (left, right) == (pytest.approx(150, abs=8), pytest.approx(450, abs=8))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#ff0000", RED),
        ("#f00", RED),
        ("red", RED),
        ("rgb(255, 0, 0)", RED),
        ("rgb(100%,0%,0%)", RED),
        ("#ff000080", (255, 127, 127)),
        ("#f008", (255, 119, 119)),
        ("rgba(255, 0, 0, 0.5)", (255, 127, 127)),
    ],
)
def test_colours_are_what_they_are_called(paper, tmp_path, text, expected):
    image = seen(marked(paper((200, 100)), text="▇▇▇", font_color=text), tmp_path)

    darkest = min(image.getcolors(10_000), key=lambda each: sum(each[1]))[1]
    assert about(darkest, expected, by=3)


def test_a_colour_nobody_knows_is_refused(paper):
    with pytest.raises(ConversionFailed, match="bluish is not a colour"):
        marked(paper((200, 100)), text="x", font_color="bluish")


@pytest.mark.parametrize("name", qpdf.watermark_options.FONTS)
def test_every_font_has_its_weight_and_slant(paper, name):
    file = marked(paper((600, 100)), text="Hamburg", font_name=name)

    told = subprocess.run(["pdffonts", f"{file}"], capture_output=True, text=True, check=True).stdout
    [font] = [row.split()[0].lower() for row in told.splitlines()[2:]]
    assert ("bold" in font) == ("Bold" in name or "Black" in name or name == "Impact")
    assert ("italic" in font or "oblique" in font) == ("Italic" in name or "Oblique" in name)


@pytest.mark.parametrize(("align", "lefts"), [("left", (0, 0)), ("center", (0, 1)), ("right", (0, 2))])
def test_lines_stand_as_asked_for(paper, tmp_path, align, lefts):
    file = marked(paper((600, 200)), text="Looooooong\nShort", font_align=align)

    long, short = (extent(file, word, tmp_path) for word in ("Looooooong", "Short"))
    room = (long[2] - long[0]) - (short[2] - short[0])
    assert short[0] - long[0] == pytest.approx(lefts[1] * room / 2, abs=3)


def test_text_and_image_are_both_laid_on(paper, square, tmp_path):
    file = marked(paper((200, 100)), text="DRAFT", image=square())

    assert "DRAFT" in words(file)
    assert place(seen(file, tmp_path))


def test_what_the_page_had_is_still_there(samples):
    before = words(samples / "tika_text.pdf")

    [file], _, _ = run("watermark", samples / "tika_text.pdf", text="DRAFT", position_vertical="bottom")

    after = words(file)
    assert "Apache Tika is a toolkit" in before and "Apache Tika is a toolkit" in after
    assert "DRAFT" in after


def test_a_second_watermark_leaves_the_first(paper):
    first = marked(paper((200, 100)), text="ONE")

    assert words(marked(first, text="TWO", position_vertical="top")).split() == ["TWO", "ONE"]


def test_pages_that_share_what_they_use_are_not_marked_together(paper, tmp_path):
    from engines.tests.test_qpdf_merging import by_hand

    path = tmp_path / "in.pdf"
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Resources 5 0 R >>"
    pages = "<< /Type /Pages /Count 2 /Kids [3 0 R 4 0 R] >>"
    path.write_bytes(by_hand(page, page, "<< /XObject << >> >>", pages=pages))

    reader = PdfReader(marked(path, text="x", pages="2"))

    assert not reader.pages[0]["/Resources"].get("/XObject")
    assert len(reader.pages[1]["/Resources"]["/XObject"]) == 1


def test_screen_readers_pass_it_over(paper):
    content = PdfReader(marked(paper((200, 100)), text="x")).pages[0].get_contents().get_data()

    assert b"/Artifact BMC q /AthanorMark0 Do Q EMC" in content


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ("/MediaBox [200 100 0 0]", (200, 100)),
        ("/MediaBox [0 0 200 100] /CropBox [900 900 999 999]", None),
        ("/MediaBox [0 0 200 100] /Rotate 45 /UserUnit -1", (200, 100)),
        ("/MediaBox [0 0 200 100] /Rotate -360 /CropBox (x)", (200, 100)),
        ("/MediaBox [0 0 0 0]", None),
        ("/MediaBox [1 (a) 3]", None),
        ("", None),
        ("/MediaBox [0 0 200 100] /Contents 7 /Resources []", (200, 100)),
        ("/MediaBox [0 0 200 100] /Contents [null (x)] /Resources << /XObject 3 >>", (200, 100)),
    ],
)
def test_nonsense_on_a_page_does_no_harm(tmp_path, box, size):
    from engines.tests.test_qpdf_merging import by_hand

    path = tmp_path / "in.pdf"
    path.write_bytes(by_hand(f"<< /Type /Page /Parent 2 0 R {box} >>"))

    [file], _, _ = run("watermark", path, text="DRAFT")

    assert "DRAFT" in words(file)
    if size:
        image = seen(file, tmp_path)
        left, _, right, _ = place(image, (0, 0, 0))
        assert (left + right) / 2 == pytest.approx(size[0] / 2, abs=3)


BROKEN = {
    "png": b"\x89PNG\r\n\x1a\n" + b"x" * 50,
    "jpg": b"\xff\xd8\xff\xe0" + b"x" * 50,
    "svg": b"<svg",
    "pdf": b"%PDF-1.4 x",
    "webp": b"RIFF",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_image_is_said_to_be(paper, tmp_path, kind):
    (tmp_path / f"mark.{kind}").write_bytes(BROKEN[kind])

    with pytest.raises(OpenFailed, match="The image of the watermark could not be opened"):
        marked(paper((100, 100)), image=tmp_path / f"mark.{kind}")


def test_what_is_no_image_is_refused_with_those_that_are(paper, tmp_path):
    (tmp_path / "mark.docx").write_bytes(b"x")

    with pytest.raises(ConversionFailed, match="must be a PNG, JPG, WebP"):
        marked(paper((100, 100)), image=tmp_path / "mark.docx")


def test_an_image_of_too_many_pixels_is_refused_before_it_is_read(paper, tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "mark.png")

    with pytest.raises(FileTooLarge, match="20,000 x 20,000 pixels"):
        marked(paper((100, 100)), image=tmp_path / "mark.png")


def test_a_text_that_shows_nothing_is_refused(paper):
    with pytest.raises(ConversionFailed, match="nothing to show"):
        marked(paper((100, 100)), text="\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [("opacity", 101), ("font_size", 0), ("layer", "beside"), ("rotation", 361), ("pages", "x")],
)
def test_what_cannot_be_meant_is_refused_at_intake(name, value):
    with pytest.raises(OptionProblem, match=name):
        read("watermark", text="x", **{name: value})
