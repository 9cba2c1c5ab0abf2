from __future__ import annotations

import struct
from pathlib import Path

import pytest
from fontTools import t1Lib
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from engines import fontforge, woff2
from engines._support import eot_file
from engines.tests import running
from jobs.contract import detection
from jobs.contract.errors import EmptyFile, EngineCrashed, OpenFailed

KERN = "feature kern { pos A V -120; } kern;"
FF = ["fontforge", "-lang=ff", "-c", fontforge.SCRIPT]
pytestmark = pytest.mark.needs("fontforge", "woff2_compress")


def triangle(width):
    pen = TTGlyphPen(None)
    pen.moveTo((50, 0))
    pen.lineTo((width // 2, 700))
    pen.lineTo((width - 50, 0))
    pen.closePath()
    return pen.glyph()


def build(path, family="Try Sans Ä"):
    """Make a font of three glyphs, with kerning."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "A", "V", "Adieresis"])
    builder.setupCharacterMap({0x41: "A", 0x56: "V", 0xC4: "Adieresis"})
    builder.setupGlyf({name: triangle(600) for name in (".notdef", "A", "V", "Adieresis")})
    builder.setupHorizontalMetrics(
        {".notdef": (600, 50), "A": (610, 50), "V": (620, 50), "Adieresis": (630, 50)}
    )
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "version": "Version 1.5"})
    builder.setupOS2(
        sTypoAscender=800, sTypoDescender=-200, usWinAscent=900, usWinDescent=250, usWeightClass=400
    )
    builder.setupPost()
    builder.addOpenTypeFeatures(KERN)
    builder.save(path)
    return path


@pytest.fixture
def font(tmp_path):
    return build(tmp_path / "in.ttf")


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def convert(out):
    """Convert a font, and return where the result lies."""

    def run(path, target, engine=fontforge):
        return running.run(engine.OPERATIONS, path, out, target)

    return run


def kerning(font):
    """Return how near A and V stand to each other."""
    for lookup in font["GPOS"].table.LookupList.Lookup:
        for table in (getattr(each, "ExtSubTable", each) for each in lookup.SubTable):
            if "A" not in table.Coverage.glyphs:
                continue
            if table.Format == 1:
                pairs = table.PairSet[table.Coverage.glyphs.index("A")].PairValueRecord
                return next(pair.Value1.XAdvance for pair in pairs if pair.SecondGlyph == "V")
            row = table.Class1Record[table.ClassDef1.classDefs.get("A", 0)]
            return row.Class2Record[table.ClassDef2.classDefs.get("V", 0)].Value1.XAdvance
    return None


def check(path, *, shapes, family="Try Sans Ä"):
    """Hold a font that was made against the one it was made of."""
    with TTFont(path) as found:
        assert shapes in found
        glyphs, cmap = found.getGlyphSet(), found.getBestCmap()
        assert {0x41, 0x56, 0xC4} <= set(cmap)
        assert [found["hmtx"][cmap[code]][0] for code in (0x41, 0x56, 0xC4)] == [610, 620, 630]
        pen = BoundsPen(glyphs)
        glyphs["A"].draw(pen)
        assert pen.bounds == (50, 0, 550, 700)
        assert found["name"].getDebugName(1) == family
        assert (found["head"].unitsPerEm, found["hhea"].ascent, found["OS/2"].usWinDescent) == (
            1000,
            800,
            250,
        )
        assert kerning(found) == -120


def planned(source, target):
    _, work = running.work_for(fontforge.OPERATIONS, Path(f"in/in.{source}"), Path("out"), target)
    return [command.argv for command in fontforge.convert(work)]


def test_names_are_arguments_and_no_part_of_the_script():
    assert planned("ttf", "otf") == [[*FF, "in/in.ttf", "out/in.otf"]]


def test_the_wrapper_is_taken_off_before_and_put_on_after():
    python = ["/usr/bin/python3", "-I", "-S", "-"]

    assert planned("eot", "woff") == [
        [*python, "unwrap", "in/in.eot", "out/bare.ttf"],
        [*FF, "out/bare.ttf", "out/in.woff"],
    ]
    assert planned("otf", "eot") == [
        [*FF, "in/in.otf", "out/bare.ttf"],
        [*python, "wrap", "out/bare.ttf", "out/in.eot"],
    ]
    assert planned("ttf", "eot") == [[*python, "wrap", "in/in.ttf", "out/in.eot"]]


@pytest.mark.parametrize(("target", "shapes"), [("otf", "CFF "), ("woff", "glyf")])
def test_glyphs_names_metrics_and_kerning_are_kept(convert, font, target, shapes):
    check(convert(font, target), shapes=shapes)


def test_shapes_come_back_from_the_other_kind(convert, font, tmp_path):
    other = convert(font, "otf").rename(tmp_path / "in.otf")

    check(convert(other, "ttf"), shapes="glyf")


def test_a_font_comes_out_of_eot_as_it_went_in(convert, font, tmp_path):
    wrapped = convert(font, "eot").rename(tmp_path / "in.eot")

    assert detection.detect(wrapped).format == "eot"
    assert eot_file.unwrap(wrapped.read_bytes()) == font.read_bytes()
    assert "Try Sans Ä".encode("utf-16-le") in wrapped.read_bytes()
    check(convert(wrapped, "ttf"), shapes="glyf")


def test_a_masked_eot_is_opened_and_a_compressed_one_refused(font):
    wrapped = bytearray(eot_file.wrap(font.read_bytes()))
    start = len(wrapped) - font.stat().st_size
    masked = wrapped[:start] + bytes(byte ^ eot_file.MASK for byte in wrapped[start:])
    struct.pack_into("<I", masked, 12, eot_file.MASKED)
    assert eot_file.unwrap(bytes(masked)) == font.read_bytes()

    struct.pack_into("<I", wrapped, 12, eot_file.COMPRESSED)
    with pytest.raises(eot_file.Refused, match="compressed"):
        eot_file.unwrap(bytes(wrapped))


def test_a_type_1_font_is_opened(convert, font, tmp_path):
    path = tmp_path / "in.pfb"
    t1Lib.T1Font("/usr/share/fonts/type1/urw-base35/NimbusSans-Regular.t1").saveAs(path, "PFB")
    assert detection.detect(path).format == "pfb"

    with TTFont(convert(path, "otf")) as found:
        assert found["name"].getDebugName(1) == "Nimbus Sans"
        assert found["hmtx"]["A"][0] == 667


def test_an_svg_font_holds_the_glyphs(convert, font):
    text = convert(font, "svg").read_text()

    assert "<font " in text and 'unicode="V"' in text


def test_packing_touches_nothing(convert, font, tmp_path):
    packed = convert(font, "woff2", woff2).rename(tmp_path / "in.woff2")
    assert packed.read_bytes()[:4] == b"wOF2"

    back = convert(packed, "ttf", woff2)

    check(back, shapes="glyf")
    with TTFont(back) as made, TTFont(font) as given:
        assert set(made.keys()) - {"DSIG"} == set(given.keys())


def test_a_packed_font_of_the_other_kind_is_drawn_anew(convert, font, tmp_path):
    packed = convert(font, "woff2", woff2).rename(tmp_path / "in.woff2")

    check(convert(packed, "otf", woff2), shapes="CFF ")


def test_every_kind_can_be_packed(convert, font, tmp_path):
    path = convert(font, "woff").rename(tmp_path / "in.woff")

    assert convert(path, "woff2").read_bytes()[:4] == b"wOF2"


BEGINNINGS = {
    "ttf": b"\0\1\0\0",
    "otf": b"OTTO\0",
    "woff": b"wOFF\0\1\0\0",
    "woff2": b"wOF2\0\1\0\0",
    "eot": 34 * b"\0" + b"LP",
    "pfb": b"\x80\1\0\4\0\0%!PS-AdobeFont",
}


@pytest.mark.parametrize("source", BEGINNINGS)
def test_a_broken_font_ends_with_a_clear_error(convert, tmp_path, source):
    path = tmp_path / f"in.{source}"
    path.write_bytes(BEGINNINGS[source] + b"\0\7" + b"\xff\xff\0\1" * 2000)
    assert detection.detect(path).format == source

    # Some it dies of.
    with pytest.raises((OpenFailed, EngineCrashed)):
        convert(path, "svg")


@pytest.mark.parametrize("engine", [fontforge, woff2])
def test_an_empty_font_is_refused(convert, tmp_path, engine):
    path = tmp_path / "in.ttf"
    path.touch()

    with pytest.raises(EmptyFile):
        convert(path, "woff2", engine)


def test_what_is_cut_off_is_no_font_to_unpack(convert, font, tmp_path):
    packed = convert(font, "woff2", woff2).rename(tmp_path / "in.woff2")
    packed.write_bytes(packed.read_bytes()[:-40])

    with pytest.raises(OpenFailed):
        convert(packed, "ttf", woff2)


def test_fontforge_s_own_files_are_no_fonts_to_convert(tmp_path):
    # They may hold Python objects, which it would wake up.
    path = tmp_path / "in.pfb"
    path.write_text('SplineFontDB: 3.2\nFontName: x\nPickledData: "cos\\nsystem\\n"\n')

    finding = detection.detect(path)

    for claimed in fontforge.SOURCES:
        assert not detection.agrees(claimed, finding)


def test_nobody_goes_on_from_the_glyphs_in_an_svg():
    final = {pair for record in fontforge.OPERATIONS if record.final for pair in record.conversions}

    assert final == {(source, "svg") for source in fontforge.SOURCES}
