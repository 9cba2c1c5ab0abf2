from __future__ import annotations

import pytest

from engines._support import watermark_text
from engines._support.watermark_options import FONTS


@pytest.mark.parametrize(
    ("name", "family", "weight", "style"),
    [
        ("Arial Bold Italic", "Arial, Liberation Sans, DejaVu Sans, sans-serif", "bold", "italic"),
        ("Helvetica BoldOblique", "Helvetica, Liberation Sans, DejaVu Sans, sans-serif", "bold", "italic"),
        ("Georgia Bold", "Georgia, Liberation Serif, DejaVu Serif, serif", "bold", "normal"),
        ("Arial Black", "Arial, Liberation Sans, DejaVu Sans, sans-serif", "900", "normal"),
        (
            "Courier New Italic",
            "Courier New, Liberation Mono, DejaVu Sans Mono, monospace",
            "normal",
            "italic",
        ),
    ],
)
def test_a_font_has_one_of_its_shape_to_stand_in(name, family, weight, style):
    assert watermark_text.font(name) == (family, weight, style)


def test_every_font_ends_in_a_kind_that_is_always_there():
    for name in FONTS:
        assert watermark_text.font(name)[0].endswith((", serif", ", sans-serif", ", monospace"))


def test_a_text_stays_text_whatever_is_in_it():
    drawing = watermark_text.document(
        '</text><image href="/etc/passwd"/>&x;\x00\x07\ufffe\ud800',
        font_name="Arial",
        points=20,
        align="right",
        fill='red"/><b ',
    )

    assert b"<image" not in drawing
    assert b'&lt;/text&gt;&lt;image href="/etc/passwd"/&gt;&amp;x;</tspan>' in drawing
    assert b"fill='red\"/&gt;&lt;b '" in drawing
    assert b'text-anchor="end"' in drawing


def test_lines_lie_below_each_other():
    drawing = watermark_text.document("one\r\ntwo", font_name="Arial", points=20, align="left", fill="red")

    assert b'y="0">one</tspan><tspan x="0" y="24">two<' in drawing
