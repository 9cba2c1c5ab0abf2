"""The warm child of the pdfium engine: draws pages one after the other, and writes them beside that."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from engines._support import page_images, png_file
from engines._support.child import Refused, serve
from jobs.contract.errors import TaskError

WAITING_PIXELS = 120_000_000
"""How many pixels may be drawn and not yet written: four bytes each, of the memory a child has."""
WRITERS = os.cpu_count() or 1
FORMATS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "jpg": ("JPEG", {}),
    "tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "webp": ("WEBP", {"method": 2}),
}
LOSSY = {"JPEG", "WEBP"}
LONGEST_WEBP = 16_383
"""Pixels; the format holds no more."""
_POOL = ThreadPoolExecutor(max_workers=WRITERS, thread_name_prefix="writer")


def convert(request: dict[str, Any], percent: Callable[[float], None]) -> dict[str, Any]:
    """Make a picture of each page wanted; return the names of the files made."""
    document = _opened(Path(request["source"]), request["password"])
    try:
        return {"files": _pictures(document, request, percent)}
    except TaskError as error:
        raise Refused(type(error).__name__, error.message) from error
    finally:
        document.close()


def _opened(path: Path, password: str | None) -> pdfium.PdfDocument:
    try:
        document = pdfium.PdfDocument(path, password=password)
    except pdfium.PdfiumError as error:
        locked = error.err_code == raw.FPDF_ERR_PASSWORD
        raise Refused("PasswordRequired" if locked else "OpenFailed") from error
    # What is filled in is drawn, but no page may be opened before.
    document.init_forms()
    return document


def _pictures(
    document: pdfium.PdfDocument, request: Mapping[str, Any], percent: Callable[[float], None]
) -> list[str]:
    numbers = page_images.wanted(request["options"], len(document))
    target = Path(request["target"])
    made, written, waiting = [], 0, deque[tuple[int, Future[None]]]()
    try:
        for number in numbers:
            path = target.with_stem(f"{target.stem}-{number}") if len(numbers) > 1 else target
            bitmap, density = _drawn(document, number, request)
            made.append(path.name)
            pixels = bitmap.width * bitmap.height
            waiting.append((pixels, _POOL.submit(_write, bitmap, path, density, request)))
            # Some pages are drawn quickly and written slowly.
            while len(waiting) > WRITERS or sum(pixels for pixels, _ in waiting) > WAITING_PIXELS:
                waiting.popleft()[1].result()
                written += 1
                percent(100 * written / len(numbers))
    finally:
        results = [each.exception() for _, each in waiting]
    for error in filter(None, results):
        raise error
    percent(100)
    return made


def _drawn(
    document: pdfium.PdfDocument, number: int, request: Mapping[str, Any]
) -> tuple[pdfium.PdfBitmap, float]:
    """Return a page as it is shown, and its dots per inch."""
    try:
        page = document[number - 1]
    except pdfium.PdfiumError as error:
        raise Refused("ConversionFailed", f"Page {number} of the document is damaged.") from error
    options = request["options"]
    density = options.get("pixel_density", page_images.THUMBNAIL_DENSITY)
    shape = page_images.shape(number, (max(page.get_width(), 1), max(page.get_height(), 1)), density, options)
    if request["format"] == "webp" and max(shape.shown) > LONGEST_WEBP:
        raise Refused("ConversionFailed", f"WebP pictures have at most {LONGEST_WEBP} pixels a side.")
    kind = raw.FPDFBitmap_BGRA if options.get("alpha") else raw.FPDFBitmap_BGR
    bitmap = pdfium.PdfBitmap.new_native(*shape.shown, kind, rev_byteorder=True)
    paper = (255, 255, 255, 0) if options.get("alpha") else (255, 255, 255, 255)
    bitmap.fill_rect(paper, 0, 0, *shape.shown)
    place = (-shape.offset[0], -shape.offset[1], *shape.scaled, 0)
    flags = raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER
    raw.FPDF_RenderPageBitmap(bitmap, page, *place, flags)
    if document.formenv:
        raw.FPDF_FFLDraw(document.formenv, bitmap, page, *place, flags)
    page.close()
    return bitmap, density * shape.scaled[0] / shape.natural[0]


def _write(bitmap: pdfium.PdfBitmap, path: Path, density: float, request: Mapping[str, Any]) -> None:
    if request["format"] == "png":
        size = (bitmap.width, bitmap.height)
        mode = "RGBA" if request["options"].get("alpha") else "RGB"
        png_file.write(path, bitmap.buffer, size, mode=mode, stride=bitmap.stride, density=density)
    else:
        name, how = FORMATS[request["format"]]
        if name in LOSSY:
            how = {**how, "quality": request["options"].get("quality", page_images.QUALITY.default)}
        with bitmap.to_pil() as picture:
            picture.save(path, name, dpi=(density, density), **how)
    bitmap.close()


if __name__ == "__main__":
    serve(convert)
