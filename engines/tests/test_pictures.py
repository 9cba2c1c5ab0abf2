from __future__ import annotations

import base64
import gzip
import io
import os
import re
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pypdf
import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

from engines import imagemagick, vips
from engines._support import inner_code
from engines.tests.conftest import BLUE, RED
from engines.tests.context import RunContext
from jobs.contract import Operation, Result, Work, errors

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="16">{}</svg>'
HALVES = SVG.format(
    '<rect width="12" height="16" fill="rgb(220,30,30)"/>'
    '<rect x="12" width="12" height="16" fill="rgb(30,60,200)"/>'
)
needs_magick = pytest.mark.needs("/usr/bin/convert")


BY_DEFAULT = {"imagemagick": (imagemagick,), "vips": (vips, imagemagick)}
"""Both are held to the same; what libvips does not do is ImageMagick's by default."""


def operation(modules, source: str, target: str, name: str = "convert") -> Operation:
    return next(
        each
        for module in modules
        for each in module.OPERATIONS
        if each.name == name and (source, target) in each.conversions
    )


class Bench:
    """Runs conversions of files in a folder of its own."""

    def __init__(self, folder: Path, modules) -> None:
        self.folder = folder
        self.modules = modules
        self.context = RunContext()
        self._runs = 0

    def run(
        self, data: bytes | Path, source: str, target: str, *, name: str = "convert", related=None, **options
    ) -> Result:
        self._runs += 1
        out = self.folder / f"out-{self._runs}"
        out.mkdir()
        given = self.folder / f"in.{source}"
        given.write_bytes(data if isinstance(data, bytes) else data.read_bytes())
        found = operation(self.modules, source, target, name)
        assert set(options) <= {option.name for option in found.options}
        work = Work(
            inputs=(given,),
            output_dir=out,
            input_format=source,
            output_format=target,
            options={option.name: option.default for option in found.options} | options,
            related=related or {},
        )
        return found.run(work, self.context)

    def one(self, data: bytes | Path, source: str, target: str, **more) -> Path:
        [file] = self.run(data, source, target, **more).files
        assert file.path.name == f"in.{target}"
        return file.path

    def picture(self, data: bytes | Path, source: str, target: str, **more) -> Image.Image:
        with Image.open(self.one(data, source, target, **more)) as picture:
            picture.load()
            return picture


@pytest.fixture(params=BY_DEFAULT)
def bench(tmp_path: Path, request) -> Bench:
    return Bench(tmp_path, BY_DEFAULT[request.param])


@pytest.fixture(scope="module", autouse=True)
def end() -> Iterator[None]:
    yield
    imagemagick.WARM.close()
    vips.WARM.close()


def close_to(picture: Image.Image, place: tuple[int, int], colour: tuple[int, ...], within: int = 30) -> bool:
    found = picture.convert("RGBA" if len(colour) == 4 else "RGB").getpixel(place)
    return all(abs(a - b) <= within for a, b in zip(found, colour, strict=True))


