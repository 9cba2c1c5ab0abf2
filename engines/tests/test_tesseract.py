from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from engines import imagemagick, tesseract
from engines.tests import running
from engines.tests.scans import ENGLISH, GERMAN, page, save, words
from jobs.contract.errors import ConversionFailed, EmptyFile, OpenFailed

NEEDED = pytest.mark.needs("tesseract")


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def run(path, out, target="txt", **options):
    return running.run(tesseract.OPERATIONS, path, out, target, **options)


def test_a_plan_says_language_and_turn():
    record, work = running.work_for(
        tesseract.OPERATIONS, Path("in/in.png"), Path("out"), "txt", language=["deu", "eng"]
    )
    [command] = record.run.plan(work)

    assert command.argv == [
        *("tesseract", "in/in.png", "out/in", "-l", "deu+eng", "--psm", "1", "txt"),
    ]


def test_a_picture_does_not_become_a_searchable_pdf_unless_asked():
    plain = running.record(imagemagick.OPERATIONS, "png", "pdf", "convert")
    searched = running.record(tesseract.OPERATIONS, "png", "pdf", "convert")

    assert searched.cost > plain.cost
    assert "language" not in {option.name for option in plain.options}


@NEEDED
@pytest.mark.parametrize(
    ("kind", "turn"), [("png", 0), ("jpg", 180), ("bmp", 0), ("gif", 0), ("jp2", 0), ("ppm", 0), ("webp", 0)]
)
def test_a_picture_is_read_however_it_is_turned(tmp_path, out, kind, turn):
    file = run(save(tmp_path / f"in.{kind}", [page(ENGLISH, turn)]), out)

    assert words(file.read_text()) == words(ENGLISH)


@NEEDED
def test_each_page_is_read_in_its_language(tmp_path, out):
    path = save(tmp_path / "in.tiff", [page(GERMAN), page(GERMAN[60:], 180)])

    pages = run(path, out, language=["deu"]).read_text().split("\f")

    assert "öffnete müde" in pages[0]
    assert "Der Bäcker" in pages[0] and "Brücke" in pages[1]


@NEEDED
@pytest.mark.needs("pdftotext")
def test_a_pdf_shows_the_picture_and_is_searched(tmp_path, out):
    file = run(save(tmp_path / "in.png", [page(ENGLISH)]), out, "pdf", language=["eng"])

    said = subprocess.run(["pdftotext", file, "-"], check=True, capture_output=True, text=True).stdout
    assert words(said) == words(ENGLISH)
    assert len(PdfReader(file).pages[0].images) == 1


@NEEDED
def test_a_picture_without_words_says_so(tmp_path, out):
    path = save(tmp_path / "in.png", [Image.new("L", (400, 300), 255)])

    with pytest.raises(ConversionFailed, match="No text was found"):
        run(path, out)


@NEEDED
@pytest.mark.parametrize("target", ["txt", "pdf"])
@pytest.mark.parametrize("kind", ["png", "jpg", "tiff"])
@pytest.mark.parametrize("left", [300, 4000])
def test_a_picture_that_broke_off_is_none(tmp_path, out, kind, left, target):
    path = save(tmp_path / f"in.{kind}", [page(ENGLISH), page(ENGLISH)])
    path.write_bytes(path.read_bytes()[:left])

    with pytest.raises(OpenFailed):
        run(path, out, target)


@NEEDED
def test_a_list_of_files_is_no_picture(tmp_path, out):
    (tmp_path / "in.png").write_text("/input/missing.png\n")

    with pytest.raises(OpenFailed):
        run(tmp_path / "in.png", out)


@NEEDED
def test_an_empty_file_is_refused(tmp_path, out):
    (tmp_path / "in.png").touch()

    with pytest.raises(EmptyFile):
        run(tmp_path / "in.png", out)
