from __future__ import annotations

import json
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.constants import UserAccessPermissions as May

from engines import qpdf
from engines._support import pages, qpdf_job
from engines.tests.qpdf_runs import operation, read, run
from jobs.contract import OptionProblem, Work
from jobs.contract.errors import (
    ConversionFailed,
    EmptyFile,
    FileTooLarge,
    OpenFailed,
    PasswordRequired,
    TooMuchOutput,
)


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    qpdf.WARM.close()


def planned(name, **options):
    work = Work(
        inputs=(Path("in/in.pdf"),),
        output_dir=Path("out"),
        input_format="pdf",
        output_format="pdf",
        options=read(name, **options),
    )
    plans = {"pdf/encrypt": qpdf.encrypt, "pdf/decrypt": qpdf.decrypt, "pdf/split-pages": qpdf.split}
    plans |= {"pdf/extract-pages": qpdf.extract, "pdf/rotate-pages": qpdf.rotate, "convert": qpdf.convert}
    order = plans[name](work)
    assert (order["input"], order["output"]) == ("in/in.pdf", "out/in.pdf")
    return order


def made(name, path, **options):
    files, _, _ = run(name, path, **options)
    return files


@pytest.fixture
def paper(tmp_path):
    """Make a document of blank pages of those widths."""

    def make(*widths, name="in.pdf", rotate=0, password=None, owner=None, algorithm="AES-256"):
        writer = PdfWriter()
        for width in widths:
            writer.add_blank_page(width, 100).rotate(rotate)
        if password is not None:
            writer.encrypt(password, owner, algorithm=algorithm, permissions_flag=May.PRINT)
        path = tmp_path / name
        writer.write(path)
        return path

    return make


def widths(path, password=None):
    return [round(page.mediabox.width) for page in PdfReader(path, password=password).pages]


# --- What is ordered


def test_a_rotation_is_ordered_in_qpdfs_words():
    order = planned("pdf/rotate-pages", rotation="-90", pages="1,3-")

    assert qpdf_job.job(order, 5) == {
        "inputFile": "in/in.pdf",
        "outputFile": "out/in.pdf",
        "rotate": "-90:1,3-5",
    }


def test_pages_are_ordered_as_they_were_written():
    order = planned("pdf/extract-pages", pages=" 5 - 7, 1,1", password="p")

    assert qpdf_job.job(order, 6) == {
        "inputFile": "in/in.pdf",
        "outputFile": "out/in.pdf",
        "password": "p",
        "pages": [{"file": ".", "range": "5-6,1,1"}],
    }


def test_protection_is_ordered_with_aes_256():
    order = planned(
        "pdf/encrypt",
        set_password="--a\n@b",
        set_owner_password="o",
        allow_extract="false",
        allow_modify="form",
        allow_print=False,
    )

    assert qpdf_job.job(order, 1)["encrypt"] == {
        "userPassword": "--a\n@b",
        "ownerPassword": "o",
        "256bit": {"extract": "n", "modify": "form", "print": "none"},
    }


def test_whoever_opens_a_document_is_not_its_owner():
    jobs = [qpdf_job.job(planned("pdf/encrypt", set_password="p"), 1)["encrypt"] for _ in "12"]

    owners = {job["ownerPassword"] for job in jobs}
    assert len(owners) == 2 and all(len(owner) > 30 for owner in owners)


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({}, {"linearize"}),
        ({"password": "p"}, {"linearize", "password", "decrypt"}),
        ({"password": "p", "set_password": "q"}, {"linearize", "password", "encrypt"}),
        ({"pages": "2"}, {"linearize", "pages"}),
    ],
)
def test_a_conversion_does_what_is_asked_for(options, keys):
    job = qpdf_job.job(planned("convert", **options), 3)

    assert set(job) - {"inputFile", "outputFile"} == keys


