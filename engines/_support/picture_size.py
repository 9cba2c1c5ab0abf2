"""How large a picture becomes that is to fit, fill or match a size."""

from __future__ import annotations

Size = tuple[int, int]
Wanted = tuple[int | None, int | None]


def box(size: Size, wanted: Wanted, fit: str, *, grows: bool = False) -> tuple[Size, Size]:
    """Return the size to scale a picture to, and the size to cut out of that.

    :param wanted: width and height; with one of them missing, that follows.
    :param grows: a drawing, which has no pixels yet, fills its box also where a photograph would not.
    """
    factors = [want / have for want, have in zip(wanted, size, strict=True) if want]
    if not factors:
        return size, size
    if fit == "scale" and wanted[0] and wanted[1]:
        return (wanted[0], wanted[1]), (wanted[0], wanted[1])
    factor = max(factors) if fit == "crop" else min(factors)
    if fit == "max" and not grows:
        factor = min(factor, 1.0)
    scaled = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    if fit == "crop" and wanted[0] and wanted[1]:
        return (max(scaled[0], wanted[0]), max(scaled[1], wanted[1])), (wanted[0], wanted[1])
    return scaled, scaled
