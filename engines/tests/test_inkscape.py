from __future__ import annotations

import gzip
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from pypdf import PdfReader

from engines import inkscape
from engines.tests import running
from jobs.contract.errors import EmptyFile, FileTooLarge, OpenFailed

DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="200" viewBox="0 0 400 200">'
    '<circle cx="100" cy="100" r="80" fill="#f00"/><text x="200" y="50" font-family="Arial">Words</text>'
    "</svg>"
)
pytestmark = pytest.mark.needs("inkscape")


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def drawing(tmp_path):
    path = tmp_path / "in.svg"
    path.write_text(DRAWING)
    return path


@pytest.fixture
def convert(out):
    """Convert a file, and return where the result lies."""
    return lambda path, target, **options: running.run(inkscape.OPERATIONS, path, out, target, **options)


def planned(plan, target, source="svg", facts=None, **options):
    path = Path(f"in/in.{source}")
    _, work = running.work_for(inkscape.OPERATIONS, path, Path("out"), target, **options)
    return [command.argv for command in plan(replace(work, facts=facts or {}))]


def test_words_become_shapes_when_asked():
    [argv] = planned(inkscape.convert, "pdf", text_to_path=True)

    assert argv == [
        *("inkscape", "--export-type=pdf", "--export-filename=out/in.pdf", "--export-text-to-path"),
        "in/in.svg",
    ]


def test_a_picture_has_a_size_or_a_density():
    [argv] = planned(inkscape.render, "png", width=100, pixel_density=300)

    assert argv[1:] == [
        *("--export-type=png", "--export-filename=out/in.png", "--export-dpi=300", "--export-width=100"),
        "in/in.svg",
    ]


def test_a_picture_beyond_the_limits_is_refused_before_it_is_drawn():
    with pytest.raises(FileTooLarge):
        planned(inkscape.render, "png", facts={"size": (30_000.0, 30_000.0)})


def test_a_pdf_keeps_words_or_has_shapes_in_their_place(convert, drawing):
    [page] = PdfReader(convert(drawing, "pdf")).pages
    assert page.mediabox[2:] == [300, 150]
    assert page.extract_text().strip() == "Words"

    [page] = PdfReader(convert(drawing, "pdf", text_to_path=True)).pages
    assert page.extract_text() == ""


def test_a_picture_is_drawn_at_the_size_asked_for(convert, drawing):
    for options, size in (
        ({}, (400, 200)),
        ({"width": 100}, (100, 50)),
        ({"pixel_density": 192}, (800, 400)),
    ):
        with Image.open(convert(drawing, "png", **options)) as image:
            assert image.size == size


def test_a_compressed_drawing_becomes_a_plain_one_with_its_words_and_back(convert, drawing, tmp_path):
    packed = convert(drawing, "svgz").rename(tmp_path / "in.svgz")
    assert b"Words" in gzip.decompress(packed.read_bytes())

    plain = ET.parse(convert(packed, "svg"))
    assert "Words" in "".join(plain.getroot().itertext())


@pytest.mark.parametrize("kind", ["emf", "wmf"])
def test_metafiles_come_and_go(convert, drawing, tmp_path, kind):
    made = convert(drawing, kind).rename(tmp_path / f"in.{kind}")

    # It writes words as shapes there.
    assert len(ET.parse(convert(made, "svg")).getroot().findall(".//{*}path")) >= 2
    with Image.open(convert(made, "png", width=200)) as image:
        assert image.width == 200
        # Somewhere in the left half is a red disc.
        assert (255, 0, 0) in {image.convert("RGB").getpixel((x, image.height // 2)) for x in range(20, 60)}


@pytest.mark.parametrize(("target", "begins"), [("ps", b"%!PS-Adobe-3.0\n"), ("eps", b"%!PS-Adobe-3.0 EPSF")])
def test_postscript_is_made(convert, drawing, target, begins):
    assert convert(drawing, target).read_bytes().startswith(begins)


def test_an_illustrator_file_that_is_a_pdf_is_opened(convert, drawing, tmp_path):
    illustration = convert(drawing, "pdf").rename(tmp_path / "in.ai")

    assert "Words" in "".join(ET.parse(convert(illustration, "svg")).getroot().itertext())


def test_a_dxf_has_the_shapes_and_the_words_as_shapes(convert, drawing, tmp_path):
    with_words = convert(drawing, "dxf").read_text()
    path = tmp_path / "in.svg"
    path.write_text(re.sub("<text.*</text>", "", DRAWING))
    without = convert(path, "dxf").read_text()

    assert re.search(r"\$ACADVER\s+1\s+AC1014", with_words)
    assert "SPLINE" in without
    assert with_words.count("SPLINE") > without.count("SPLINE")


@pytest.mark.needs("mutool")
def test_a_page_of_letters_becomes_a_dxf(convert, samples, tmp_path):
    page = ["mutool", "draw", "-q", "-o", f"{tmp_path}/page%d.svg", f"{samples / 'tika_text.pdf'}", "1"]
    subprocess.run(page, check=True)

    assert (
        convert((tmp_path / "page1.svg").rename(tmp_path / "in.svg"), "dxf").read_text().count("SPLINE") > 99
    )


def test_a_dxf_becomes_a_drawing_of_its_shapes_and_no_larger(convert, tmp_path):
    path = tmp_path / "in.dxf"
    entities = (
        "0\nLINE\n8\n0\n10\n0.0\n20\n0.0\n11\n100.0\n21\n50.0\n0\nCIRCLE\n8\n0\n10\n50\n20\n25\n40\n10\n"
    )
    path.write_text(f"0\nSECTION\n2\nENTITIES\n{entities}0\nENDSEC\n0\nEOF\n")

    root = ET.parse(convert(path, "svg")).getroot()

    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width / height == pytest.approx(2, rel=0.05)
    assert len(root.findall(".//{*}path")) >= 2


HOSTILE = {
    "svg": ("<svgs/>", OpenFailed),
    "emf": ("garbage", OpenFailed),
    "wmf": ("garbage", OpenFailed),
    "ai": ("garbage", OpenFailed),
    "svgz": ("", EmptyFile),
}


@pytest.mark.parametrize("source", HOSTILE)
def test_a_file_that_cannot_be_read_ends_with_a_clear_error(convert, tmp_path, source):
    text, failure = HOSTILE[source]
    path = tmp_path / f"in.{source}"
    path.write_text(text)

    with pytest.raises(failure):
        convert(path, "eps")