def test_no_secret_is_shown_to_operators(paper):
    new = {"set_password": "new", "set_owner_password": "x9"}
    _, _, context = run("pdf/encrypt", paper(100, password="old"), password="old", **new)

    [(argv, words)] = context.recorded
    shown = json.loads(argv[1])
    assert {name: shown[name] for name in qpdf.WARM.secret} == dict.fromkeys(qpdf.WARM.secret, "***")
    assert "old" not in words and "new" not in words and "x9" not in words


@pytest.mark.parametrize("rotation", ["45", "left", "+ 90", "++90", "1e2"])
def test_a_rotation_is_quarters(rotation):
    with pytest.raises(OptionProblem, match=r"Use something like \+90"):
        planned("pdf/rotate-pages", rotation=rotation)


@pytest.mark.parametrize("text", ["3-1", "0", "x", "1;2"])
def test_pages_that_cannot_be_meant_are_refused(text):
    with pytest.raises(OptionProblem, match="pages"):
        planned("pdf/extract-pages", pages=text)


@pytest.mark.parametrize("name", ["set_password", "set_owner_password"])
def test_a_password_that_would_be_cut_off_is_refused(name):
    with pytest.raises(OptionProblem, match="at most 127 bytes"):
        planned("pdf/encrypt", **{name: "ü" * 64})


def test_pages_are_bounded_however_often_they_are_named():
    with pytest.raises(FileTooLarge, match="more than 5,000 pages"):
        pages.listed(",".join(["1-3000"] * 2), 3000)


def test_one_of_the_passwords_is_needed():
    assert operation("pdf/encrypt").one_of == (("set_password", "set_owner_password"),)
    assert operation("watermark").one_of == (("text", "image"),)


# --- What is made


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("password", ["secret", "-x", "--", "@file", "two\nlines", "Grüße 日本", "p" * 127])
def test_any_password_opens_what_it_was_set_for(paper, password):
    [file] = made("pdf/encrypt", paper(111), set_password=password)

    assert not PdfReader(file).decrypt("wrong")
    reader = PdfReader(file, password=password)
    assert reader.pages[0].mediabox.width == 111
    encryption = reader.trailer["/Encrypt"]
    assert (encryption["/V"], encryption["/R"], encryption["/CF"]["/StdCF"]["/CFM"]) == (5, 6, "/AESV3")


def allowed(path, password=""):
    reader = PdfReader(path, password=password)
    return reader.user_access_permissions


EVERYTHING = (
    *(May.PRINT, May.PRINT_TO_REPRESENTATION, May.EXTRACT, May.ASSEMBLE_DOC),
    *(May.MODIFY, May.ADD_OR_MODIFY, May.FILL_FORM_FIELDS, May.EXTRACT_TEXT_AND_GRAPHICS),
)


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize(
    ("options", "forbidden"),
    [
        ({}, ()),
        ({"allow_extract": False}, (May.EXTRACT,)),
        ({"allow_print": "low"}, (May.PRINT_TO_REPRESENTATION,)),
        ({"allow_print": "none"}, (May.PRINT, May.PRINT_TO_REPRESENTATION)),
        ({"allow_modify": "annotate"}, (May.MODIFY,)),
        ({"allow_modify": "form"}, (May.MODIFY, May.ADD_OR_MODIFY)),
        ({"allow_modify": "assembly"}, (May.MODIFY, May.ADD_OR_MODIFY, May.FILL_FORM_FIELDS)),
        (
            {"allow_modify": "none"},
            (May.MODIFY, May.ADD_OR_MODIFY, May.FILL_FORM_FIELDS, May.ASSEMBLE_DOC),
        ),
    ],
)
def test_what_is_not_allowed_is_forbidden_and_nothing_else(paper, options, forbidden):
    [file] = made("pdf/encrypt", paper(100), set_owner_password="o", **options)

    may = allowed(file)
    assert [flag for flag in EVERYTHING if not may & flag] == sorted(forbidden, key=EVERYTHING.index)


