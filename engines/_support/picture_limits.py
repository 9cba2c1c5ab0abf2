"""Refusing pictures that would take too much, before a pixel is decoded."""

from __future__ import annotations

from engines._support.child import Refused
from engines._support.picture_order import FRAMES, PIXELS, SIDE, TOGETHER, Size


def check_size(size: Size, side: int = SIDE) -> None:
    """Refuse a picture that would take too much memory.

    :raises Refused: when it is too large.
    """
    if max(size) > side or size[0] * size[1] > PIXELS:
        raise too_large()


def check_together(sizes: list[Size]) -> None:
    """Refuse pictures that would take too much memory if all were held at once.

    :raises Refused: when they are too large together.
    """
    if sum(width * height for width, height in sizes) > TOGETHER:
        raise too_large(TOGETHER)


def too_large(pixels: int = PIXELS) -> Refused:
    """Return the refusal of a picture that is too large."""
    sides = f"{pixels // 1_000_000} megapixels, {SIDE:,} pixels a side and {FRAMES:,} frames"
    return Refused("FileTooLarge", f"The picture is too large: at most {sides} are possible.")
