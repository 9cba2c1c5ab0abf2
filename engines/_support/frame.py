"""What part of a page becomes an image, and how large: pure arithmetic in pixels."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 16_384
"""No side of an image is longer: few programs read more."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Frame:
    """The part of a page that is taken, and the image it becomes."""

    left: float
    width: float
    height: float
    """Of the part, which starts at the page's top, in CSS pixels."""
    scale: float
    """What the part is drawn larger by than the device's factor alone would."""
    taken: Size
    """The picture that gives."""
    image: Size
    """The image wanted; where it differs, the picture must be stretched."""
    cut: bool
    """An image cannot be as long as this page."""


def frame(
    page: tuple[float, float],
    *,
    factor: float,
    width: int | None,
    height: int | None,
    fit: str,
    drawn: bool = False,
) -> Frame:
    """Return what to take of a page of this size.

    :param factor: image pixels per CSS pixel where no size is asked for.
    :param fit: ``max`` never enlarges; ``crop`` fills and cuts the bottom, or both sides alike; ``scale``
        forces both sides.
    :param drawn: it is a drawing, which loses nothing when ``max`` enlarges it.
    """
    whole = (page[0] * factor, page[1] * factor)
    ratios = [asked / side for asked, side in zip((width, height), whole, strict=True) if asked]
    ratio = min(ratios if drawn and ratios else [1.0, *ratios]) if fit == "max" or not ratios else max(ratios)
    wanted = (width, height) if width and height and fit != "max" else None
    if wanted and fit == "scale":
        ratio = min(ratio, LONGEST / max(whole))
    full = (max(1, round(whole[0] * ratio)), max(1, round(whole[1] * ratio)))
    taken = wanted if wanted and fit == "crop" else (min(full[0], LONGEST), min(full[1], LONGEST))
    part = (taken[0] / (factor * ratio), taken[1] / (factor * ratio))
    return Frame(
        left=max(0.0, (page[0] - part[0]) / 2),
        width=part[0],
        height=part[1],
        scale=ratio,
        taken=taken,
        image=wanted or taken,
        cut=not wanted and full != taken,
    )
