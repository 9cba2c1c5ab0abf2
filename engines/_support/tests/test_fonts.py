from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from engines import libreoffice, rsvg
from engines._support import bubblewrap, confinement, font_cache, fonts, inner_etc, launcher
from engines._support.cells import Cell
from engines._support.room import Room
from engines.tests import running

OWN = "Operators Own"
STAND_INS = {
    "SimSun": "Noto Serif CJK SC",
    "宋体": "Noto Serif CJK SC",
    "Microsoft YaHei": "Noto Sans CJK SC",
    "PMingLiU": "Noto Serif CJK TC",
    "MS Gothic": "Noto Sans Mono CJK JP",
    "MS PGothic": "Noto Sans CJK JP",
    "游明朝": "Noto Serif CJK JP",
    "Malgun Gothic": "Noto Sans CJK KR",
    "Batang": "Noto Serif CJK KR",
    "Arial": "Liberation Sans",
    "Times New Roman": "Liberation Serif",
    "Calibri": "Carlito",
    "Cambria": "Caladea",
    "Segoe UI": "Noto Sans",
    "Verdana": "DejaVu Sans",
    "Tahoma": "DejaVu Sans:Condensed",
    "Georgia": "Noto Serif",
    "Trebuchet MS": "Liberation Sans",
    "Helvetica Neue": "Liberation Sans",
    "Consolas": "Noto Sans Mono",
    "Impact": "Liberation Sans Narrow:Bold",
    "Arial Black": "Liberation Sans:Bold",
    "Wingdings": "OpenSymbol",
    "Symbol": "Standard Symbols PS",
    "Mangal": "Noto Sans Devanagari",
    "Traditional Arabic": "Noto Naskh Arabic",
    ":lang=ar": "Noto Sans Arabic",
    "serif:lang=ar": "Noto Naskh Arabic",
    ":lang=he": "Noto Sans Hebrew",
    ":lang=hi": "Noto Sans Devanagari",
    ":lang=th": "Noto Sans Thai",
    ":lang=ja": "Noto Sans CJK JP",
    ":lang=zh-tw": "Noto Sans CJK TC",
}
WITHOUT_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users to give")
TIERS = ["bubblewrap", pytest.param("landlock", marks=WITHOUT_ROOT)]


def said(argv, tier):
    """Return what a program says in a cell that shows it nothing but the system."""
    with Cell(Room(), tier=confinement.TIERS[tier]) as cell:
        return launcher.run(argv, cell=cell, deadline=time.monotonic() + 60).words


@pytest.fixture
def own_fonts(tmp_path, monkeypatch):
    """Have a folder of fonts, as a worker has that was started with one."""
    caches = (fonts.folder, inner_etc.folder, bubblewrap.system)
    folder = tmp_path / "own fonts"
    folder.mkdir(mode=0o755)
    [source, *_] = Path("/usr/share/fonts").rglob("LiberationSans-Regular.ttf")
    with TTFont(source) as font:
        for number, name in ((1, OWN), (4, OWN), (6, OWN.replace(" ", "")), (16, OWN)):
            font["name"].setName(name, number, 3, 1, 0x409)
            font["name"].setName(name, number, 1, 0, 0)
        font.save(folder / "own.ttf")
    monkeypatch.setenv(fonts.VARIABLE, f"{folder}")
    for cache in caches:
        cache.cache_clear()
    yield folder
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def fonts_in(path):
    """Return the names of the fonts of a PDF's first page, without the marks of a part."""
    resources = PdfReader(path).pages[0]["/Resources"].get_object()
    found = {}
    for font in resources["/Font"].get_object().values():
        found[f"{font.get_object()['/BaseFont']}".rpartition("+")[2]] = True
    return set(found)


@pytest.mark.needs("fc-match")
@pytest.mark.parametrize("tier", TIERS)
def test_names_and_scripts_have_stand_ins(tier):
    script = 'for name; do fc-match -f "%{family[0]}:%{style[0]}\\n" "$name"; done'

    lines = said(["dash", "-c", script, "dash", *STAND_INS], tier).splitlines()

    found = dict(zip(STAND_INS, lines, strict=True))
    assert {name: line for name, line in found.items() if not line.startswith(STAND_INS[name])} == {}


@pytest.mark.needs("fc-match")
@pytest.mark.parametrize("tier", TIERS)
def test_the_operator_s_fonts_are_seen_and_found_out_about_once(own_fonts, tier):
    font_cache.fill(confinement.TIERS[tier])

    debug = ["dash", "-c", f"FC_DEBUG=128 fc-match '{OWN}'"]  # says which folders it reads itself
    words = said(debug, tier)

    assert words.splitlines()[-1] == f'own.ttf: "{OWN}" "Regular"'
    assert "scanning" not in words.lower()


@pytest.mark.needs("fc-match")
def test_what_is_found_out_is_not_taken_from_who_could_write_it(own_fonts):
    kept = inner_etc.folder(None) / "fonts" / fonts.CACHE

    assert said(["dash", "-c", "echo > /etc/fonts/cache/x; echo > /fonts/x; fc-cache -f"], "bubblewrap")

    assert list(kept.iterdir()) == []
    assert [path.name for path in own_fonts.iterdir()] == ["own.ttf"]


@pytest.mark.needs("rsvg-convert")
def test_drawings_use_the_operator_s_fonts(own_fonts, tmp_path, out):
    path = tmp_path / "in.svg"
    text = f'<text y="50" font-family="{OWN}">AV</text>'
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90">{text}</svg>')

    assert fonts_in(running.run(rsvg.OPERATIONS, path, out, "pdf")) == {"OperatorsOwn"}


@pytest.mark.needs("soffice")
def test_documents_use_the_operator_s_fonts_and_stand_ins(own_fonts, tmp_path, out):
    path = tmp_path / "in.rtf"
    table = rf"{{\fonttbl{{\f0 {OWN};}}{{\f1 SimSun;}}{{\f2 Georgia;}}}}"
    path.write_text(rf"{{\rtf1\ansi{table}\f0 AV \f1\u20013?\u25991? \f2 Georgia\par}}")
    record, work = running.work_for(libreoffice.OPERATIONS, path, out, "pdf")
    # One of its own: the module's may be warm already, without these fonts.
    warm = replace(record.run)
    try:
        [made] = warm(work, running.RunContext()).files
    finally:
        warm.close()

    found = fonts_in(made.path)
    assert "OperatorsOwn" in found
    assert any(name.startswith("NotoSerifCJKsc") for name in found)
    assert any(name.startswith("NotoSerif") and "CJK" not in name for name in found)


def test_a_folder_that_is_none_is_told_to_the_operator(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv(fonts.VARIABLE, f"{tmp_path / 'nowhere'}")

    assert fonts.folder.__wrapped__() is None
    assert "is no folder" in caplog.text


@WITHOUT_ROOT
def test_a_folder_that_engines_cannot_read_is_told_to_the_operator(tmp_path, monkeypatch, caplog):
    folder = tmp_path / "closed" / "fonts"
    folder.mkdir(parents=True)
    monkeypatch.setenv(fonts.VARIABLE, f"{folder}")
    assert fonts.folder.__wrapped__() == folder

    folder.parent.chmod(0o700)

    assert fonts.folder.__wrapped__() is None
    assert f"{folder.parent} is closed" in caplog.text