def difference(one: Image.Image, other: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


# --- What is asked of the child


def test_the_request_names_formats_files_and_options():
    work = Work(
        inputs=(Path("in/in.png"),),
        output_dir=Path("out"),
        input_format="png",
        output_format="webp",
        options={"width": 10, "strip": False, "watermark_image": "logo"},
        related={"watermark_image": (Path("related/0.svg"),)},
    )

    assert imagemagick.request(work) == {
        "source": "in/in.png",
        "source_format": "png",
        "target": "out/in.webp",
        "target_format": "webp",
        "watermark_image": "related/0.svg",
        "options": {"width": 10, "strip": False, "watermark_image": "logo", "auto_orient": True},
    }


def test_no_pair_is_offered_twice():
    pairs = [
        (each.name, pair) for each in imagemagick.OPERATIONS for pair in sorted(each.conversions, key=str)
    ]

    assert len(pairs) == len(set(pairs))


# --- Every pair, for real

SOURCES = sorted({source for each in imagemagick.OPERATIONS for source, _ in each.conversions})
COLOURLESS = {"pgm", "xbm"}


def source_file(source: str, halves: Path, folder: Path) -> Path:
    path = folder / f"source.{source}"
    if source in {"svg", "svgz"}:
        path.write_bytes(HALVES.encode() if source == "svg" else gzip.compress(HALVES.encode()))
    elif source in {"heic", "psd", "psb", "xpm"}:
        subprocess.run(["/usr/bin/convert", halves, f"{source}:{path}"], check=True)
    else:
        mode = {"pgm": "L", "xbm": "1"}.get(source, "RGB")
        kind = {"jpg": "JPEG", "jp2": "JPEG2000", "pgm": "PPM", "pnm": "PPM"}.get(source, source.upper())
        Image.open(halves).convert(mode).save(
            path, kind, **{"jpg": {"quality": 95}, "ico": {"sizes": [(24, 16)]}}.get(source, {})
        )
    return path


def read_back(made: Path, target: str, bench: Bench) -> Image.Image:
    if target == "pdf":
        [page] = pypdf.PdfReader(made).pages
        [image] = page.images
        assert (page.mediabox.width / page.mediabox.height) == pytest.approx(1.5, rel=1e-3)
        return image.image
    if target == "heic":
        assert made.read_bytes()[4:12] == b"ftypheic"
        return bench.picture(made, "heic", "png")
    with Image.open(made) as picture:
        picture.load()
    assert picture.format == {"jpg": "JPEG", "jp2": "JPEG2000"}.get(target, target.upper())
    return picture


@needs_magick
@pytest.mark.parametrize("source", SOURCES)
def test_every_pair_offered_gives_the_picture(source, halves, bench, tmp_path):
    data = source_file(source, halves, tmp_path)

    for target in sorted(
        {t for each in imagemagick.OPERATIONS for s, t in each.conversions if s == source and t}
    ):
        picture = read_back(bench.one(data, source, target), target, bench)

        assert picture.size == ((16, 16) if target == "ico" else (24, 16)), target
        if source not in COLOURLESS:
            # Lossy formats blur the edge, and an icon has room above and below.
            assert close_to(picture, (3, 8), RED), target
            assert close_to(picture, (picture.width - 4, 8), BLUE), target


# --- Size


@needs_magick
@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width": 12}, (12, 8)),
        ({"height": 4}, (6, 4)),
        ({"width": 12, "height": 12}, (12, 8)),
        ({"width": 100}, (24, 16)),
        ({"width": 100, "height": 8}, (12, 8)),
        ({"width": 10, "height": 10, "fit": "crop"}, (10, 10)),
        ({"width": 48, "height": 48, "fit": "crop"}, (48, 48)),
        ({"width": 12, "fit": "crop"}, (12, 8)),
        ({"width": 10, "height": 16, "fit": "scale"}, (10, 16)),
        ({"width": 48, "fit": "scale"}, (48, 32)),
    ],
)
@pytest.mark.parametrize(("name", "target"), [("convert", "png"), ("thumbnail", "png"), ("thumbnail", "jpg")])
def test_a_picture_gets_the_size_asked_for(name, target, options, size, halves, bench):
    assert bench.picture(halves, "png", target, name=name, **options).size == size


@needs_magick
def test_a_crop_cuts_both_sides_alike(halves, bench):
    picture = bench.picture(halves, "png", "png", width=8, height=16, fit="crop")

    assert close_to(picture, (1, 8), RED)
    assert close_to(picture, (6, 8), BLUE)


@needs_magick
@pytest.mark.parametrize("fit", ["max", "crop", "scale"])
def test_a_jpeg_decoded_smaller_has_the_exact_size_and_look(fit, bench, samples):
    given = samples / "willow_exif_rotated.jpg"

    picture = bench.picture(given, "jpg", "png", width=120, height=90, fit=fit)

    assert picture.size == (120, 90)
    with Image.open(given) as original:
        assert difference(picture, ImageOps.exif_transpose(original).resize((120, 90))) < 6


@needs_magick
def test_a_drawing_is_drawn_at_the_size_asked_for(bench):
    picture = bench.picture(HALVES.encode(), "svg", "png", width=240)

    assert picture.size == (240, 160)
    assert close_to(picture, (118, 80), RED, within=1)
    assert close_to(picture, (121, 80), BLUE, within=1)


@needs_magick
@pytest.mark.parametrize(
    ("head", "size"),
    [
        ('width="1in" height="2in"', (96, 192)),
        ('viewBox="0 0 30 10"', (30, 10)),
        ('width="50%" height="50%" viewBox="0 0 30 10"', (30, 10)),
        ("", (7, 5)),
    ],
)
def test_a_drawing_without_a_plain_size_gets_a_sensible_one(head, size, bench):
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {head}><rect width="7" height="5"/></svg>'

    assert bench.picture(svg.encode(), "svg", "png").size == size


# --- Colours, transparency, metadata


@needs_magick
@pytest.mark.parametrize("target", ["bmp", "jpg", "ppm"])
@pytest.mark.parametrize(("background", "colour"), [(None, (255, 255, 255)), ("#00ff00", (0, 255, 0))])
def test_transparent_parts_get_the_background_where_the_output_has_none(
    target, background, colour, glass, bench
):
    picture = bench.picture(glass, "png", target, background=background)

    assert close_to(picture, (20, 8), colour)
    assert close_to(picture, (3, 8), RED)


