from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject, TextStringObject

from engines import ghostscript
from engines._support import ghostscript_optimize, ghostscript_pdf_a
from engines.tests.context import RunContext
from jobs.contract import Work
from jobs.contract.errors import ConversionFailed, EmptyFile, OpenFailed, PasswordRequired, TaskError

VALIDATED = pytest.mark.needs("java", f"{ghostscript_pdf_a.VALIDATOR}")
SPOKEN = "%!PS-Adobe-3.0\n/Helvetica findfont 30 scalefont setfont {} 72 700 moveto (Hello {}) show {}\n"


def operation(source, target, name="convert"):
    [found] = [op for op in ghostscript.OPERATIONS if op.name == name and op.offers(source, target)]
    return found


def work_for(path, output_dir, target, name="convert", **options):
    op = operation(path.suffix[1:], target, name)
    known = {o.name: o.default for o in op.options}
    assert set(options) <= set(known)
    return Work(
        inputs=(path,),
        output_dir=output_dir,
        input_format=path.suffix[1:],
        output_format=target or path.suffix[1:],
        options=known | {o.name: o.read(options[o.name]) for o in op.options if o.name in options},
    )


def run(path, output_dir, target, name="convert", **options):
    context = RunContext(seconds=200)
    for earlier in output_dir.iterdir():
        earlier.unlink()
    work = work_for(path, output_dir, target, name, **options)
    return operation(path.suffix[1:], target, name).run(work, context), context


def optimized(path, out, **options):
    result, _ = run(path, out, None, "optimize", **options)
    [file] = result.files
    return file.path, result.message


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def postscript(tmp_path):
    def make(text, kind="ps"):
        path = tmp_path / f"in.{kind}"
        path.write_text(text)
        return path

    return make


@pytest.fixture
def rich(samples, tmp_path):
    """A document with a photo of 300 dots per inch, text, a link, a bookmark, and perhaps a form."""

    def make(*, form=False, **protection):
        noise = Image.effect_noise((1200, 900), 60)
        photo = Image.merge("RGB", (noise, Image.radial_gradient("L").resize((1200, 900)), noise))
        file = io.BytesIO()
        photo.save(file, "PDF", quality=95, resolution=300)
        writer = PdfWriter()
        writer.append(file)
        writer.append(samples / "tika_text.pdf")
        writer.add_outline_item(title="Chapter", page_number=1)
        writer.add_annotation(1, Link(rect=(50, 50, 200, 80), url="https://example.org/x"))
        writer.add_metadata({"/Title": "My title"})
        if form:
            field = DictionaryObject(
                {
                    NameObject("/FT"): NameObject("/Sig"),
                    NameObject("/T"): TextStringObject("signature"),
                    NameObject("/Type"): NameObject("/Annot"),
                    NameObject("/Subtype"): NameObject("/Widget"),
                    NameObject("/Rect"): ArrayObject(NumberObject(each) for each in (10, 10, 90, 90)),
                }
            )
            reference = writer._add_object(field)
            writer.pages[0][NameObject("/Annots")] = ArrayObject([reference])
            fields = DictionaryObject({NameObject("/Fields"): ArrayObject([reference])})
            writer._root_object[NameObject("/AcroForm")] = fields
        if protection:
            writer.encrypt(**protection)
        writer.write(tmp_path / "in.pdf")
        return tmp_path / "in.pdf"

    return make


def words_of(path):
    return "".join("".join(page.extract_text().split()) for page in PdfReader(path).pages)


def widths_of(path):
    return [image.image.width for image in PdfReader(path).pages[0].images]


def links_of(path):
    found = [each.get_object() for page in PdfReader(path).pages for each in page.get("/Annots", [])]
    return [each["/A"].get("/URI") for each in found if each["/Subtype"] == "/Link" and "/A" in each]


