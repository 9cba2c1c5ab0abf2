from __future__ import annotations

from pathlib import Path

import pytest

from engines._support.picture_order import Order


def order(source: str = "png", target: str = "webp", **options) -> Order:
    return Order.read(
        {
            "source": f"in/in.{source}",
            "source_format": source,
            "target": f"out/in.{target}",
            "target_format": target,
            "watermark_image": None,
            "options": {"width": None, "height": None, "fit": "max", **options},
        }
    )


@pytest.mark.parametrize(
    ("options", "scaled", "cut"),
    [
        ({}, (300, 200), (300, 200)),
        ({"width": 150}, (150, 100), (150, 100)),
        ({"width": 600}, (300, 200), (300, 200)),
        ({"width": 30, "height": 90}, (30, 20), (30, 20)),
        ({"width": 100, "height": 100, "fit": "crop"}, (150, 100), (100, 100)),
        ({"width": 600, "height": 300, "fit": "crop"}, (600, 400), (600, 300)),
        ({"width": 600, "fit": "crop"}, (600, 400), (600, 400)),
        ({"width": 7, "height": 5, "fit": "crop"}, (8, 5), (7, 5)),
        ({"width": 10, "height": 500, "fit": "scale"}, (10, 500), (10, 500)),
        ({"height": 400, "fit": "scale"}, (600, 400), (600, 400)),
        ({"width": 1}, (1, 1), (1, 1)),
    ],
)
def test_a_box_is_fitted_filled_or_forced(options, scaled, cut):
    assert order(**options).box((300, 200)) == (scaled, cut)


def test_a_drawing_fills_its_box():
    assert order(width=600).box((300, 200), grows=True) == ((600, 400), (600, 400))


@pytest.mark.parametrize(
    ("source", "target", "options", "animated", "together"),
    [
        ("gif", "webp", {}, True, True),
        ("gif", "webp", {"count": 3}, False, False),
        ("gif", "png", {}, False, False),
        ("gif", "pdf", {}, False, True),
        ("tiff", "pdf", {}, False, True),
        ("tiff", "gif", {}, False, False),
    ],
)
def test_frames_and_pages_stay_together_where_the_output_holds_them(
    source, target, options, animated, together
):
    one = order(source, target, **options)

    assert (one.animated, one.together) == (animated, together)


def test_several_files_are_numbered_after_their_stem():
    assert order(target="png").numbered(3) == Path("out/in-3.png")