@pytest.mark.needs("qpdf")
def test_reading_aloud_cannot_be_forbidden_and_that_is_said(paper):
    [file], result, _ = run("pdf/encrypt", paper(100), set_owner_password="o", allow_accessibility=False)

    assert allowed(file) & May.EXTRACT_TEXT_AND_GRAPHICS
    assert "allow_accessibility has no effect" in result.message


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
@pytest.mark.parametrize("given", ["open", "owner"])
def test_either_password_takes_any_protection_away(paper, algorithm, given):
    path = paper(111, password="open", owner="owner", algorithm=algorithm)

    [file] = made("pdf/decrypt", path, password=given)

    assert not PdfReader(file).is_encrypted
    assert widths(file) == [111]


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_password_beyond_ascii_opens(paper, algorithm):
    path = paper(111, password="Grüße", algorithm=algorithm)

    assert widths(*made("pdf/decrypt", path, password="Grüße")) == [111]


@pytest.mark.needs("qpdf")
def test_what_has_no_password_is_left_as_it_is(paper):
    assert widths(*made("pdf/decrypt", paper(111))) == [111]
    assert widths(*made("pdf/decrypt", paper(111), password="needless")) == [111]


OTHERS = {
    "pdf/encrypt": {"set_password": "new"},
    "pdf/decrypt": {},
    "pdf/split-pages": {},
    "pdf/extract-pages": {"pages": "1"},
    "pdf/rotate-pages": {"rotation": "90"},
    "convert": {},
    "watermark": {"text": "x"},
    "merge": {},
}


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("given", [{}, {"password": "wrong"}])
@pytest.mark.parametrize("name", sorted(OTHERS.keys() - {"merge"}))
def test_a_missing_or_wrong_password_is_asked_for(paper, name, given):
    with pytest.raises(PasswordRequired, match="Set the password option to the right one"):
        made(name, paper(100, password="open"), **given, **OTHERS[name])


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("name", ["pdf/split-pages", "pdf/extract-pages", "pdf/rotate-pages", "watermark"])
@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_what_is_protected_stays_protected_the_same(paper, name, algorithm):
    path = paper(111, 111, password="open", owner="owner", algorithm=algorithm)

    files = made(name, path, password="open", **OTHERS[name])

    for file in files:
        reader = PdfReader(file)
        assert reader.is_encrypted and not reader.decrypt("")
        assert set(widths(file, "open")) == {111}
        assert set(widths(file, "owner")) == {111}
        assert allowed(file, "open") & May.PRINT and not allowed(file, "open") & May.MODIFY


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("password", [None, "open"])
def test_every_page_becomes_a_document_with_a_plain_number(paper, password):
    path = paper(*range(101, 113), password=password)

    files = made("pdf/split-pages", path, password=password or "")

    assert [file.name for file in files] == [f"in-{n}.pdf" for n in range(1, 13)]
    assert [widths(file, password) for file in files] == [[width] for width in range(101, 113)]
    assert sorted(path.name for path in files[0].parent.iterdir()) == sorted(file.name for file in files)


@pytest.mark.needs("qpdf")
def test_a_single_page_is_split_too(paper):
    [file] = made("pdf/split-pages", paper(100))

    assert file.name == "in-1.pdf"