@pytest.mark.parametrize(("target", "plan"), [("pdf", ghostscript.to_pdf), ("ps", ghostscript.to_postscript)])
def test_every_run_is_safe_and_ends(target, plan):
    source = "in/in.ps" if target == "pdf" else "in/in.pdf"
    work = replace(work_for(Path(source), Path("out"), target, pages="2-"), facts={"pages": 9})

    [command] = plan(work)

    assert command.argv[:4] == ["gs", "-dSAFER", "-dNOPAUSE", "-dBATCH"]
    assert "-sPageList=2-9" in command.argv
    assert command.argv[-2:] == ["-f", source]


@pytest.mark.parametrize(
    ("before", "after", "sentence"), [(100, 60, "40%"), (1000, 996, "0%"), (100, 130, "0%"), (3, 1, "66%")]
)
def test_the_sentence_never_promises_too_much(before, after, sentence):
    assert ghostscript_optimize.reduced(before, after) == f"File size reduced by {sentence}"


@pytest.mark.parametrize(
    ("profile", "form", "harder"),
    [("web", False, [0, 0, 0]), ("max", False, [0, 0, 0]), ("web", True, [1]), ("archive", False, [1])],
)
def test_streams_are_packed_anew_only_where_nothing_else_is_done(profile, form, harder):
    work = work_for(Path("in/in.pdf"), Path("out"), None, "optimize", profile=profile)

    commands = ghostscript.optimize(replace(work, facts={"pages": 9, "form": form, "locked": False}))

    assert ["--recompress-flate" in command.argv for command in commands] == harder
    assert all(("--linearize" in each.argv) == (profile == "web") for each in commands if "qpdf" in each.argv)


def test_the_names_of_commercial_engines_are_answered_to():
    assert operation("pdf", None, "optimize").answers_to("3heights")
    assert operation("pdf", None, "pdf/a").answers_to("3heights")
    assert not operation("pdf", None, "pdf/a").answers_to("bcl")


@pytest.mark.needs("gs")
def test_postscript_becomes_a_pdf_of_the_pages_chosen(postscript, out):
    path = postscript(SPOKEN.format("", "one", "showpage") + "72 600 moveto (second) show showpage")

    result, _ = run(path, out, "pdf")
    assert len(PdfReader(result.files[0].path).pages) == 2
    result, _ = run(path, out, "pdf", pages="2")
    assert words_of(result.files[0].path) == "second"
    with pytest.raises(ConversionFailed, match="page 7, but the document has only 2 pages"):
        run(path, out, "pdf", pages="7")


@pytest.mark.needs("gs")
@pytest.mark.parametrize("end", ["showpage", ""])
def test_an_eps_is_as_large_as_its_box(postscript, out, end):
    text = SPOKEN.format("", "box", end).replace("3.0\n", "3.0 EPSF-3.0\n%%BoundingBox: 50 650 350 750\n", 1)

    result, _ = run(postscript(text, "eps"), out, "pdf")

    [page] = PdfReader(result.files[0].path).pages
    assert (round(page.mediabox.width), round(page.mediabox.height)) == (300, 100)
    assert words_of(result.files[0].path) == "Hellobox"


@pytest.mark.needs("gs", "pdfinfo")
def test_pages_become_one_postscript_or_an_eps_each(samples, out):
    ps, _ = run(samples / "qpdf_xref_loop.pdf", out, "ps", pages="3-4")
    eps, context = run(samples / "qpdf_xref_loop.pdf", out, "eps", pages="3,30")

    assert [file.path.name for file in ps.files] == ["qpdf_xref_loop.ps"]
    assert [file.path.name for file in eps.files] == ["qpdf_xref_loop-3.eps", "qpdf_xref_loop-30.eps"]
    assert all(b"EPSF" in file.path.read_bytes()[:40] for file in eps.files)
    assert 50 in context.percents


@pytest.mark.needs("gs")
@pytest.mark.parametrize("text", ["%!PS-Adobe-3.0\n(cut off", "%!PS-Adobe-3.0\nnonsense", "%!PS\n% no page"])
def test_damaged_postscript_cannot_be_opened(postscript, out, text):
    with pytest.raises(OpenFailed):
        run(postscript(text), out, "pdf")


