"""SVG drawn by librsvg, in this process, with nothing outside the document followed."""

from __future__ import annotations

import ctypes
import functools
from ctypes import POINTER, Structure, byref, c_char_p, c_double, c_int, c_size_t, c_void_p
from dataclasses import dataclass
from typing import Any

_ARGB32 = 0
_SIDE = 32_000
"""Cairo draws no larger."""
_WRITE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, ctypes.c_uint)


class Undrawable(Exception):
    """The document is damaged, or no SVG."""


class _Error(Structure):
    _fields_ = (("domain", ctypes.c_uint32), ("code", c_int), ("message", c_char_p))


class Box(Structure):
    """A rectangle in the drawing's own units."""

    _fields_ = (("x", c_double), ("y", c_double), ("width", c_double), ("height", c_double))


class _Length(Structure):
    _fields_ = (("length", c_double), ("unit", c_int))


@dataclass(frozen=True)
class Pixels:
    """A drawn picture: blue, green, red, alpha, the colours multiplied by the alpha."""

    width: int
    height: int
    data: bytes


@functools.cache
def _libraries() -> tuple[Any, Any, Any]:
    rsvg, cairo = ctypes.CDLL("librsvg-2.so.2"), ctypes.CDLL("libcairo.so.2")
    gobject = ctypes.CDLL("libgobject-2.0.so.0")
    error = POINTER(POINTER(_Error))
    box, number = POINTER(Box), POINTER(c_double)
    functions: tuple[tuple[Any, ...], ...] = (
        (rsvg.rsvg_handle_new_from_data, c_void_p, c_char_p, c_size_t, error),
        (rsvg.rsvg_handle_set_dpi, None, c_void_p, c_double),
        (rsvg.rsvg_handle_get_intrinsic_size_in_pixels, c_int, c_void_p, number, number),
        (rsvg.rsvg_handle_get_intrinsic_dimensions, None, c_void_p, *6 * [c_void_p]),
        (rsvg.rsvg_handle_get_geometry_for_layer, c_int, c_void_p, c_char_p, box, box, box, error),
        (rsvg.rsvg_handle_render_document, c_int, c_void_p, c_void_p, box, error),
        (cairo.cairo_image_surface_create, c_void_p, c_int, c_int, c_int),
        (cairo.cairo_pdf_surface_create_for_stream, c_void_p, _WRITE, c_void_p, c_double, c_double),
        (cairo.cairo_image_surface_get_data, c_void_p, c_void_p),
        (cairo.cairo_image_surface_get_stride, c_int, c_void_p),
        (cairo.cairo_surface_status, c_int, c_void_p),
        (cairo.cairo_surface_flush, None, c_void_p),
        (cairo.cairo_surface_finish, None, c_void_p),
        (cairo.cairo_surface_destroy, None, c_void_p),
        (cairo.cairo_create, c_void_p, c_void_p),
        (cairo.cairo_destroy, None, c_void_p),
        (gobject.g_object_unref, None, c_void_p),
    )
    for function, result, *arguments in functions:
        function.restype, function.argtypes = result, arguments
    return rsvg, cairo, gobject


class Drawing:
    """An SVG document, plain or compressed. Without an address of its own it can refer to nothing outside."""

    def __init__(self, document: bytes) -> None:
        self._rsvg, self._cairo, self._gobject = _libraries()
        self._handle = self._rsvg.rsvg_handle_new_from_data(document, len(document), None)
        if not self._handle:
            raise Undrawable
        self._rsvg.rsvg_handle_set_dpi(self._handle, 96)

    def __enter__(self) -> Drawing:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._gobject.g_object_unref(self._handle)

    @property
    def size(self) -> tuple[float, float]:
        """The drawing's own size in pixels: as it says, or else of its view box, or else of what it shows."""
        width, height = c_double(), c_double()
        self._rsvg.rsvg_handle_get_intrinsic_size_in_pixels(self._handle, byref(width), byref(height))
        if width.value > 0 and height.value > 0:
            return width.value, height.value
        has_width, has_height, has_box = c_int(), c_int(), c_int()
        box, wide, high = Box(), _Length(), _Length()
        self._rsvg.rsvg_handle_get_intrinsic_dimensions(
            self._handle,
            *(byref(has_width), byref(wide), byref(has_height), byref(high), byref(has_box), byref(box)),
        )
        if not has_box.value or box.width <= 0 or box.height <= 0:
            box = self.extent()
        if box.width <= 0 or box.height <= 0:
            raise Undrawable
        return box.width, box.height

    def extent(self, element: str | None = None) -> Box:
        """Return where an element lies, or the whole drawing."""
        ink, logical, view = Box(), Box(), Box(0, 0, _SIDE, _SIDE)
        name = f"#{element}".encode() if element else None
        if not self._rsvg.rsvg_handle_get_geometry_for_layer(
            self._handle, name, byref(view), byref(ink), byref(logical), None
        ):
            raise Undrawable
        return logical

    def draw(self, width: int, height: int) -> Pixels:
        """Draw the whole document at a size.

        :raises Undrawable: when it cannot be drawn, or not at this size.
        """
        surface = self._cairo.cairo_image_surface_create(_ARGB32, width, height)
        try:
            if self._cairo.cairo_surface_status(surface):
                raise Undrawable
            brush = self._cairo.cairo_create(surface)
            view = Box(0, 0, width, height)
            drawn = self._rsvg.rsvg_handle_render_document(self._handle, brush, byref(view), None)
            self._cairo.cairo_destroy(brush)
            self._cairo.cairo_surface_flush(surface)
            if not drawn:
                raise Undrawable
            # A row of whole pixels needs no padding.
            data = self._cairo.cairo_image_surface_get_data(surface)
            stride = self._cairo.cairo_image_surface_get_stride(surface)
            return Pixels(width, height, ctypes.string_at(data, stride * height))
        finally:
            self._cairo.cairo_surface_destroy(surface)

    def print(self, width: float, height: float) -> bytes:
        """Return the whole document as a PDF of one page, its sides in points; text stays text.

        :raises Undrawable: when it cannot be drawn, or not at this size.
        """
        made = bytearray()

        def write(_closure: object, data: int, length: int) -> int:
            made.extend(ctypes.string_at(data, length))
            return 0

        callback = _WRITE(write)  # Cairo calls it as long as there is a surface
        surface = self._cairo.cairo_pdf_surface_create_for_stream(callback, None, width, height)
        try:
            brush = self._cairo.cairo_create(surface)
            view = Box(0, 0, width, height)
            drawn = self._rsvg.rsvg_handle_render_document(self._handle, brush, byref(view), None)
            self._cairo.cairo_destroy(brush)
            self._cairo.cairo_surface_finish(surface)
            if not drawn or self._cairo.cairo_surface_status(surface):
                raise Undrawable
            return bytes(made)
        finally:
            self._cairo.cairo_surface_destroy(surface)
