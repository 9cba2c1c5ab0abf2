# ruff: noqa: E501 - markup reads best in its own lines
from __future__ import annotations

import io
import random
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from engines import calibre
from engines.tests.context import RunContext
from jobs.contract import Work
from jobs.contract.errors import ConversionFailed, EmptyFile, OpenFailed

SAID = ("Grüße", "Köln", "Second chapter")
PAGE = """<html xmlns="http://www.w3.org/1999/xhtml"><head><meta charset="utf-8"/><title>A made book</title></head>
<body><h1>First chapter</h1><p>Grüße aus Köln.</p><h1>Second chapter</h1><p>More words.</p></body></html>"""


def plan(source, target, **options):
    [op] = [op for op in calibre.OPERATIONS if op.offers(source, target)]
    return calibre.convert(
        Work(
            inputs=(Path(f"/input/in.{source}"),),
            output_dir=Path("/output"),
            input_format=source,
            output_format=target,
            options={o.name: o.default for o in op.options} | options,
        )
    )


def test_a_book_is_one_command():
    [command] = plan("epub", "mobi", title="-x", author="Ada & Grace")

    assert command.argv == [
        "ebook-convert",
        "/input/in.epub",
        "/output/in.mobi",
        "--title=-x",
        "--authors=Ada & Grace",
    ]
    assert command.outputs == (Path("/output/in.mobi"),)


def test_a_page_does_not_bring_in_what_it_links_to():
    [command] = plan("html", "epub")

    assert command.argv[3:] == ["--max-levels=0"]


def test_a_folder_is_packed():
    main, pack = plan("epub", "oeb")

    assert main.argv[2] == "/output/pages"
    assert pack.argv[-2:] == ["/output/in.oeb", "/output/pages/*"]


def test_a_comic_is_unpacked_by_a_free_program():
    unpack, pack, main = plan("cbr", "epub")

    assert unpack.argv == [
        "unar",
        "-quiet",
        "-no-directory",
        "-output-directory",
        "/output/comic",
        "/input/in.cbr",
    ]
    assert pack.outputs == (Path("/output/comic.cbz"),)
    assert main.argv[1:3] == ["/output/comic.cbz", "/output/in.epub"]


def test_progress_is_read():
    assert calibre._percent("67% Running MOBI Output plugin") == 67
    assert calibre._percent("Parsing all content...") is None


@pytest.mark.parametrize(
    "pair", [("recipe", "epub"), ("epub", "epub"), ("docx", "pdf"), ("snb", "txt"), ("opf", "epub")]
)
def test_what_is_not_offered(pair):
    assert not [op for op in calibre.OPERATIONS if op.offers(*pair)]


def test_each_pair_is_offered_once():
    offered = [pair for op in calibre.OPERATIONS for pair in op.conversions]

    assert len(offered) == len(set(offered))


# --- With the program


@pytest.fixture
def run(tmp_path):
    """Convert with the real program; return the file made."""
    count = iter(range(100))

    def convert(path, target, *, source=None, **options):
        source = source or path.suffix.removeprefix(".")
        [op] = [op for op in calibre.OPERATIONS if op.offers(source, target)]
        out = tmp_path / f"out-{next(count)}"
        out.mkdir()
        work = Work(
            inputs=(path,),
            output_dir=out,
            input_format=source,
            output_format=target,
            options={o.name: o.default for o in op.options} | options,
        )
        [file] = op.run(work, RunContext(seconds=120)).files
        assert file.path.name == f"{path.stem}.{target}"
        return file.path

    return convert


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """A small EPUB, made by hand."""
    path = tmp_path_factory.mktemp("book") / "in.epub"
    path.parent.chmod(0o711)
    package = """<package xmlns="http://www.idpf.org/2007/opf" version="2.0" unique-identifier="i"><metadata
 xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A made book</dc:title><dc:creator>Ada</dc:creator>
<dc:language>de</dc:language><dc:identifier id="i">x</dc:identifier></metadata><manifest><item id="p" href="p.xhtml"
 media-type="application/xhtml+xml"/></manifest><spine><itemref idref="p"/></spine></package>"""
    container = """<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("mimetype", "application/epub+zip")
        made.writestr("META-INF/container.xml", container)
        made.writestr("book.opf", package)
        made.writestr("p.xhtml", PAGE)
    return path


def read(path):
    """Return the words of what can be read without calibre."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as package:
            return " ".join(package.read(name).decode("utf-8", "replace") for name in package.namelist())
    if path.suffix == ".pdf":
        return " ".join(page.extract_text() for page in PdfReader(path).pages)
    return path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.needs("ebook-convert", "7z")
@pytest.mark.parametrize("target", ["docx", "fb2", "htmlz", "oeb", "pdf", "txt", "txtz", "zip"])
def test_books_become_what_others_can_read(run, book, target):
    text = read(run(book, target))

    assert [word for word in SAID if word not in text] == []


@pytest.mark.needs("ebook-convert", "7z")
@pytest.mark.parametrize("target", sorted((calibre.BOOK_TARGETS & calibre.BOOKS) - {"epub"}))
def test_books_become_each_other_and_back(run, book, target):
    made = run(book, target)

    back = read(run(made, "epub"))

    assert [word for word in SAID if word not in back] == []


@pytest.mark.needs("ebook-convert")
@pytest.mark.parametrize("source", ["azw", "prc"])
def test_siblings_are_read(run, book, tmp_path, source):
    made = run(book, "mobi")

    text = read(run(made.rename(tmp_path / f"in.{source}"), "txt"))

    assert [word for word in SAID if word not in text] == []


