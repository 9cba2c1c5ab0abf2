"""PDF's matrices, which say how one plane lies on another: six numbers, and what can be done with them."""

from __future__ import annotations

import math
from collections.abc import Sequence

Matrix = tuple[float, float, float, float, float, float]
Rectangle = tuple[float, float, float, float]
"""Left, bottom, right, top."""

IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)


def read(numbers: Sequence[float]) -> Matrix:
    """Return six numbers as a matrix.

    :raises ValueError: when they are none.
    """
    a, b, c, d, e, f = numbers
    return (a, b, c, d, e, f)


def box(numbers: Sequence[float]) -> Rectangle:
    """Return the rectangle that two opposite corners make, whichever they are.

    :raises ValueError: when there are other than four numbers, or one is none.
    """
    x, y, other_x, other_y = numbers
    if not all(map(math.isfinite, numbers)):
        raise ValueError("no rectangle")
    return (min(x, other_x), min(y, other_y), max(x, other_x), max(y, other_y))


def moved(x: float, y: float) -> Matrix:
    """Return the matrix that moves."""
    return (1, 0, 0, 1, x, y)


def scaled(across: float, up: float) -> Matrix:
    """Return the matrix that makes larger or smaller."""
    return (across, 0, 0, up, 0, 0)


def turned(degrees: float) -> Matrix:
    """Return the matrix that turns clockwise about the origin."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (cosine, -sine, sine, cosine, 0, 0)


def after(*steps: Matrix) -> Matrix:
    """Return the matrix that does all of these, the first one first."""
    made = IDENTITY
    for a, b, c, d, e, f in steps:
        made = (
            *(made[0] * a + made[1] * c, made[0] * b + made[1] * d),
            *(made[2] * a + made[3] * c, made[2] * b + made[3] * d),
            *(made[4] * a + made[5] * c + e, made[4] * b + made[5] * d + f),
        )
    return made


def outline(rectangle: Rectangle, by: Matrix) -> Rectangle:
    """Return the rectangle around another one, once a matrix has been applied to that."""
    left, bottom, right, top = rectangle
    a, b, c, d, e, f = by
    points = [(a * x + c * y + e, b * x + d * y + f) for x in (left, right) for y in (bottom, top)]
    across, up = [x for x, _ in points], [y for _, y in points]
    return (min(across), min(up), max(across), max(up))


def written(by: Matrix) -> str:
    """Return a matrix as PDF writes it."""
    return " ".join(f"{number:.5f}".rstrip("0").rstrip(".") for number in by)
