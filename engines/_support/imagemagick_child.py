"""The warm child of the imagemagick engine: opens pictures, shapes them, writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wand.image import Image

from engines._support.child import serve
from engines._support.imagemagick_open import PARTIAL, Opening
from engines._support.imagemagick_pages import write_pages
from engines._support.imagemagick_shape import shape
from engines._support.imagemagick_watermark import lay_over
from engines._support.imagemagick_write import write, write_together
from engines._support.picture_order import Order


def convert(request: dict[str, Any], percent: Callable[[float], None]) -> dict[str, Any]:
    """Do one conversion; return the names of the files made."""
    order = Order.read(request)
    opening = Opening(order)

    def shaped() -> Iterator[Image]:
        for number, (picture, size) in enumerate(opening.pictures(), 1):
            shape(picture, order, size)
            lay_over(picture, order)
            yield picture
            percent(100 * number / len(opening.sizes))

    if order.target_format == "pdf":
        write_pages(shaped(), order)
        made = [order.target]
    elif order.together:
        write_together(shaped(), order, order.target)
        made = [order.target]
    else:
        made = _each(shaped(), order, several=len(opening.sizes) > 1)
    return {"files": [path.name for path in made], "message": PARTIAL if opening.partial else None}


def _each(pictures: Iterator[Image], order: Order, *, several: bool) -> list[Path]:
    made = []
    for number, picture in enumerate(pictures, 1):
        made.append(order.numbered(number) if several else order.target)
        write(picture, order, made[-1])
    return made


if __name__ == "__main__":
    serve(convert)
