from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from engines import ocrmypdf
from engines._support import ocr_languages
from engines.tests import running
from engines.tests.context import RunContext
from engines.tests.scans import ENGLISH, GERMAN, page, save, words
from jobs.contract import OptionProblem
from jobs.contract.errors import ConversionFailed, EmptyFile, OpenFailed, PasswordRequired
from jobs.contract.tools import installed

NEEDED = pytest.mark.needs("ocrmypdf", "tesseract", "pdftotext", "pdfinfo", "qpdf")


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def scan(tmp_path):
    return lambda *pages: save(tmp_path / "in.pdf", pages)


def run(path, out, **options):
    found, work = running.work_for(ocrmypdf.OPERATIONS, path, out, name="pdf/ocr", **options)
    context = RunContext(seconds=200)
    [made] = found.run(work, context).files
    return made.path, context


def read(path, *options):
    argv = ["pdftotext", *options, path, "-"]
    return words(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def planned(**options):
    _, work = running.work_for(ocrmypdf.OPERATIONS, Path("in/in.pdf"), Path("out"), name="pdf/ocr", **options)
    [command] = ocrmypdf.recognise(replace(work, facts={"pages": 4, "opened": "out/opened.pdf"}))
    return command


def test_a_plan_keeps_text_and_document_as_they_are():
    command = planned(language=["deu", "eng"])

    assert {"--skip-text", "--rotate-pages"} < set(command.argv)
    assert command.argv[command.argv.index("--output-type") + 1] == "pdf"
    assert command.argv[command.argv.index("-l") + 1] == "deu+eng"
    assert command.argv[-2:] == ["out/opened.pdf", "out/in.pdf"]
    assert command.environment["OMP_THREAD_LIMIT"] == "1"
    assert "--rotate-pages" not in planned(auto_orient="false").argv


def test_progress_counts_pages_whatever_their_order():
    percent = planned().progress()

    assert percent("    3 Page rotation: (content, auto) -> page = (0, 0) -> 0") == (
        23.75,
        "Read page 1 of 4",
    )
    assert percent("    3 Page rotation: again") == (23.75, "Read page 1 of 4")
    assert percent("    1 Grafting") is None
    assert percent("   12 Page rotation: x") == (47.5, "Read page 2 of 4")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("InputFileError", OpenFailed),
        ("qpdf: in.pdf: invalid password", PasswordRequired),
        ("This PDF contains dynamic XFA forms", ConversionFailed),
        ("Image size (9 pixels) exceeds limit of 4 pixels, could be decompression bomb", ConversionFailed),
    ],
)
def test_words_are_understood(said, error):
    assert type(ocrmypdf.explain(said)) is error


def test_languages_are_those_that_lie_there(tmp_path):
    for name in ("5/tessdata/deu", "5/tessdata/osd", "4.00/tessdata/eng", "5/tessdata/chi_sim"):
        path = tmp_path / f"{name}.traineddata"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    assert ocr_languages.installed(tmp_path) == ("chi_sim", "deu", "eng")
    assert ocr_languages.installed(tmp_path / "nowhere") == ()


def test_a_language_has_its_codes_and_is_taken_once():
    option = ocr_languages.option(("deu", "eng"))

    assert option.default == ["eng"]
    assert option.read(["ger", "ENG", "deu"]) == ["deu", "eng"]
    assert option.read("eng") == ["eng"]
    for wrong in (["fra"], ["fre"], [], ["eng+osd"], ["../eng"]):
        with pytest.raises(OptionProblem, match=r"language must be one .*of: deu, eng\."):
            option.read(wrong)


def test_without_languages_nothing_is_read():
    option = ocr_languages.option(())

    with pytest.raises(OptionProblem, match="none is installed"):
        option.read(["eng"])
    [found] = ocrmypdf.OPERATIONS
    assert found.answers_to("tesseract")
    assert not installed(replace(found.tool, argv=ocr_languages.program("sh", ())))
    assert installed(replace(found.tool, argv=ocr_languages.program("sh", ("eng",))))


@NEEDED
def test_scanned_pages_can_be_searched(scan, out):
    file, context = run(scan(page(ENGLISH), page(ENGLISH[50:])), out)

    assert read(file) == words(f"{ENGLISH} {ENGLISH[50:]}")
    assert (context.percents, context.messages[-1]) == ([47.5, 95.0], "Read page 2 of 2")
    assert [each.name for each in out.iterdir()] == ["in.pdf"]


@NEEDED
@pytest.mark.parametrize("turn", [180, 90])
def test_a_page_that_lies_wrong_is_turned(scan, out, turn):
    file, _ = run(scan(page(ENGLISH, turn)), out)

    [turned] = PdfReader(file).pages
    assert turned.rotation % 360 == turn
    assert read(file) == words(ENGLISH)


@NEEDED
def test_a_page_is_not_turned_when_it_shall_not_be(scan, out):
    file, _ = run(scan(page(ENGLISH, 180)), out, auto_orient=False)

    assert PdfReader(file).pages[0].rotation == 0


@NEEDED
def test_a_language_is_read(scan, out):
    file, _ = run(scan(page(GERMAN)), out, language=["ger"])

    assert {"Über", "Straßen", "völlig", "öffnete", "müde", "süßen"} < set(read(file))


@NEEDED
def test_a_page_with_text_stays_as_it_is(samples, scan, out, tmp_path):
    text = samples / "tika_text.pdf"
    writer = PdfWriter()
    writer.append(text)
    writer.append(scan(page(ENGLISH)))
    writer.write(tmp_path / "mixed.pdf")

    file, _ = run(tmp_path / "mixed.pdf", out)

    last = f"{len(PdfReader(text).pages)}"
    assert read(file, "-l", last) == read(text)
    assert set(words(ENGLISH)) < set(read(file))


@NEEDED
def test_a_password_opens_and_the_owner_decides(scan, out, tmp_path):
    writer = PdfWriter()
    writer.append(scan(page(ENGLISH)))
    writer.encrypt("open", "owner", algorithm="AES-256", permissions_flag=0)
    writer.write(tmp_path / "locked.pdf")

    for options in ({}, {"password": "wrong"}):
        with pytest.raises(PasswordRequired):
            run(tmp_path / "locked.pdf", out, **options)
    with pytest.raises(ConversionFailed, match="owner does not permit"):
        run(tmp_path / "locked.pdf", out, password="open")
    file, context = run(tmp_path / "locked.pdf", out, password="owner")
    assert read(file) == words(ENGLISH)
    assert "owner" not in f"{context.recorded}"


@NEEDED
@pytest.mark.parametrize("content", [b"%PDF-1.4 hello", b"\x00\xff" * 3000, None])
def test_what_is_no_document_cannot_be_opened(scan, out, content):
    path = scan(page(ENGLISH))
    path.write_bytes(path.read_bytes()[:3000] if content is None else content)

    with pytest.raises(OpenFailed):
        run(path, out)


@NEEDED
def test_an_empty_file_is_refused(scan, out):
    path = scan(page(ENGLISH))
    path.write_bytes(b"")

    with pytest.raises(EmptyFile):
        run(path, out)


@NEEDED
def test_a_page_of_too_many_pixels_is_not_unpacked(scan, out):
    path = scan(Image.new("1", (20_000, 20_000), 1))

    with pytest.raises(ConversionFailed, match="too large to be read"):
        run(path, out)
