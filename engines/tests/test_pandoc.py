# ruff: noqa: E501 - hostile markup reads best in its own lines
from __future__ import annotations

import base64
import io
import random
import re
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from engines import pandoc
from engines.tests.context import RunContext
from jobs.contract import Work
from jobs.contract.errors import ConversionFailed, EmptyFile, OpenFailed

MADE = io.BytesIO()
Image.new("RGB", (2, 2), "red").save(MADE, "png")
INSIDE = f"data:image/png;base64,{base64.b64encode(MADE.getvalue()).decode()}"
SOURCES = {
    "md": "---\ntitle: A title\n---\n\n# Chapter\n\nGrüße **bold** $x^2$\n\n- one\n- two\n",
    "rst": "Chapter\n=======\n\nGrüße **bold** :math:`x^2`\n\n- one\n- two\n",
    "tex": "\\documentclass{article}\\begin{document}\\section{Chapter}Grüße \\textbf{bold} $x^2$"
    "\\begin{itemize}\\item one\\item two\\end{itemize}\\end{document}",
    "html": "<h1>Chapter</h1><p>Grüße <b>bold</b> <i>x</i><sup>2</sup></p><ul><li>one<li>two</ul>",
    "org": "* Chapter\n\nGrüße *bold* $x^2$\n\n- one\n- two\n",
    "textile": "h1. Chapter\n\nGrüße *bold* x^2^\n\n* one\n* two\n",
    "ipynb": '{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[{"cell_type":"markdown","id":"a","metadata":{},'
    '"source":["# Chapter\\n","\\n","Grüße **bold** $x^2$\\n","\\n","- one\\n","- two"]}]}',
}


def plan(source, target, **facts):
    [op] = [op for op in pandoc.OPERATIONS if op.offers(source, target)]
    work = Work(
        inputs=(Path(f"/input/in.{source}"),),
        output_dir=Path("/output"),
        input_format=source,
        output_format=target,
        facts=facts,
    )
    assert op.run.plan is pandoc.convert
    return pandoc.convert(work)


def test_text_is_read_in_the_sandbox():
    script, command = plan("rst", "html", encoding="utf-8")

    assert script.argv == ["tee", "/output/page.lua"]
    assert command.argv == [
        *("pandoc", "--sandbox", "--from=rst", "--lua-filter=/output/page.lua"),
        *("--to=html5", "--output=/output/in.html", "--standalone", "--mathml", "--", "/input/in.rst"),
    ]


def test_what_is_written_out_of_the_sandbox_has_no_stranger_in_it():
    script, read, write = plan("md", "docx", encoding="utf-8")

    assert script.argv[-1] == "/output/outside.lua" and b"image.caption" in script.stdin
    assert read.argv[1:4] == ["--sandbox", "--from=markdown-raw_tex", "--lua-filter=/output/outside.lua"]
    assert write.argv[-1] == "/output/thought.json"


@pytest.mark.parametrize(
    ("encoding", "code"), [("cp932", "cp932"), ("utf-8-sig", "utf-8"), ("euc_jp", "euc-jp")]
)
def test_other_encodings_are_turned_into_utf8_before(encoding, code):
    decode, read = plan("md", "rst", encoding=encoding)

    assert decode.argv[:2] == ["iconv", f"--from-code={code}"]
    assert read.argv[-1] == "/output/text.md"


def test_each_pair_is_offered_once():
    offered = [pair for op in pandoc.OPERATIONS for pair in op.conversions]

    assert len(offered) == len(set(offered))
    assert not [pair for pair in offered if set(pair) <= pandoc.PACKAGES]


@pytest.fixture
def run(tmp_path):
    """Convert with the real program; return the file made."""
    count = iter(range(100))

    def convert(path, target, context=None, name=""):
        source = path.suffix.removeprefix(".")
        [op] = [op for op in pandoc.OPERATIONS if op.offers(source, target)]
        out = tmp_path / f"out-{next(count)}"
        out.mkdir()
        work = Work(
            inputs=(path,),
            names=(name or path.name,),
            output_dir=out,
            input_format=source,
            output_format=target,
        )
        [file] = op.run(work, context or RunContext()).files
        return file.path

    return convert