@pytest.mark.needs("qpdf")
def test_more_pages_than_files_are_allowed_are_not_split(paper):
    with pytest.raises(TooMuchOutput, match="has 2,001 pages; at most 2,000 can be split"):
        made("pdf/split-pages", paper(*[100] * 2001))


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,5-7", [101, 102, 105, 106, 107]),
        ("9-,1", [109, 110, 101]),
        ("3,3", [103, 103]),
        ("8-99", [108, 109, 110]),
    ],
)
def test_pages_are_taken_in_the_order_wanted(paper, text, expected):
    assert widths(*made("pdf/extract-pages", paper(*range(101, 111)), pages=text)) == expected


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("name", ["pdf/extract-pages", "convert", "pdf/rotate-pages", "watermark"])
def test_pages_beyond_the_end_are_named(paper, name):
    with pytest.raises(ConversionFailed, match="page 4, but the document has only 3 pages"):
        made(name, paper(100, 100, 100), **OTHERS[name] | {"pages": "4-"})


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize(
    ("stands", "rotation", "then"),
    [
        (0, "+90", 90),
        (90, "+90", 180),
        (0, "-90", 270),
        (90, "-90", 0),
        (90, "90", 90),
        (90, "180", 180),
        (90, "+180", 270),
        (90, "270", 270),
        (90, "0", 0),
        (90, 180, 180),
    ],
)
def test_a_sign_turns_from_how_the_page_stands(paper, stands, rotation, then):
    [file] = made("pdf/rotate-pages", paper(100, 100, rotate=stands), rotation=rotation)

    assert [page.rotation % 360 for page in PdfReader(file).pages] == [then, then]


@pytest.mark.needs("qpdf")
def test_only_the_pages_asked_for_are_turned(paper):
    [file] = made("pdf/rotate-pages", paper(100, 100, 100, 100), rotation="+90", pages="1,3-4")

    assert [page.rotation for page in PdfReader(file).pages] == [90, 0, 90, 90]


@pytest.mark.needs("qpdf")
def test_a_conversion_chooses_pages_and_protects(paper):
    [file] = made("convert", paper(101, 102, 103), pages="2-", set_password="p", allow_print="low")

    assert widths(file, "p") == [102, 103]
    assert not allowed(file, "p") & May.PRINT_TO_REPRESENTATION
    assert b"/Linearized" in file.read_bytes()[:1024]


@pytest.mark.needs("qpdf")
def test_a_conversion_with_its_password_takes_protection_away(paper):
    [file] = made("convert", paper(101, password="p"), password="p")

    assert not PdfReader(file).is_encrypted


@pytest.mark.needs("qpdf")
def test_a_conversion_leaves_what_nobody_spoke_of(paper):
    [file] = made("convert", paper(101, password="", owner="o"))

    assert PdfReader(file).is_encrypted and not allowed(file) & May.MODIFY


# --- Bad input


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("name", sorted(OTHERS.keys() - {"merge"}))
@pytest.mark.parametrize("content", [b"%PDF-1.4 hello", b"\x00\xff" * 3000])
def test_what_is_no_document_cannot_be_opened(tmp_path, name, content):
    path = tmp_path / "in.pdf"
    path.write_bytes(content)

    with pytest.raises(OpenFailed):
        made(name, path, **OTHERS[name])


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("name", sorted(OTHERS.keys() - {"merge"}))
def test_a_document_without_pages_is_refused(paper, name):
    with pytest.raises(OpenFailed, match="The file has no pages"):
        made(name, paper(), **OTHERS[name])


@pytest.mark.needs("qpdf")
def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "in.pdf").touch()

    with pytest.raises(EmptyFile):
        made("pdf/decrypt", tmp_path / "in.pdf")


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("name", ["pdf/decrypt", "watermark", "pdf/rotate-pages"])
def test_a_repaired_document_says_so(samples, name):
    [file], result, _ = run(name, samples / "qpdf_xref_loop.pdf", **OTHERS[name])

    assert "part of it may be missing" in result.message
    assert len(PdfReader(file).pages) == 30


@pytest.mark.needs("qpdf")
@pytest.mark.parametrize("name", sorted(OTHERS.keys() - {"merge"}))
def test_a_document_with_too_many_pages_is_refused_with_the_limit(paper, name):
    with pytest.raises(FileTooLarge, match="has 5,001 pages; at most 5,000 are allowed"):
        made(name, paper(*[100] * 5001), **OTHERS[name])


@pytest.mark.needs("qpdf")
def test_a_child_serves_the_next_after_a_refusal(paper):
    with pytest.raises(PasswordRequired):
        made("pdf/decrypt", paper(100, password="p"))

    assert widths(*made("pdf/decrypt", paper(101))) == [101]
