from __future__ import annotations

import pytest

from engines._support import colours
from engines._support.child import Refused
from engines._support.colours import Colour


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#f80", Colour(255, 136, 0)),
        ("#f808", Colour(255, 136, 0, 136 / 255)),
        ("#FF8800", Colour(255, 136, 0)),
        ("#ff880000", Colour(255, 136, 0, 0)),
        ("rgb(255, 136, 0)", Colour(255, 136, 0)),
        ("rgb(100%,50%,0%)", Colour(255, 128, 0)),
        ("rgba(255, 136, 0, 0.5)", Colour(255, 136, 0, 0.5)),
        ("rgba(255 136 0 50%)", Colour(255, 136, 0, 0.5)),
        ("lime", Colour(0, 255, 0)),
        ("RebeccaPurple", Colour(102, 51, 153)),
        ("Transparent", Colour(0, 0, 0, 0)),
    ],
)
def test_a_colour_is_read(text, colour):
    assert colours.read(text) == colour


@pytest.mark.parametrize(
    "text", ["blurple", "#ff", "rgb(1,2)", "rgb(1,2,3,4,5)", "rgb(a,b,c)", "url(#x)", "red;"]
)
def test_what_is_no_colour_is_refused(text):
    with pytest.raises(Refused, match="is not a colour"):
        colours.read(text)