@pytest.mark.needs("gs")
@pytest.mark.parametrize("deed", ["(/etc/passwd) (r) file", "(%pipe%id) (r) file", "(/output/x) (w) file"])
def test_a_document_opens_no_file_and_starts_no_program(postscript, out, deed):
    with pytest.raises(ConversionFailed, match="opens other files or starts programs"):
        run(postscript(SPOKEN.format(deed, "", "showpage")), out, "pdf")

    assert list(out.iterdir()) == []


@pytest.mark.needs("gs")
def test_a_document_without_end_is_stopped(postscript, out):
    work = work_for(postscript("%!PS\n{ } loop"), out, "pdf")

    with pytest.raises(TaskError) as failure:
        operation("ps", "pdf").run(work, RunContext(seconds=1))

    assert failure.value.code == "TIMEOUT"


@pytest.mark.needs("gs")
def test_an_empty_file_is_refused(postscript, out):
    with pytest.raises(EmptyFile):
        run(postscript(""), out, "pdf")


@pytest.mark.needs("gs", "qpdf", "pdfinfo")
@pytest.mark.parametrize(
    ("profile", "width"), [("web", 600), ("print", 1200), ("archive", 1200), ("mrc", 400), ("max", 288)]
)
def test_a_profile_decides_on_pictures_and_keeps_all_else(rich, out, profile, width):
    path = rich()

    file, message = optimized(path, out, profile=profile)

    assert widths_of(file) == [pytest.approx(width, abs=2)]
    assert words_of(file) == words_of(path)
    reader = PdfReader(file)
    assert ([each.title for each in reader.outline], reader.metadata.title) == (["Chapter"], "My title")
    assert links_of(file) == ["https://example.org/x"]
    assert file.stat().st_size <= path.stat().st_size
    assert int(message.removeprefix("File size reduced by ").removesuffix("%")) >= 0
    assert [each.name for each in out.iterdir()] == ["in.pdf"]


@pytest.mark.needs("gs", "qpdf", "pdfinfo")
def test_web_beats_print_and_max_beats_web(rich, out):
    path = rich()

    sizes = {each: optimized(path, out, profile=each)[0].stat().st_size for each in ("print", "web", "max")}

    assert sizes["max"] < sizes["web"] < sizes["print"]


@pytest.mark.needs("gs", "qpdf", "pdfinfo")
def test_what_is_small_already_never_gets_larger(rich, out, tmp_path):
    first, _ = optimized(rich(), out, profile="max")
    again = Path(shutil.copy(first, tmp_path / "again.pdf"))

    file, message = optimized(again, out, profile="archive")

    assert file.stat().st_size <= again.stat().st_size
    assert message == "File size reduced by 0%"


@pytest.mark.needs("gs", "qpdf", "pdfinfo")
def test_a_form_stays_unless_it_is_to_be_flattened(rich, out):
    path = rich(form=True)

    kept, _ = optimized(path, out)
    assert list(PdfReader(kept).get_fields()) == ["signature"]
    flat, _ = optimized(path, out, flatten_signatures=True)
    assert not PdfReader(flat).get_fields()
    assert words_of(flat) == words_of(path)


@pytest.mark.needs("gs", "qpdf", "pdfinfo")
@pytest.mark.parametrize(("colorspace", "mode"), [("grayscale", "L"), ("cmyk", "CMYK"), ("rgb", "RGB")])
def test_colours_are_converted(rich, out, colorspace, mode):
    file, _ = optimized(rich(), out, colorspace=colorspace)

    assert [image.image.mode for image in PdfReader(file).pages[0].images] == [mode]


@pytest.mark.needs("gs", "qpdf", "pdfinfo")
def test_a_password_opens_and_is_asked_for(rich, out):
    path = rich(user_password="open", owner_password="owner", algorithm="AES-256")

    file, _ = optimized(path, out, password="open")
    assert not PdfReader(file).is_encrypted
    for options in ({}, {"password": "wrong"}):
        with pytest.raises(PasswordRequired):
            optimized(path, out, **options)


