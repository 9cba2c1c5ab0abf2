from __future__ import annotations

import pytest

from engines._support.frame import LONGEST, frame


@pytest.mark.parametrize(
    ("page", "how", "image"),
    [
        ((1000, 2000), {"factor": 1}, (1000, 2000)),
        ((1000, 2000), {"factor": 2}, (2000, 4000)),
        ((1000, 2000), {"factor": 0.5}, (500, 1000)),
        ((1000, 2000), {"factor": 1, "width": 100}, (100, 200)),
        ((1000, 2000), {"factor": 2, "width": 100}, (100, 200)),
        ((1000, 2000), {"factor": 1, "height": 100}, (50, 100)),
        ((1000, 2000), {"factor": 1, "width": 100, "height": 100}, (50, 100)),
        ((1000, 2000), {"factor": 1, "width": 5000}, (1000, 2000)),
        ((1000, 2000), {"factor": 1, "width": 300, "height": 100, "fit": "crop"}, (300, 100)),
        ((100, 100), {"factor": 1, "width": 300, "height": 200, "fit": "crop"}, (300, 200)),
        ((1000, 2000), {"factor": 1, "width": 300, "height": 100, "fit": "scale"}, (300, 100)),
        ((100, 100), {"factor": 1, "width": 300, "fit": "scale"}, (300, 300)),
        ((100, 100), {"factor": 1, "height": 50, "fit": "crop"}, (50, 50)),
        ((1000, 3), {"factor": 1, "width": 10}, (10, 1)),
    ],
)
def test_the_image_has_the_size_asked_for(page, how, image):
    made = frame(page, **{"width": None, "height": None, "fit": "max", **how})

    assert made.image == image
    assert not made.cut


@pytest.mark.parametrize("fit", ["max", "crop", "scale"])
@pytest.mark.parametrize("factor", [0.7, 1, 2])
@pytest.mark.parametrize("size", [(None, None), (333, None), (None, 77), (333, 77), (77, 333)])
def test_the_part_taken_gives_exactly_the_picture(fit, factor, size):
    made = frame((1440, 1234), factor=factor, width=size[0], height=size[1], fit=fit)

    assert made.width * factor * made.scale == pytest.approx(made.taken[0])
    assert made.height * factor * made.scale == pytest.approx(made.taken[1])


def test_cropping_cuts_both_sides_alike_or_the_bottom():
    wide = frame((1000, 100), factor=1, width=50, height=50, fit="crop")
    high = frame((100, 1000), factor=1, width=50, height=50, fit="crop")

    assert (wide.left, wide.width, wide.height) == (450, 100, 100)
    assert (high.left, high.width, high.height) == (0, 100, 100)


def test_only_other_proportions_are_stretched():
    same = frame((1000, 500), factor=2, width=100, height=50, fit="scale")
    other = frame((1000, 500), factor=2, width=100, height=100, fit="scale")

    assert same.taken == same.image == (100, 50)
    assert other.taken == (200, 100)
    assert other.image == (100, 100)


def test_a_page_too_long_is_cut_but_not_when_it_is_made_to_fit():
    page = (1000, 20_000)

    whole = frame(page, factor=2, width=None, height=None, fit="max")
    small = frame(page, factor=2, width=100, height=None, fit="max")
    stretched = frame(page, factor=2, width=1000, height=500, fit="scale")

    assert (whole.image, whole.cut) == ((2000, LONGEST), True)
    assert whole.height == LONGEST / 2
    assert (small.image, small.cut) == ((100, 2000), False)
    assert (stretched.image, stretched.cut) == ((1000, 500), False)
    assert max(stretched.taken) <= LONGEST
