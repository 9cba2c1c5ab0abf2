from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from engines import rsvg
from engines.tests import running
from jobs.contract import OptionProblem
from jobs.contract.errors import EmptyFile, FileTooLarge, OpenFailed

SVG = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
DRAWING = (
    f'<svg {SVG} width="400" height="200"><rect width="200" height="200" fill="#f00"/>'
    '<rect x="200" width="100" height="200" fill="#00f"/><text x="20" y="50" font-family="Arial">Words</text>'
    "</svg>"
)
pytestmark = pytest.mark.needs("rsvg-convert")


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def convert(tmp_path, out):
    """Convert a drawing, and return where the result lies."""

    def run(target, drawing=DRAWING, source="svg", **options):
        path = tmp_path / f"in.{source}"
        data = drawing if isinstance(drawing, bytes) else drawing.encode()
        path.write_bytes(gzip.compress(data) if source == "svgz" else data)
        return running.run(rsvg.OPERATIONS, path, out, target, **options)

    return run


def planned(target, size=(400.0, 200.0), **options):
    path = Path("in/in.svg")
    _, work = running.work_for(rsvg.OPERATIONS, path, Path("out"), target, **options)
    plan = rsvg.render if target == "png" else rsvg.draw
    [command] = plan(replace(work, facts={"size": size}))
    return command.argv


def test_a_drawing_has_no_address_to_refer_from():
    argv = planned("pdf")

    assert argv[:4] == ["/usr/bin/dash", "-c", 'exec "$@" <"$0"', "in/in.svg"]
    assert "in/in.svg" not in argv[4:]
    assert argv[4:] == ["rsvg-convert", "--format=pdf", "--output=out/in.pdf", "--keep-aspect-ratio"]


@pytest.mark.parametrize(
    ("options", "drawn", "shown"),
    [
        ({}, (400, 200), None),
        ({"pixel_density": 192}, (800, 400), None),
        ({"width": 100}, (100, 50), None),
        ({"height": 100, "pixel_density": 192}, (200, 100), None),
        ({"width": 1000, "height": 100}, (200, 100), None),
        ({"width": 100, "height": 100, "fit": "scale"}, (100, 100), None),
        ({"width": 100, "height": 100, "fit": "crop"}, (200, 100), (100, 100)),
    ],
)
def test_a_picture_gets_the_size_asked_for(options, drawn, shown):
    argv = planned("png", **options)

    assert f"--width={drawn[0]}" in argv and f"--height={drawn[1]}" in argv
    pages = [word for word in argv if word.startswith("--page")]
    assert pages == ([f"--page-width={shown[0]}", f"--page-height={shown[1]}"] if shown else [])


def test_a_picture_beyond_the_limits_is_refused_before_it_is_drawn():
    with pytest.raises(FileTooLarge, match="30,000 x 30,000"):
        planned("png", size=(30_000.0, 30_000.0))


def test_a_page_is_not_cropped():
    with pytest.raises(OptionProblem, match="must be one of: max, scale"):
        planned("pdf", fit="crop")


@pytest.mark.parametrize("source", ["svg", "svgz"])
def test_a_pdf_has_the_drawing_s_size_and_its_words(convert, source):
    [page] = PdfReader(convert("pdf", source=source)).pages

    assert page.mediabox[2:] == [300, 150]  # points, of which 72 are 96 pixels
    assert page.extract_text() == "Words"


def test_a_page_takes_the_size_asked_for(convert):
    [page] = PdfReader(convert("pdf", width=200, height=200)).pages
    assert page.mediabox[2:] == [150, 75]

    [page] = PdfReader(convert("pdf", width=200, height=200, fit="scale")).pages
    assert page.mediabox[2:] == [150, 150]


@pytest.mark.parametrize(("target", "begins"), [("ps", b"%!PS-Adobe-3.0\n"), ("eps", b"%!PS-Adobe-3.0 EPSF")])
def test_postscript_is_made(convert, target, begins):
    made = convert(target, width=200).read_bytes()

    assert made.startswith(begins)
    # Of what is drawn, which is three quarters of the width.
    assert target == "ps" or b"%%BoundingBox: 0 0 113 75" in made


def test_a_compressed_drawing_becomes_a_plain_one(convert):
    assert b"<svg" in convert("svg", source="svgz").read_bytes()


def test_a_cut_out_is_the_middle(convert):
    with Image.open(convert("png", width=100, height=100, fit="crop")) as image:
        assert image.size == (100, 100)
        assert image.convert("RGB").getpixel((10, 90)) == (255, 0, 0)
        assert image.convert("RGB").getpixel((60, 90)) == (0, 0, 255)


def test_what_is_not_drawn_on_is_transparent_or_has_the_background_asked_for(convert):
    with Image.open(convert("png")) as image:
        assert image.convert("RGBA").getpixel((390, 190))[3] == 0
    with Image.open(convert("png", background="#0f0")) as image:
        assert image.convert("RGBA").getpixel((390, 190)) == (0, 255, 0, 255)


def test_nothing_beside_the_drawing_is_followed(convert, tmp_path):
    Image.new("RGB", (40, 40), "red").save(tmp_path / "beside.png")
    places = ("beside.png", f"{tmp_path}/beside.png", f"file://{tmp_path}/beside.png", "/input/beside.png")
    images = "".join(f'<image xlink:href="{place}" width="40" height="40"/>' for place in places)

    with Image.open(convert("png", f'<svg {SVG} width="40" height="40">{images}</svg>')) as image:
        assert image.convert("RGBA").getextrema()[3] == (0, 0)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 11))
USED = {n: f'<use href="#g{n - 1}"/>' * 10 for n in range(1, 12)}
NESTED = "".join(f'<g id="g{n}">{uses}</g>' for n, uses in USED.items())
HOSTILE = {
    "entities": (
        f'<!DOCTYPE svg [<!ENTITY l0 "ha">{LAUGHS}]><svg {SVG}><text>&l10;</text></svg>',
        OpenFailed,
    ),
    "uses": (f'<svg {SVG} width="9" height="9"><g id="g0"/>{NESTED}<use href="#g11"/></svg>', FileTooLarge),
    "deep": (f'<svg {SVG} width="9" height="9">{"<g>" * 5000}{"</g>" * 5000}</svg>', OpenFailed),
    "huge": (
        f'<svg {SVG} width="10000000" height="10000000"><rect width="9" height="9"/></svg>',
        FileTooLarge,
    ),
    "nothing": (f"<svg {SVG}/>", OpenFailed),
    "cut": (DRAWING[:-20], OpenFailed),
    "no drawing": ("<svgs/>", OpenFailed),
    "empty": ("", EmptyFile),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_drawing_ends_with_a_clear_error(convert, case):
    drawing, failure = HOSTILE[case]

    with pytest.raises(failure):
        convert("png", drawing)


def test_a_damaged_compressed_drawing_ends_with_a_clear_error(convert, tmp_path, out):
    path = tmp_path / "in.svgz"
    path.write_bytes(gzip.compress(DRAWING.encode())[:-30])

    with pytest.raises(OpenFailed):
        running.run(rsvg.OPERATIONS, path, out, "pdf")
