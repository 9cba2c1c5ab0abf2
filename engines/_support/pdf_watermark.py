"""A text or an image laid on a PDF's pages, above or below what they show."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pikepdf

from engines._support import matrix, pages, pdf_mark
from engines._support.matrix import Matrix, Rectangle
from engines._support.pdf_document import PARTIAL, opened, save
from engines._support.pdf_links import part
from engines._support.pdf_mark import Mark

LETTER: Rectangle = (0, 0, 612, 792)
"""What readers take a page without a size for."""
_NAME = "/AthanorMark"


@dataclass(frozen=True)
class Sheet:
    """What of a page is shown, and how; sizes in points, as it is seen."""

    box: Rectangle
    """In the page's own units."""
    turned: int
    """Degrees, clockwise."""
    unit: float
    """The page's unit in points."""

    @classmethod
    def of(cls, page: pikepdf.Page) -> Sheet:
        """Return the sheet of a page, whatever it says of itself."""
        media = _box(page.obj.get("/MediaBox")) or LETTER
        crop = _box(page.obj.get("/CropBox")) or media
        shown = (*map(max, media[:2], crop[:2]), *map(min, media[2:], crop[2:]))
        turned = _number(page.obj.get("/Rotate"), 0.0) % 360
        unit = _number(page.obj.get("/UserUnit"), 1.0)
        is_seen = shown[0] < shown[2] and shown[1] < shown[3]
        return cls(
            box=matrix.box(shown) if is_seen else media,
            turned=int(turned) if turned % 90 == 0 else 0,
            unit=unit if unit > 0 else 1.0,
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as it is seen."""
        left, bottom, right, top = self.box
        sides = (right - left) * self.unit, (top - bottom) * self.unit
        return sides if self.turned % 180 == 0 else (sides[1], sides[0])

    @property
    def placing(self) -> Matrix:
        """What brings a sheet as it is seen, from its lower left corner, onto the page."""
        left, bottom, right, top = self.box
        corner = {0: (left, bottom), 90: (right, bottom), 180: (right, top), 270: (left, top)}[self.turned]
        shrunk = matrix.scaled(1 / self.unit, 1 / self.unit)
        return matrix.after(shrunk, matrix.turned(-self.turned), matrix.moved(*corner))


def watermark(order: Mapping[str, Any], percent: Callable[[float], None]) -> dict[str, Any]:
    """Lay what an order's ``options`` say on the pages of its ``input``, into its ``output``."""
    options, target = order["options"], Path(order["output"])
    with opened(Path(order["input"]), order["password"]) as source, contextlib.ExitStack() as stack:
        pdf = source.pdf
        marks = []
        if order["image"]:
            mark = stack.enter_context(pdf_mark.image(pdf, Path(order["image"])))
            marks.append((mark, _image_scale))
        if options["text"]:
            marks.append((pdf_mark.text(pdf, options), _text_scale))
        layers: dict[Sheet, Any] = {}
        ends = (pdf.make_stream(b"q\n"), pdf.make_stream(b"\nQ\n"))
        for first, last in pages.chosen(options["pages"], source.count):
            for page in pdf.pages[first - 1 : last]:
                sheet = Sheet.of(page)
                if sheet not in layers:
                    layers[sheet] = _layer(pdf, sheet, marks, options)
                _lay(pdf, page.obj, layers[sheet], None if options["layer"] == "below" else ends)
        save(pdf, target, percent)
        return {"files": [target.name], "message": PARTIAL if source.damaged else None}


def place(mark: Mark, sheet: Sheet, scale: tuple[float, float], options: Mapping[str, Any]) -> Matrix:
    """Return what brings a mark to its place on a sheet."""
    width, height = mark.width * scale[0], mark.height * scale[1]
    about = matrix.after(matrix.moved(-width / 2, -height / 2), matrix.turned(options["rotation"]))
    left, bottom, right, top = matrix.outline((0, 0, width, height), about)
    x = _offset(options, "horizontal", sheet.size[0] - (right - left), {"left", "center"})
    y = _offset(options, "vertical", sheet.size[1] - (top - bottom), {"bottom", "center"})
    return matrix.after(mark.upright, matrix.scaled(*scale), about, matrix.moved(x - left, y - bottom))


def _offset(options: Mapping[str, Any], way: str, room: float, from_start: set[str]) -> float:
    position, margin = options[f"position_{way}"], options[f"margin_{way}"]
    if position == "center":
        return room / 2
    return float(margin if position in from_start else room - margin)


def _text_scale(mark: Mark, sheet: Sheet, options: Mapping[str, Any]) -> tuple[float, float]:
    percent = options["font_width_percent"]
    factor = sheet.size[0] * percent / 100 / mark.width if percent else 1.0
    return factor, factor


def _image_scale(mark: Mark, sheet: Sheet, options: Mapping[str, Any]) -> tuple[float, float]:
    width, height = options["image_width"], options["image_height"]
    if options["image_width_percent"]:
        width, height = sheet.size[0] * options["image_width_percent"] / 100, None
    if width and height:
        return width / mark.width, height / mark.height
    if width or height:
        factor = width / mark.width if width else height / mark.height
    else:
        # Nobody said how large, so it stays on the page.
        factor = min(1.0, sheet.size[0] / mark.width, sheet.size[1] / mark.height)
    return factor, factor


def _layer(
    pdf: pikepdf.Pdf, sheet: Sheet, marks: Sequence[tuple[Mark, Any]], options: Mapping[str, Any]
) -> Any:
    """Return all that is laid on sheets like this one, as one object."""
    alpha = options["opacity"] / 100
    shown, words = pikepdf.Dictionary(), []
    for number, (mark, scale) in enumerate(marks):
        shown[f"/M{number}"] = mark.shown
        placed = place(mark, sheet, scale(mark, sheet, options), options)
        words.append(f"q /G gs {matrix.written(placed)} cm /M{number} Do Q")
    made = pdf.make_stream(
        "\n".join(words).encode(),
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Form,
        BBox=pikepdf.Array([0, 0, *(round(side, 4) for side in sheet.size)]),
        Resources=pikepdf.Dictionary(
            XObject=shown, ExtGState=pikepdf.Dictionary(G=pikepdf.Dictionary(ca=alpha, CA=alpha))
        ),
    )
    made.Matrix = pikepdf.Array([round(number, 6) for number in sheet.placing])
    return made


def _lay(pdf: pikepdf.Pdf, page: Any, layer: Any, ends: tuple[Any, Any] | None) -> None:
    # Pages may share what they use, also with pages that get no watermark.
    used = _copy(part(page, "/Resources"))
    objects = _copy(part(used, "/XObject"))
    name = next(name for number in range(len(objects) + 1) if (name := f"{_NAME}{number}") not in objects)
    objects[name] = layer
    used.XObject = objects
    page.Resources = used
    show = pdf.make_stream(f"/Artifact BMC q {name} Do Q EMC\n".encode())
    found = page.get("/Contents", pikepdf.Array())
    listed = list(found) if isinstance(found, pikepdf.Array) else [found]
    content = [each for each in listed if isinstance(each, pikepdf.Stream)]
    page.Contents = pikepdf.Array([ends[0], *content, ends[1], show] if ends else [show, *content])


def _copy(found: Any) -> Any:
    return pikepdf.Dictionary({key: found[key] for key in found.keys()})  # noqa: SIM118 - no mapping


def _box(found: Any) -> Rectangle | None:
    try:
        made = matrix.box([float(number) for number in found])
    except (TypeError, ValueError, OverflowError):
        return None
    return made if made[0] < made[2] and made[1] < made[3] else None


def _number(found: Any, otherwise: float) -> float:
    try:
        number = float(found)
    except (TypeError, ValueError, OverflowError):
        return otherwise
    return number if math.isfinite(number) else otherwise