@pytest.fixture
def written(tmp_path):
    """Write a text."""

    def write(source, text=None, encoding="utf-8"):
        path = tmp_path / f"in.{source}"
        path.write_bytes((SOURCES[source] if text is None else text).encode(encoding))
        return path

    return write


def content(path):
    """Return what is in a file: in a package, all of its members."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as package:
            return "\n".join(package.read(name).decode("utf-8", "replace") for name in package.namelist())
    return path.read_text(encoding="utf-8")


LOOKS = {
    "md": ("# Chapter", "**bold**"),
    "rst": ("Chapter\n", "**bold**"),
    "tex": ("Chapter", "\\textbf{bold}"),
    "html": (">Chapter</h1>", "<strong>bold</strong>"),
    "org": ("* Chapter", "*bold*"),
    "textile": ("h1", "*bold*"),
    "txt": ("Chapter", "bold"),
    "rtf": ("Chapter", "{\\b bold}"),
    "docx": ('w:val="Heading1"', "<w:b />"),
    "odt": ('text:outline-level="1"', "bold"),
    "epub": (">Chapter</h1>", "<strong>bold</strong>"),
}


@pytest.mark.needs("pandoc")
@pytest.mark.parametrize(("source", "target"), [(s, t) for s in SOURCES for t in LOOKS if s != t])
def test_markup_becomes_what_is_wanted(run, written, source, target):
    text = content(run(written(source), target))

    for look in LOOKS[target]:
        assert look in text
    assert "Grüße" in text or "Gr\\u252?\\u223?e" in text


@pytest.mark.needs("pandoc")
@pytest.mark.parametrize("source", ["docx", "odt", "epub"])
@pytest.mark.parametrize("target", ["md", "rst", "tex", "org", "textile", "html", "txt", "rtf"])
def test_documents_become_markup(run, written, source, target):
    text = content(run(run(written("md"), source).rename(Path(written("md").parent, f"in.{source}")), target))

    assert "Chapter" in text
    assert "Grüße" in text or "Gr\\u252?\\u223?e" in text


@pytest.mark.needs("pandoc")
@pytest.mark.parametrize(
    ("text", "title", "ground"),
    [
        ("Grüße", '&lt;b&gt;Ä"]] .. os.exit() --', "white"),
        ("---\ntitle: Said\nbackgroundcolor: red\n---\nGrüße", "Said", "red"),
    ],
)
def test_a_page_without_a_title_is_called_as_its_file(run, written, text, title, ground):
    page = content(run(written("md", text), "html", name='<b>Ä"]] .. os.exit() --.md'))

    assert f"<title>{title}</title>" in page
    assert f"background-color: {ground};" in page


@pytest.mark.needs("pandoc")
def test_formulas_are_shown_without_scripts(run, written):
    page = content(run(written("md"), "html"))

    assert "<msup>" in page
    assert "<script" not in page


@pytest.mark.needs("pandoc")
@pytest.mark.parametrize("source", ["docx", "odt", "epub"])
def test_pictures_come_along(run, written, source):
    document = run(written("md", f"# A\n\n![]({INSIDE})"), source)

    page = content(run(document.rename(document.parent / f"in.{source}"), "html"))

    assert re.search(r'src="data:image/png;base64,iVBOR', page)


@pytest.mark.needs("pandoc", "iconv")
@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_text_is_read_whatever_its_encoding(run, written, encoding):
    assert "Grüße" in content(run(written("md", encoding=encoding), "html"))


@pytest.mark.needs("pandoc", "iconv")
def test_japanese_is_read(run, written):
    assert "日本語のテキスト" in content(run(written("rst", "日本語のテキスト\n", "cp932"), "html"))


SECRET = "kqsecret"
LEADING_OUT = {
    "include.rst": ".. include:: {file}\n",
    "literal.rst": ".. literalinclude:: {file}\n",
    "raw.rst": ".. raw:: html\n   :file: {file}\n",
    "raw url.rst": ".. raw:: html\n   :url: file://{file}\n",
    "table.rst": ".. csv-table:: x\n   :file: {file}\n",
    "code.rst": ".. include:: {file}\n   :code: text\n",
    "image.rst": ".. image:: {file}\n.. figure:: file://{file}\n",
    "input.tex": "\\input{{{file}}} \\include{{{file}}} \\verbatiminput{{{file}}} \\lstinputlisting{{{file}}}\n",
    "graphics.tex": "\\usepackage{{{file}}}\\includegraphics{{{file}}} \\write18{{touch {marker}}}\n",
    "shell.tex": "\\immediate\\write18{{touch {marker}}}\\directlua{{os.execute('touch {marker}')}}\n",
    "include.org": '#+INCLUDE: "{file}"\n#+INCLUDE: "{file}" src text\n[[file:{file}]]\n',
    "code.org": "#+BEGIN_SRC sh :exports results\ntouch {marker}\n#+END_SRC\n#+SETUPFILE: {file}\n",
    "image.md": "![a]({file}) ![b](file://{file}) ![c](in.md) ![d](http://127.0.0.1:9/x.png)\n",
    "raw.md": "<img src='{file}'> \\input{{{file}}}\n\n```{{=latex}}\n\\input{{{file}}}\n```\n\n<iframe src='file://{file}'></iframe>\n",
    "metadata.md": "---\nbibliography: {file}\ncsl: {file}\ncss: {file}\nheader-includes: '<script src={file}></script>'\n"
    "reference-doc: {file}\ntemplate: {file}\ncover-image: {file}\nepub-cover-image: {file}\ninclude-before: '![]({file})'\n---\nx [@a]\n",
    "image.html": "<img src='{file}'><img src='file://{file}'><link rel=stylesheet href='{file}'><object data='{file}'></object>"
    "<iframe src='file://{file}'></iframe><script src='{file}'></script>",
    "image.textile": "!{file}! !file://{file}!\n",
    "image.ipynb": '{{"nbformat":4,"nbformat_minor":5,"metadata":{{}},"cells":[{{"cell_type":"markdown","id":"a","metadata":{{}},'
    '"source":["![a]({file})"]}}]}}',
}


@pytest.mark.needs("pandoc")
@pytest.mark.parametrize(
    ("name", "target"),
    [
        (name, target)
        for name in LEADING_OUT
        for target in ("html", "docx", "odt", "epub", "tex")
        if not name.endswith(f".{target}")
    ],
)
def test_what_leads_outside_is_not_followed(run, written, tmp_path, name, target):
    # Beside the input, where the program can see it.
    secret, marker = tmp_path / "secret.txt", tmp_path / "marker"
    secret.write_text(SECRET)
    source = name.rpartition(".")[2]

    for place in ("secret.txt", f"{secret}", "/input/secret.txt", "../input/secret.txt"):
        text = LEADING_OUT[name].format(file=place, marker=marker)
        try:
            made = content(run(written(source, text), target))
        except ConversionFailed as refusal:
            made = refusal.message

        assert SECRET not in made
        assert base64.b64encode(SECRET.encode()).decode()[:8] not in made
        assert not marker.exists()


@pytest.mark.needs("pandoc")
def test_a_text_that_includes_another_is_told_so(run, written):
    with pytest.raises(ConversionFailed, match="brings in another file"):
        run(written("rst", ".. csv-table:: x\n   :file: other.csv\n"), "html")


# --- Bad input


@pytest.mark.needs("pandoc")
@pytest.mark.parametrize("source", sorted(pandoc.READ))
def test_random_bytes_cannot_be_opened(tmp_path, run, source):
    path = tmp_path / f"in.{source}"
    path.write_bytes(random.Random(7).randbytes(5000))

    with pytest.raises(OpenFailed):
        run(path, "md" if source != "md" else "html")


@pytest.mark.needs("pandoc")
@pytest.mark.parametrize(
    ("source", "text"), [("ipynb", "no json"), ("tex", "\\begin{document}\\begin{itemize}{{"), ("docx", "PK")]
)
def test_what_cannot_be_read_is_told(run, written, source, text):
    with pytest.raises(OpenFailed):
        run(written(source, text), "html")


@pytest.mark.needs("pandoc")
def test_an_empty_file_is_refused(run, written):
    with pytest.raises(EmptyFile):
        run(written("md", ""), "html")