@pytest.mark.needs("gs", "qpdf", "pdfinfo")
@pytest.mark.parametrize("name", ["optimize", "pdf/a"])
def test_what_the_owner_does_not_let_be_changed_is_not(rich, out, name, monkeypatch):
    monkeypatch.setattr(ghostscript_pdf_a, "VALIDATOR", Path(__file__))
    protection = {"user_password": "", "owner_password": "owner", "permissions_flag": 0}

    with pytest.raises(ConversionFailed, match="owner does not permit"):
        run(rich(**protection, algorithm="RC4-128"), out, None, name)


@pytest.mark.needs("gs", "pdfinfo")
@pytest.mark.parametrize("content", [b"%PDF-1.4 hello", b"\x00\xff" * 3000])
def test_damaged_documents_cannot_be_opened(tmp_path, out, content):
    (tmp_path / "in.pdf").write_bytes(content)

    with pytest.raises(OpenFailed):
        optimized(tmp_path / "in.pdf", out)


def proof(path, level):
    """Ask the validator, outside of everything of ours."""
    argv = ["java", "-cp", ghostscript_pdf_a.VALIDATOR, "org.verapdf.apps.GreenfieldCliWrapper", "-f", level]
    return subprocess.run([*argv, path], check=False, capture_output=True).returncode == 0


@VALIDATED
@pytest.mark.needs("gs", "qpdf", "pdfinfo", "mutool")
@pytest.mark.parametrize("level", ["1b", "2b", "3b"])
def test_a_pdf_a_conforms_and_is_still_the_document(rich, out, level):
    path = rich()

    result, context = run(path, out, None, "pdf/a", conformance_level=level)

    [file] = [each.path for each in result.files]
    assert not proof(path, level) and proof(file, level)
    reader = PdfReader(file)
    assert (len(reader.pages), reader.metadata.title) == (2, "My title")
    assert words_of(file) == words_of(path)
    assert links_of(file) == ["https://example.org/x"]
    assert f'pdfaid:part="{level[0]}"'.encode() in reader.root_object["/Metadata"].get_data().replace(
        b"'", b'"'
    )
    assert "/OutputIntents" in reader.root_object
    assert [argv[0] for argv, _ in context.recorded] == ["pdfinfo", "mutool", "gs", "qpdf", "java"]


@VALIDATED
@pytest.mark.needs("gs", "qpdf", "pdfinfo", "mutool")
def test_what_does_not_conform_is_no_result_and_the_rules_are_named(rich, out, monkeypatch):
    def label_only(work):
        *others, last = ghostscript_pdf_a.conform(work)
        return [replace(others[0], outputs=(), argv=["cp", f"{work.input}", f"{work.output}"]), last]

    record = operation("pdf", None, "pdf/a")
    work = work_for(rich(), out, None, "pdf/a")

    with pytest.raises(ConversionFailed, match=r"does not conform to PDF/A.*6\.6\.2\.1: The Catalog"):
        replace(record.run, plan=label_only)(work, RunContext(seconds=200))


@VALIDATED
@pytest.mark.needs("gs", "qpdf", "pdfinfo", "mutool")
def test_a_pdf_a_that_lost_its_pages_is_no_result(rich, out):
    # An empty document conforms: the validator alone would let it pass.
    def one_page_only(work):
        copying, writing, *others = ghostscript_pdf_a.conform(work)
        return [
            copying,
            replace(writing, argv=[*writing.argv[:-2], "-dLastPage=1", *writing.argv[-2:]]),
            *others,
        ]

    record = operation("pdf", None, "pdf/a")
    work = work_for(rich(), out, None, "pdf/a")

    with pytest.raises(TaskError):
        replace(record.run, plan=one_page_only)(work, RunContext(seconds=200))


def test_without_a_validator_nothing_is_called_pdf_a(rich, out, monkeypatch):
    monkeypatch.setattr(ghostscript_pdf_a, "VALIDATOR", Path("/nowhere/verapdf.jar"))

    with pytest.raises(TaskError, match="program that proves it is not installed"):
        run(rich(), out, None, "pdf/a")
