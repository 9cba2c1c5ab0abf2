"""The warm child of the vips engine: opens pictures, shapes them, writes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyvips

from engines._support.child import Refused, serve
from engines._support.picture_order import Order
from engines._support.vips_open import PARTIAL, Opening
from engines._support.vips_shape import shape
from engines._support.vips_watermark import lay_over
from engines._support.vips_write import write, write_together


def convert(request: dict[str, Any], percent: Callable[[float], None]) -> dict[str, Any]:
    """Do one conversion; return the names of the files made."""
    order = Order.read(request)
    try:
        made, partial = _convert(order, percent)
    except pyvips.Error as error:
        # Nothing is decoded before it is written, so what fails is nearly always the reading.
        print(f"{error}", file=sys.stderr)  # noqa: T201 - for the operator
        raise Refused("OpenFailed") from error
    return {"files": [path.name for path in made], "message": PARTIAL if partial else None}


def _convert(order: Order, percent: Callable[[float], None]) -> tuple[list[Path], bool]:
    opening = Opening(order)
    shaped = (lay_over(shape(picture, order, size), order) for picture, size in opening.pictures())
    if order.together:
        write_together(list(shaped), order, opening.timing)
        return [order.target], opening.partial
    made = []
    for number, picture in enumerate(shaped, 1):
        made.append(order.numbered(number) if len(opening.sizes) > 1 else order.target)
        write(picture, order, made[-1])
        percent(100 * number / len(opening.sizes))
    return made, opening.partial


if __name__ == "__main__":
    if "--version" in sys.argv:
        print("libvips", ".".join(f"{pyvips.version(part)}" for part in range(3)))  # noqa: T201
        sys.exit()
    # What was read from a path must not come back when another file lies there.
    pyvips.cache_set_max(0)
    serve(convert)
