from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from engines import djvulibre
from engines.tests import running
from engines.tests.context import RunContext
from jobs.contract import detection
from jobs.contract.errors import ConversionFailed, EmptyFile, FileTooLarge, OpenFailed

NEEDED = pytest.mark.needs("ddjvu", "djvutxt", "c44", "cjb2", "djvm", "djvused")
TEXT = '(page 0 0 120 80 (para 0 0 120 80 (line 0 50 120 70 (word 0 50 60 70 "{}")))(para 0 0 9 9 "end"))'


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def book(tmp_path):
    """A book of three pages, a coloured and two black and white ones, perhaps with words on some."""

    def make(words=(), script=""):
        def run(*argv):
            subprocess.run(argv, check=True, capture_output=True, cwd=tmp_path)

        Image.new("RGB", (120, 80), (200, 30, 30)).save(tmp_path / "colour.ppm")
        run("c44", "-dpi", "100", "colour.ppm", "1.djvu")
        for number in (2, 3):
            page = Image.new("1", (120, 80), 1)
            page.paste(0, (10, 10, 20 * number, 40))
            page.save(tmp_path / "page.pbm")
            run("cjb2", "-dpi", "100", "page.pbm", f"{number}.djvu")
        run("djvm", "-c", "in.djvu", "1.djvu", "2.djvu", "3.djvu")
        for number, word in words:
            (tmp_path / "words.txt").write_text(TEXT.format(word))
            run("djvused", "in.djvu", "-e", f"select {number}; set-txt words.txt; save")
        if script:
            run("djvused", "in.djvu", "-e", script)
        return tmp_path / "in.djvu"

    return make


def run(path, out, target="pdf", **options):
    return running.run(djvulibre.OPERATIONS, path, out, target, **options)


def planned(target, printed, **options):
    record, work = running.work_for(djvulibre.OPERATIONS, Path("in/in.djvu"), Path("out"), target, **options)
    [command] = record.run.plan(replace(work, facts=djvulibre.read(printed)))
    return command


DUMP = "  FORM:DJVM [{}]\n    DIRM [34]         Document directory ({}, 9 files 9 pages)\n"
PAGE = "      INFO [10]         DjVu {}x{}, v24, 100 dpi, gamma=2.2\n"


def test_the_pages_chosen_are_asked_for():
    command = planned("pdf", DUMP.format(886, "bundled"), pages="2,7-")

    assert command.argv == [
        *("ddjvu", "-verbose", "-format=pdf", "-page=2-2,7-9", "-quality=85", "in/in.djvu", "out/in.pdf"),
    ]
    with pytest.raises(ConversionFailed, match="page 10, but the document has only 9 pages"):
        planned("txt", DUMP.format(886, "bundled"), pages="10")


def test_a_page_of_its_own_is_a_document():
    assert djvulibre.read(PAGE.format(120, 80)) == {"pages": 1, "sizes": [(120, 80)]}


def test_a_page_too_large_is_refused():
    with pytest.raises(FileTooLarge):
        planned("tiff", PAGE.format(65535, 65535))


def test_pages_in_other_files_are_not_looked_for():
    with pytest.raises(ConversionFailed, match="in other files"):
        planned("pdf", DUMP.format(39, "indirect"))


@NEEDED
def test_a_book_becomes_a_pdf_as_large_as_it_is(book, out):
    path = book()

    assert detection.detect(path).format == "djvu"
    [first, second, _] = PdfReader(run(path, out)).pages
    assert [round(side) for side in first.mediabox[2:]] == [86, 58]
    red, _, blue = first.images[0].image.convert("RGB").getpixel((60, 40))
    assert red > 150
    assert blue < 80
    assert second.images[0].image.mode == "1"


@NEEDED
def test_a_book_becomes_one_picture_of_its_pages(book, out):
    with Image.open(run(book(), out, "tiff", pages="2-")) as picture:
        assert (picture.n_frames, picture.size) == (2, (120, 80))
        assert picture.convert("L").getpixel((15, 15)) == 0


@NEEDED
def test_progress_is_told_by_page(book, out):
    record, work = running.work_for(djvulibre.OPERATIONS, book(), out, "pdf")
    context = RunContext()

    record.run(work, context)

    assert [round(each) for each in context.percents] == [0, 33, 67]


@NEEDED
def test_words_are_taken_out(book, out):
    path = book([(1, "Grüße"), (3, "third")])

    assert run(path, out, "txt").read_text().split() == ["Grüße", "end", "third", "end"]
    assert not set(run(path, out, "txt").read_text()) & set("\v\x1d\x1f")
    assert run(path, out, "txt", pages="3").read_text().split() == ["third", "end"]


@NEEDED
def test_a_book_nobody_has_read_says_so(book, out):
    with pytest.raises(ConversionFailed, match="no layer of text"):
        run(book(), out, "txt")


@NEEDED
@pytest.mark.parametrize("target", ["pdf", "tiff", "txt"])
@pytest.mark.parametrize("left", [20, 150, -20])
def test_a_book_cut_off_cannot_be_opened(book, out, target, left):
    path = book([(1, "one")])
    path.write_bytes(path.read_bytes()[:left])

    with pytest.raises(OpenFailed):
        run(path, out, target)


@NEEDED
@pytest.mark.parametrize("target", ["pdf", "txt"])
def test_what_is_no_djvu_cannot_be_opened(tmp_path, out, target):
    (tmp_path / "in.djvu").write_bytes(b"AT&TFORM" + b"\x00\xff" * 3000)

    with pytest.raises(OpenFailed):
        run(tmp_path / "in.djvu", out, target)


@NEEDED
def test_an_empty_file_is_refused(tmp_path, out):
    (tmp_path / "in.djvu").touch()

    with pytest.raises(EmptyFile):
        run(tmp_path / "in.djvu", out)