@needs_magick
@pytest.mark.parametrize("target", ["avif", "gif", "ico", "jp2", "png", "tga", "tiff", "webp"])
def test_transparent_parts_stay_where_the_output_can_hold_them(target, glass, bench):
    picture = bench.picture(glass, "png", target).convert("RGBA")

    assert picture.getpixel((picture.width - 2, picture.height // 2))[3] < 10
    assert picture.getpixel((2, picture.height // 2))[3] > 245


@needs_magick
def test_transparent_parts_of_a_heic_file_stay(glass, bench):
    picture = bench.picture(bench.one(glass, "png", "heic"), "heic", "png").convert("RGBA")

    assert picture.getpixel((22, 8))[3] < 10


@needs_magick
@pytest.mark.parametrize("options", [{"background": "lime"}, {"background": "lime", "alpha": "remove"}])
def test_a_background_goes_behind_transparent_parts(options, glass, bench):
    assert close_to(bench.picture(glass, "png", "png", **options), (20, 8), (0, 255, 0, 255))


@needs_magick
def test_transparency_can_be_removed(glass, bench):
    assert close_to(bench.picture(glass, "png", "png", alpha="remove"), (20, 8), (255, 255, 255, 255))


@needs_magick
def test_a_colour_nobody_knows_is_refused_with_its_name(glass, bench):
    with pytest.raises(errors.ConversionFailed, match="blurple is not a colour"):
        bench.run(glass, "png", "jpg", background="blurple")


@needs_magick
@pytest.mark.parametrize(
    ("target", "mode"), [("png", "RGB"), ("webp", "RGB"), ("jpg", "CMYK"), ("tiff", "CMYK")]
)
def test_ink_becomes_light_where_the_output_knows_no_ink(target, mode, bench, samples):
    picture = bench.picture(samples / "willow_cmyk.jpg", "jpg", target)

    assert picture.mode == mode
    with Image.open(samples / "willow_cmyk.jpg") as original:
        assert difference(picture, original) < 15


@needs_magick
def test_a_profile_that_the_output_cannot_hold_is_applied(bench, samples):
    given = samples / "willow_alpha_icc.png"

    picture = bench.picture(given, "png", "tga")

    with Image.open(given) as original:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(original.info["icc_profile"]))
        right = ImageCms.profileToProfile(
            original, profile, ImageCms.createProfile("sRGB"), outputMode="RGBA"
        )
        assert difference(picture, right) < 2
        assert difference(original, right) > 2


@needs_magick
@pytest.mark.parametrize("target", ["avif", "jpg", "png", "tiff", "webp"])
def test_a_profile_is_kept_unless_stripped(target, bench, samples):
    given = samples / "willow_alpha_icc.png"

    assert bench.picture(given, "png", target).info.get("icc_profile")
    assert not bench.picture(given, "png", target, strip=True).info.get("icc_profile")


@needs_magick
@pytest.mark.parametrize("target", ["avif", "jpg", "png", "webp"])
def test_metadata_stays_unless_stripped_and_says_upright(target, bench, samples):
    given = samples / "willow_exif_rotated.jpg"

    kept = bench.picture(given, "jpg", target)
    stripped = bench.picture(given, "jpg", target, strip=True)

    assert kept.getexif()[0x0112] == 1
    assert not stripped.getexif()
    with Image.open(given) as original:
        upright = ImageOps.exif_transpose(original)
        assert difference(kept, upright) < 8
        assert difference(stripped, upright) < 8


@needs_magick
def test_a_picture_is_left_lying_when_asked(bench, samples):
    picture = bench.picture(samples / "willow_exif_rotated.jpg", "jpg", "jpg", auto_orient=False)

    assert picture.size == (450, 600)
    assert picture.getexif()[0x0112] == 6


@needs_magick
@pytest.mark.parametrize(("colorspace", "mode"), [("gray", "L"), ("cmyk", "CMYK"), ("srgb", "RGB")])
def test_colours_are_converted_when_asked(colorspace, mode, halves, bench):
    assert bench.picture(halves, "png", "jpg", colorspace=colorspace).mode == mode


@needs_magick
@pytest.mark.parametrize("target", ["jpg", "webp", "avif", "heic", "jp2", "pdf"])
def test_quality_costs_bytes(target, bench, samples):
    given = samples / "willow_exif_rotated.jpg"

    sizes = [
        bench.one(given, "jpg", target, quality=quality, width=300).stat().st_size for quality in (5, 60, 95)
    ]

    assert sizes[0] < sizes[1] < sizes[2]


@needs_magick
@pytest.mark.parametrize("target", ["jpg", "png", "tiff"])
def test_a_density_is_noted(target, halves, bench):
    assert bench.picture(halves, "png", target, pixel_density=300).info["dpi"] == pytest.approx(
        (300, 300), abs=1
    )


@needs_magick
def test_a_density_is_the_size_of_a_drawing(bench):
    assert bench.picture(HALVES.encode(), "svg", "png", pixel_density=192).size == (48, 32)


# --- Frames and pages


@needs_magick
@pytest.mark.parametrize("target", ["gif", "webp"])
def test_an_animation_stays_one(target, bench, samples):
    given = samples / "made_anim.gif"

    made = bench.one(given, "gif", target, width=60, **({"quality": 95} if target == "webp" else {}))

    with Image.open(made) as picture, Image.open(given) as original:
        assert picture.n_frames == original.n_frames == 10
        for number in range(10):
            picture.seek(number)
            original.seek(number)
            picture.load()
            assert picture.info["duration"] == original.info["duration"]
            assert difference(picture, original.convert("RGB").resize((60, 45))) < 16


@needs_magick
def test_an_animated_webp_becomes_an_animated_gif(bench, samples):
    webp = bench.one(samples / "made_anim.gif", "gif", "webp")

    with Image.open(bench.one(webp, "webp", "gif")) as picture:
        assert picture.n_frames == 10


@needs_magick
def test_frames_become_files_numbered_without_padding(bench, samples):
    result = bench.run(samples / "made_anim.gif", "gif", "jpg", quality=95)

    assert [file.path.name for file in result.files] == [f"in-{n}.jpg" for n in range(1, 11)]
    with Image.open(result.files[9].path) as picture, Image.open(samples / "made_anim.gif") as original:
        original.seek(9)
        assert difference(picture, original) < 12


@needs_magick
def test_pages_become_files_pages_or_a_document(bench, samples):
    given = samples / "tika_multipage.tif"

    files = bench.run(given, "tiff", "png").files
    pages = bench.one(given, "tiff", "tiff")
    document = pypdf.PdfReader(bench.one(given, "tiff", "pdf"))

    assert [file.path.name for file in files] == ["in-1.png", "in-2.png"]
    assert len(document.pages) == 2
    with Image.open(given) as original, Image.open(pages) as paged:
        assert paged.n_frames == 2
        for number in range(2):
            original.seek(number)
            paged.seek(number)
            assert difference(paged, original) == 0
            with Image.open(files[number].path) as picture:
                assert difference(picture, original) == 0
            assert difference(document.pages[number].images[0].image, original) == 0


@needs_magick
def test_a_black_and_white_page_does_not_rob_others_of_their_colours(bench, tmp_path, halves):
    with Image.open(halves) as coloured:
        coloured.save(tmp_path / "two.tiff", save_all=True, append_images=[Image.new("1", (24, 16))])

    with Image.open(bench.one(tmp_path / "two.tiff", "tiff", "tiff")) as picture:
        assert picture.n_frames == 2
        assert close_to(picture, (3, 8), RED)


@needs_magick
def test_a_fax_stays_one(bench, tmp_path):
    page = Image.new("1", (240, 160), 1)
    page.paste(0, (20, 20, 200, 60))
    page.save(tmp_path / "fax.tiff", compression="group4")

    with Image.open(bench.one(tmp_path / "fax.tiff", "tiff", "tiff")) as picture:
        assert picture.info["compression"] == "group4"
        assert difference(picture, page) == 0


@needs_magick
@pytest.mark.parametrize("target", ["png", "webp", "gif"])
def test_a_frame_that_is_smaller_than_its_canvas_keeps_its_place(target, bench, tmp_path):
    frame = ["-page", "24x16+10+4", "-size", "8x6", "gradient:red-blue", f"gif:{tmp_path / 'small.gif'}"]
    subprocess.run(["/usr/bin/convert", *frame], check=True)

    picture = bench.picture(tmp_path / "small.gif", "gif", target)

    with Image.open(tmp_path / "small.gif") as original:
        assert picture.size == original.size == (24, 16)
        # Readers do not agree on what is around it.
        place = (10, 4, 18, 10)
        limit = 40 if target == "webp" else 12  # which blurs the edge
        assert difference(picture.crop(place), original.convert("RGB").crop(place)) < limit


@needs_magick
def test_a_profile_that_does_not_fit_the_pixels_is_dropped(bench, tmp_path):
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.new("L", (24, 16), 100).save(tmp_path / "gray.png", icc_profile=other)

    picture = bench.picture(tmp_path / "gray.png", "png", "webp")

    assert close_to(picture, (5, 5), (100, 100, 100))
    assert not picture.info.get("icc_profile")


@needs_magick
@pytest.mark.parametrize(("count", "names"), [(1, ["in.webp"]), (2, ["in-1.webp", "in-2.webp"])])
def test_a_thumbnail_is_made_of_as_many_frames_as_asked(count, names, bench, samples):
    result = bench.run(samples / "made_anim.gif", "gif", "webp", name="thumbnail", count=count, width=40)

    assert [file.path.name for file in result.files] == names
    with Image.open(result.files[0].path) as picture:
        assert picture.size == (40, 30)
        assert picture.n_frames == 1


@needs_magick
def test_of_an_icon_the_largest_picture_counts(bench, tmp_path):
    Image.new("RGB", (64, 64), RED).save(tmp_path / "icon.ico", sizes=[(16, 16), (64, 64), (32, 32)])

    assert bench.picture(tmp_path / "icon.ico", "ico", "png").size == (64, 64)


@needs_magick
def test_an_icon_holds_the_usual_sizes_and_is_square(bench, tmp_path):
    Image.new("RGB", (300, 150), RED).save(tmp_path / "wide.png")

    icon = bench.picture(tmp_path / "wide.png", "png", "ico")

    assert icon.info["sizes"] == {(side, side) for side in (16, 32, 48, 64, 128, 256)}
    assert close_to(icon, (128, 128), (*RED, 255))
    assert icon.getpixel((128, 5))[3] == 0


# --- PDF


@needs_magick
def test_a_jpeg_goes_into_a_pdf_as_it_is(bench, tmp_path):
    Image.effect_mandelbrot((90, 60), (-2, -1, 1, 1), 50).convert("RGB").save(
        tmp_path / "a.jpg", dpi=(90, 90)
    )
    given = (tmp_path / "a.jpg").read_bytes()

    made = bench.one(given, "jpg", "pdf")

    assert given in made.read_bytes()
    assert pypdf.PdfReader(made).pages[0].mediabox.width == 72


@needs_magick
def test_a_page_keeps_transparency_and_profile(bench, samples):
    given = samples / "willow_alpha_icc.png"

    [page] = pypdf.PdfReader(bench.one(given, "png", "pdf", pixel_density=100)).pages

    image = page["/Resources"]["/XObject"]["/P"]
    assert image["/SMask"]["/Width"] == 200
    assert image["/ColorSpace"][0] == "/ICCBased"
    assert page.mediabox.width == 144
    with Image.open(given) as original:
        assert difference(page.images[0].image, original) < 1


@needs_magick
@pytest.mark.needs("pdftoppm")
def test_a_page_looks_like_its_picture_to_another_reader(bench, samples, tmp_path):
    for name, source in (
        ("willow_cmyk.jpg", "jpg"),
        ("willow_exif_rotated.jpg", "jpg"),
        ("willow_tree.webp", "webp"),
    ):
        made = bench.one(samples / name, source, "pdf", pixel_density=72)
        subprocess.run(["pdftoppm", "-png", "-r", "72", "-singlefile", made, tmp_path / "page"], check=True)

        with Image.open(samples / name) as original, Image.open(tmp_path / "page.png") as page:
            # Readers do not agree on how ink looks; inverted it would be off by 200.
            limit = 25 if original.mode == "CMYK" else 12
            assert difference(page, ImageOps.exif_transpose(original)) < limit


# --- Watermark


@needs_magick
def test_a_text_lies_where_it_should(bench, tmp_path):
    Image.new("RGB", (200, 100), "white").save(tmp_path / "white.png")

    picture = bench.picture(
        tmp_path / "white.png",
        "png",
        "png",
        watermark_text="HHHH",
        watermark_font_color="red",
        watermark_font_width_percent=50,
        watermark_position_vertical="bottom",
        watermark_position_horizontal="right",
        watermark_margin_vertical=10,
        watermark_margin_horizontal=20,
    )

    left, top, right, bottom = ImageOps.invert(picture.convert("L")).point(lambda v: 255 * (v > 60)).getbbox()
    assert 75 <= left <= 90
    assert 170 <= right <= 181
    assert top > 50
    assert 80 <= bottom <= 91
    assert (255, 0, 0) in [colour for _, colour in picture.convert("RGB").getcolors(10_000)]


@needs_magick
@pytest.mark.parametrize(
    "text", ["@/etc/hostname", "%d %f %[exif:*]", "</text><rect/>&amp;", "日本 مرحبا\n2"]
)
def test_a_text_is_only_a_text(text, bench, tmp_path):
    Image.new("RGB", (300, 120), "white").save(tmp_path / "white.png")

    picture = bench.picture(tmp_path / "white.png", "png", "png", watermark_text=text, watermark_font_size=20)

    box = ImageOps.invert(picture.convert("L")).getbbox()
    lines = text.count("\n") + 1
    assert box[2] - box[0] > 60
    assert 10 < box[3] - box[1] <= 30 * lines


@needs_magick
@pytest.mark.parametrize("kind", ["png", "svg", "jpg"])
@pytest.mark.parametrize(("opacity", "colour"), [(100, RED), (50, (237, 142, 142)), (0, (255, 255, 255))])
def test_an_image_is_laid_over(kind, opacity, colour, bench, tmp_path):
    Image.new("RGB", (100, 100), "white").save(tmp_path / "white.png")
    mark = tmp_path / f"0.{kind}"
    if kind == "svg":
        mark.write_text(SVG.format('<rect width="24" height="16" fill="rgb(220,30,30)"/>'))
    else:
        Image.new("RGB", (24, 16), RED).save(mark)

    picture = bench.picture(
        *(tmp_path / "white.png", "png", "png"),
        related={"watermark_image": (mark,)},
        watermark_image="logo",
        watermark_image_width_percent=50,
        watermark_position_vertical="top",
        watermark_position_horizontal="left",
        watermark_margin_vertical=0,
        watermark_margin_horizontal=10,
        watermark_opacity=opacity,
    )

    assert close_to(picture, (35, 16), colour, within=3)
    assert close_to(picture, (5, 16), (255, 255, 255))
    assert close_to(picture, (35, 40), (255, 255, 255))


@needs_magick
def test_an_image_is_turned_clockwise(halves, bench, tmp_path):
    Image.new("RGB", (100, 100), "white").save(tmp_path / "white.png")

    picture = bench.picture(
        *(tmp_path / "white.png", "png", "png"),
        related={"watermark_image": (halves,)},
        watermark_image="logo",
        watermark_rotation=90,
    )

    assert close_to(picture, (50, 42), RED)
    assert close_to(picture, (50, 58), BLUE)
    assert close_to(picture, (60, 50), (255, 255, 255))


@needs_magick
@pytest.mark.parametrize(
    ("options", "size"), [({"width": 10}, (10, 7)), ({"width": 10, "height": 20}, (10, 20))]
)
def test_an_image_gets_the_size_asked_for(options, size, bench, tmp_path):
    Image.new("RGB", (60, 60), "white").save(tmp_path / "white.png")
    Image.new("RGB", (24, 16), "black").save(tmp_path / "0.png")

    picture = bench.picture(
        *(tmp_path / "white.png", "png", "png"),
        related={"watermark_image": (tmp_path / "0.png",)},
        watermark_image="logo",
        **{f"watermark_image_{side}": value for side, value in options.items()},
    )

    left, top, right, bottom = ImageOps.invert(picture.convert("L")).getbbox()
    assert (right - left, bottom - top) == size


@needs_magick
def test_every_frame_gets_the_watermark(bench, samples):
    made = bench.one(
        samples / "made_anim.gif", "gif", "gif", watermark_text="██", watermark_font_color="black"
    )

    with Image.open(made) as picture:
        for number in range(picture.n_frames):
            picture.seek(number)
            assert close_to(picture, (60, 45), (0, 0, 0))


@needs_magick
@pytest.mark.parametrize("name", ["0.docx", "0.png"])
def test_a_watermark_that_is_no_picture_is_refused_by_name(name, halves, bench, tmp_path):
    (tmp_path / name).write_bytes(b"not a picture")

    with pytest.raises(errors.TaskError, match="watermark's image"):
        bench.run(
            halves,
            "png",
            "png",
            watermark_image="logo",
            related={"watermark_image": (tmp_path / name,)},
        )


@needs_magick
def test_a_watermark_whose_task_made_nothing_fails(halves, bench):
    with pytest.raises(errors.ConversionFailed, match="has no file"):
        bench.run(halves, "png", "png", watermark_image="logo")


# --- Files that are damaged, wrong, or hostile


@needs_magick
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "data", [b"Not a picture, only words.\n" * 40, os.urandom(64) * 20], ids=["text", "noise"]
)
def test_what_is_no_picture_is_refused(source, data, bench):
    with pytest.raises(errors.OpenFailed):
        bench.run(data, source, "png" if source != "png" else "jpg")


@needs_magick
def test_a_picture_of_another_kind_is_refused(halves, bench):
    with pytest.raises(errors.OpenFailed, match="not what its extension says"):
        bench.run(halves, "jpg", "webp")


@needs_magick
@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("willow_alpha_icc.png", "png"),
        ("psdtools_mask.psd", "psd"),
        ("willow_tree.webp", "webp"),
        ("willow_tree.heic", "heic"),
        ("libavif_animated.avif", "avif"),
        ("tika_multipage.tif", "tiff"),
        ("made_shapes.svg", "svg"),
    ],
)
def test_half_a_file_is_refused(name, source, bench, samples):
    data = (samples / name).read_bytes()

    with pytest.raises(errors.OpenFailed):
        bench.run(data[: len(data) // 2], source, "jpg")


@needs_magick
def test_half_a_jpeg_gives_what_is_there_and_says_so(bench, samples):
    result = bench.run(samples / "made_truncated.jpg", "jpg", "png")

    assert result.message == "The file is damaged: part of the picture may be missing."
    with Image.open(result.files[0].path) as picture:
        assert picture.size == (600, 450)


@pytest.mark.parametrize(
    ("name", "target"), [("convert", "webp"), ("convert", "jpg"), ("thumbnail", "png"), ("watermark", None)]
)
def test_animations_are_imagemagicks_by_default_and_other_pictures_libvips(name, target):
    offers = [each for each in (*imagemagick.OPERATIONS, *vips.OPERATIONS) if each.name == name]

    def default(source):
        taking = [each for each in offers if (source, target) in each.conversions]
        return min(taking, key=lambda each: each.cost).engine

    assert (default("gif"), default("png")) == ("imagemagick", "vips")


@needs_magick
def test_what_a_small_frame_leaves_of_its_canvas_is_not_black_by_default(tmp_path):
    frame = ["-page", "24x16+10+4", "-size", "8x6", "xc:red", f"gif:{tmp_path / 'small.gif'}"]
    subprocess.run(["/usr/bin/convert", *frame], check=True)

    picture = Bench(tmp_path, (imagemagick,)).picture(tmp_path / "small.gif", "gif", "png").convert("RGBA")

    assert picture.getpixel((12, 6)) == (255, 0, 0, 255)
    assert picture.getpixel((2, 2)) != (0, 0, 0, 255)


@needs_magick
def test_half_an_animation_is_refused_by_default(tmp_path, samples):
    bench = Bench(tmp_path, (imagemagick,))
    data = (samples / "made_anim.gif").read_bytes()

    with pytest.raises(errors.OpenFailed, match="damaged"):
        bench.run(data[: len(data) // 2], "gif", "webp")


def test_half_an_animation_gives_what_is_there_and_says_so(tmp_path, samples):
    bench = Bench(tmp_path, (vips,))
    data = (samples / "made_anim.gif").read_bytes()

    result = bench.run(data[: len(data) // 2], "gif", "webp")

    assert result.message == "The file is damaged: part of the picture may be missing."
    with Image.open(result.files[0].path) as picture:
        assert 1 < picture.n_frames < 10
    assert bench.run(data, "gif", "webp").message is None


@needs_magick
def test_a_whole_jpeg_gives_no_warning(bench, samples):
    assert bench.run(samples / "willow_exif_rotated.jpg", "jpg", "png").message is None


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@needs_magick
@pytest.mark.parametrize("size", [(30_000, 30_000), (60_000, 60_000), (40_000, 10)])
def test_a_picture_too_large_is_refused_with_the_limits(size, bench):
    with pytest.raises(errors.FileTooLarge, match="100 megapixels"):
        bench.run(png_that_claims(*size), "png", "jpg")


@needs_magick
@pytest.mark.parametrize("head", ['width="100000" height="100000"', 'width="20000" height="20000"'])
def test_a_drawing_too_large_is_refused(head, bench):
    with pytest.raises(errors.FileTooLarge, match="100 megapixels"):
        bench.run(f'<svg xmlns="http://www.w3.org/2000/svg" {head}/>'.encode(), "svg", "png")


@needs_magick
def test_an_output_too_large_is_refused(halves, bench):
    with pytest.raises(errors.FileTooLarge):
        bench.run(halves, "png", "png", width=32_000, height=32_000, fit="scale")


@needs_magick
@pytest.mark.parametrize(
    "reference", ["{path}", "file://{path}", "red.png", "../red.png", "../../tmp/red.png"]
)
def test_a_drawing_shows_nothing_from_outside(reference, bench, tmp_path):
    Image.new("RGB", (24, 16), RED).save(tmp_path / "red.png")
    outside = reference.format(path=tmp_path / "red.png")
    svg = (
        f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY outside SYSTEM "{outside}">]>'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink"'
        ' width="24" height="16">'
        f'<style>@import url("{outside}");</style><rect width="24" height="16" fill="white"/>'
        f'<image href="{outside}" l:href="{outside}" width="24" height="16"/><use href="{outside}#x"/></svg>'
    )

    assert bench.picture(svg.encode(), "svg", "png").convert("RGB").getcolors() == [
        (24 * 16, (255, 255, 255))
    ]


@needs_magick
def test_a_drawing_keeps_the_images_inside_it(bench, halves):
    inside = base64.b64encode(halves.read_bytes()).decode()
    svg = SVG.format(f'<image href="data:image/png;base64,{inside}" width="24" height="16"/>')

    assert close_to(bench.picture(svg.encode(), "svg", "png"), (3, 8), RED)


FORBIDDEN = (
    *(
        "text:/etc/hostname",
        "label:x",
        "caption:x",
        "pango:x",
        "mvg:x.mvg",
        "msl:x.msl",
        "msvg:x.svg",
        "svg:x.svg",
    ),
    *(
        "xc:red",
        "gradient:",
        "plasma:",
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "ftp://127.0.0.1/",
        "url:x",
    ),
    *("ephemeral:x", "inline:data", "pdf:x.pdf", "ps:x.ps", "eps:x.eps", "epdf:x.pdf", "xps:x.xps", "mpr:x"),
    *(
        "m4v:x.mp4",
        "mp4:x.mp4",
        "vid:x",
        "show:x",
        "win:x",
        "x:x",
        "clip:x",
        "@list",
        "html:x.html",
        "miff:x.miff",
    ),
)


@needs_magick
@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_policy_lets_only_pictures_in(name, tmp_path):
    for kind in ("svg", "mvg", "msl", "pdf", "ps", "eps", "xps", "mp4", "html", "miff"):
        (tmp_path / f"x.{kind}").write_text(HALVES)
    (tmp_path / "list").write_text("png:x.png")

    done = subprocess.run(
        ["/usr/bin/convert", name, "png:out.png"],
        cwd=tmp_path,
        env={
            "MAGICK_CONFIGURE_PATH": f"{inner_code.ROOT / imagemagick.POLICY}",
            "PATH": "/usr/bin:/bin",
            "HOME": f"{tmp_path}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert done.returncode
    assert "not allowed by the security policy" in done.stderr or "no decode delegate" in done.stderr
    assert not (tmp_path / "out.png").exists()


@needs_magick
def test_the_tool_tells_its_version():
    tool = imagemagick.TOOL

    said = subprocess.run(tool.argv, capture_output=True, text=True, check=True).stdout

    assert re.search(tool.pattern, said).group(1)[0] in "67"


# --- The watermark operation


def marked(bench: Bench, data: bytes | Path, source: str, related=None, **options) -> Path:
    """Run the watermark operation, which keeps the format."""
    found = next(
        each
        for module in bench.modules
        for each in module.OPERATIONS
        if each.name == "watermark" and (source, None) in each.conversions
    )
    given, out = bench.folder / f"in.{source}", bench.folder / f"marked-{source}"
    given.write_bytes(data if isinstance(data, bytes) else data.read_bytes())
    out.mkdir(exist_ok=True)
    work = Work(
        inputs=(given,),
        output_dir=out,
        input_format=source,
        output_format=source,
        options={option.name: option.default for option in found.options} | options,
        related=related or {},
    )
    [file] = found.run(work, bench.context).files
    return file.path


MARKED = sorted(imagemagick.PICTURES & imagemagick.WRITTEN)


@needs_magick
@pytest.mark.parametrize("source", MARKED)
def test_pictures_of_every_format_written_are_marked(source, halves, bench, tmp_path):
    made = marked(
        *(bench, source_file(source, halves, tmp_path), source),
        text="██",
        font_size=6,
        font_color="black",
        position_vertical="top",
        position_horizontal="left",
        margin_vertical=0,
        margin_horizontal=0,
    )

    picture = read_back(made, source, bench)
    assert picture.size == ((16, 16) if source == "ico" else (24, 16))
    assert close_to(picture, (2, 4 if source == "ico" else 3), (0, 0, 0), within=70)
    assert close_to(picture, (picture.width - 4, 12), BLUE)


@needs_magick
@pytest.mark.parametrize("source", ["png", "tga"])
@pytest.mark.parametrize(("layer", "seen"), [("above", [BLUE, BLUE]), ("below", [RED, BLUE])])
def test_a_mark_lies_above_or_below(source, layer, seen, glass, bench, tmp_path):
    Image.new("RGB", (24, 16), BLUE).save(tmp_path / "0.png")
    Image.open(glass).save(tmp_path / "glass.tga")

    related = {"image": (tmp_path / "0.png",)}
    made = marked(bench, tmp_path / f"glass.{source}", source, related, image="logo", layer=layer)

    with Image.open(made) as picture:
        assert [picture.convert("RGB").getpixel(place) for place in ((3, 8), (20, 8))] == seen
        assert picture.convert("RGBA").getpixel((20, 8))[3] == 255


@needs_magick
def test_a_marked_animation_stays_one(bench, samples):
    made = marked(bench, samples / "made_anim.gif", "gif", text="██", font_color="black")

    with Image.open(made) as picture:
        assert (picture.n_frames, picture.info["duration"]) == (10, 100)
        for number in range(10):
            picture.seek(number)
            assert close_to(picture, (60, 45), (0, 0, 0))