@pytest.mark.needs("ebook-convert")
@pytest.mark.parametrize("source", ["docx", "html", "odt", "pdf", "rtf", "txt"])
def test_documents_become_books(run, book, samples, tmp_path, source):
    if source == "odt":
        path, said = samples / "jod_toc.odt", ("Guide",)
    elif source == "html":
        path, said = tmp_path / "in.html", SAID
        path.write_text(PAGE, encoding="utf-8")
    else:
        path, said = run(book, source), SAID

    text = read(run(path, "epub"))

    assert [word for word in said if word not in text] == []


@pytest.mark.needs("ebook-convert")
def test_title_and_author_are_set(run, book):
    package = (
        zipfile.ZipFile(run(book, "htmlz", title="Other <title>", author="Grace & Linus"))
        .read("metadata.opf")
        .decode()
    )

    assert "<dc:title>Other &lt;title&gt;</dc:title>" in package
    assert ">Grace</dc:creator>" in package and ">Linus</dc:creator>" in package


@pytest.mark.needs("ebook-convert")
def test_title_and_author_stay_when_not_given(run, book):
    package = zipfile.ZipFile(run(book, "htmlz")).read("metadata.opf").decode()

    assert "<dc:title>A made book</dc:title>" in package
    assert ">Ada</dc:creator>" in package


# --- Comics


def picture(colour):
    made = io.BytesIO()
    Image.new("RGB", (300, 400), colour).save(made, "png")
    return made.getvalue()


def zipped(files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as package:
        for name, data in files.items():
            package.writestr(name, data)
    return made.getvalue()


DATE = (40 << 9 | 1 << 5 | 1) << 16
"""The first of 2020, as DOS keeps dates."""


def rar(files):
    """Return a RAR archive (version 4) of files that are only stored."""

    def block(kind, flags, rest, data=b""):
        head = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data

    made = b"Rar!\x1a\x07\0" + block(0x73, 0, bytes(6))
    for name, data in files.items():
        sizes = struct.pack("<IIBII", len(data), len(data), 3, zlib.crc32(data), DATE)
        rest = sizes + struct.pack("<BBHI", 20, 0x30, len(name), 0o100644) + name.encode()
        made += block(0x74, 0x8000, rest, data)
    return made + block(0x7B, 0, b"")


COMIC = {"1.png": picture("red"), "2.png": picture("blue")}


@pytest.mark.needs("ebook-convert", "unar", "7z")
@pytest.mark.parametrize("source", ["cbz", "cbr", "cbc"])
def test_comics_become_pages(run, tmp_path, source):
    data = {
        "cbz": lambda: zipped(COMIC),
        "cbr": lambda: rar(COMIC),
        "cbc": lambda: zipped({"comics.txt": "one.cbz:One", "one.cbz": zipped(COMIC)}),
    }[source]()
    path = tmp_path / f"in.{source}"
    path.write_bytes(data)

    made = run(path, "pdf")

    assert len(PdfReader(made).pages) >= 2


@pytest.mark.needs("ebook-convert", "unar", "7z")
def test_a_comic_in_7z_is_read(run, tmp_path):
    for name, data in COMIC.items():
        (tmp_path / name).write_bytes(data)
    subprocess.run(["7z", "a", "-t7z", "in.7z", *COMIC], cwd=tmp_path, check=True, capture_output=True)
    path = (tmp_path / "in.7z").rename(tmp_path / "in.cb7")

    assert len(PdfReader(run(path, "pdf")).pages) >= 2


# --- Bad input


@pytest.mark.needs("ebook-convert", "unar")
@pytest.mark.parametrize(
    "source", sorted((calibre.BOOKS | calibre.DOCUMENTS) - {"html", "txt", "pml", "rtf"})
)
def test_random_bytes_cannot_be_opened(tmp_path, run, source):
    path = tmp_path / f"in.{source}"
    path.write_bytes(random.Random(7).randbytes(20_000))

    with pytest.raises(OpenFailed):
        run(path, "epub" if source != "epub" else "mobi")


@pytest.mark.needs("ebook-convert")
@pytest.mark.parametrize("target", ["epub", "mobi", "docx", "lit", "lrf"])
def test_half_a_book_cannot_be_opened(tmp_path, run, book, target):
    made = run(book, target) if target != "epub" else book
    whole = made.read_bytes()
    path = tmp_path / f"half.{target}"
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(OpenFailed):
        run(path, "fb2")


@pytest.mark.needs("ebook-convert")
def test_an_empty_book_is_refused(tmp_path, run):
    (tmp_path / "in.epub").touch()

    with pytest.raises(EmptyFile):
        run(tmp_path / "in.epub", "mobi")


def test_a_protected_book_is_told_from_a_damaged_one():
    assert calibre.explain("calibre.ebooks.DRMError: x").message == calibre.PROTECTED
    assert isinstance(calibre.explain("calibre.ebooks.DRMError"), ConversionFailed)


@pytest.mark.needs("ebook-convert")
def test_a_protected_book_is_named(tmp_path, run, book):
    with zipfile.ZipFile(book) as old, zipfile.ZipFile(tmp_path / "in.epub", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("META-INF/rights.xml", "<rights/>")
        new.writestr(
            "META-INF/encryption.xml",
            '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData'
            ' xmlns="http://www.w3.org/2001/04/xmlenc#"><EncryptionMethod'
            ' Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/><CipherData><CipherReference'
            ' URI="p.xhtml"/></CipherData></EncryptedData></encryption>',
        )

    with pytest.raises(ConversionFailed, match="DRM"):
        run(tmp_path / "in.epub", "mobi")
