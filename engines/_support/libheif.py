"""HEIC and AVIF through libheif itself: ImageMagick 6 reads no alpha, and cannot ask for a quick encoder."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines._support.exif import HEAD

_COMPRESSION = {"heic": 1, "avif": 4}
_RGB, _INTERLEAVED, _INTERLEAVED_ALPHA, _CHANNEL = 1, 10, 11, 10
# Measured with 12 megapixels on two cores: x265 as libheif sets it takes 19 s for a file a tenth smaller.
_SPEED: Mapping[str, tuple[tuple[bytes, bytes], ...]] = {
    "heic": ((b"preset", b"ultrafast"),),
    "avif": ((b"speed", b"8"), (b"threads", b"2")),
}


class Failed(Exception):
    """The library has no coder for this, or refuses the file or the picture."""


class _Error(Structure):
    _fields_ = (("code", c_int), ("subcode", c_int), ("message", c_char_p))


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Pixels of 8 bits a channel, red, green, blue and perhaps alpha, without padding."""

    width: int
    height: int
    alpha: bool
    data: bytes
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


class File:
    """A file that was opened; its size is known before a pixel is decoded."""

    def __init__(self, path: Path) -> None:
        self._heif = _library()
        self._context, self._handle = c_void_p(self._heif.heif_context_alloc()), c_void_p()
        try:
            _check(self._heif.heif_context_read_from_file(self._context, f"{path}".encode(), None))
            _check(self._heif.heif_context_get_primary_image_handle(self._context, byref(self._handle)))
        except Failed:
            self._close()
            raise
        self.width: int = self._heif.heif_image_handle_get_width(self._handle)
        self.height: int = self._heif.heif_image_handle_get_height(self._handle)

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._close()

    def decode(self) -> Picture:
        """Return the main picture, turned the way it is meant to be seen.

        :raises Failed: when it is damaged.
        """
        heif, image, stride = self._heif, c_void_p(), c_int()
        alpha = bool(heif.heif_image_handle_has_alpha_channel(self._handle))
        chroma = _INTERLEAVED_ALPHA if alpha else _INTERLEAVED
        _check(heif.heif_decode_image(self._handle, byref(image), _RGB, chroma, None))
        try:
            plane = heif.heif_image_get_plane_readonly(image, _CHANNEL, byref(stride))
            height = heif.heif_image_get_height(image, _CHANNEL)
            width = heif.heif_image_get_width(image, _CHANNEL)
            row = width * (4 if alpha else 3)
            rows = (ctypes.string_at(plane + number * stride.value, row) for number in range(height))
            data = b"".join(rows)
        finally:
            heif.heif_image_release(image)
        exif = self._metadata(b"Exif")
        return Picture(
            width=width,
            height=height,
            alpha=alpha,
            data=data,
            icc=self._profile(),
            # Four bytes say where the data itself begins.
            exif=HEAD + exif[4:].removeprefix(HEAD) if exif else None,
            xmp=self._metadata(b"mime"),
        )

    def _profile(self) -> bytes | None:
        size = self._heif.heif_image_handle_get_raw_color_profile_size(self._handle)
        if not size:
            return None
        data = ctypes.create_string_buffer(size)
        _check(self._heif.heif_image_handle_get_raw_color_profile(self._handle, data))
        return data.raw

    def _metadata(self, kind: bytes) -> bytes | None:
        number = c_uint32()
        heif, handle = self._heif, self._handle
        if not heif.heif_image_handle_get_list_of_metadata_block_IDs(handle, kind, byref(number), 1):
            return None
        data = ctypes.create_string_buffer(heif.heif_image_handle_get_metadata_size(handle, number))
        _check(heif.heif_image_handle_get_metadata(handle, number, data))
        return data.raw

    def _close(self) -> None:
        if self._handle:
            self._heif.heif_image_handle_release(self._handle)
        self._heif.heif_context_free(self._context)


def write(picture: Picture, target: Path, *, kind: str, quality: int) -> None:
    """Write the picture as ``heic`` or ``avif``.

    :raises Failed: when the encoder is missing or refuses.
    """
    heif = _library()
    context, image = c_void_p(heif.heif_context_alloc()), c_void_p()
    encoder, handle = c_void_p(), c_void_p()
    try:
        _check(heif.heif_context_get_encoder_for_format(context, _COMPRESSION[kind], byref(encoder)))
        _check(heif.heif_encoder_set_lossy_quality(encoder, quality))
        for name, value in _SPEED[kind]:
            _check(heif.heif_encoder_set_parameter(encoder, name, value))
        _fill(heif, picture, image)
        _check(heif.heif_context_encode_image(context, image, encoder, None, byref(handle)))
        if picture.exif:
            _check(heif.heif_context_add_exif_metadata(context, handle, picture.exif, len(picture.exif)))
        if picture.xmp:
            _check(heif.heif_context_add_XMP_metadata(context, handle, picture.xmp, len(picture.xmp)))
        _check(heif.heif_context_write_to_file(context, f"{target}".encode()))
    finally:
        for release, thing in (
            (heif.heif_image_handle_release, handle),
            (heif.heif_image_release, image),
            (heif.heif_encoder_release, encoder),
        ):
            if thing:
                release(thing)
        heif.heif_context_free(context)


def _fill(heif: Any, picture: Picture, image: c_void_p) -> None:
    chroma = _INTERLEAVED_ALPHA if picture.alpha else _INTERLEAVED
    size = (picture.width, picture.height)
    _check(heif.heif_image_create(*size, _RGB, chroma, byref(image)))
    _check(heif.heif_image_add_plane(image, _CHANNEL, *size, 8))
    if picture.icc:
        _check(heif.heif_image_set_raw_color_profile(image, b"prof", picture.icc, len(picture.icc)))
    stride = c_int()
    plane = heif.heif_image_get_plane(image, _CHANNEL, byref(stride))
    row = picture.width * (4 if picture.alpha else 3)
    view = memoryview(picture.data)
    for number in range(picture.height):
        ctypes.memmove(plane + number * stride.value, bytes(view[number * row : (number + 1) * row]), row)


def _check(error: _Error) -> None:
    if error.code:
        raise Failed((error.message or b"").decode(errors="replace"))


@functools.cache
def _library() -> Any:
    heif = ctypes.CDLL("libheif.so.1")
    for name, result, *arguments in (
        ("context_alloc", c_void_p),
        ("context_free", None, c_void_p),
        ("context_get_encoder_for_format", _Error, c_void_p, c_int, POINTER(c_void_p)),
        ("encoder_set_lossy_quality", _Error, c_void_p, c_int),
        ("encoder_set_parameter", _Error, c_void_p, c_char_p, c_char_p),
        ("encoder_release", None, c_void_p),
        ("image_create", _Error, c_int, c_int, c_int, c_int, POINTER(c_void_p)),
        ("image_add_plane", _Error, c_void_p, c_int, c_int, c_int, c_int),
        ("image_get_plane", c_void_p, c_void_p, c_int, POINTER(c_int)),
        ("image_set_raw_color_profile", _Error, c_void_p, c_char_p, c_char_p, c_size_t),
        ("image_release", None, c_void_p),
        ("image_handle_release", None, c_void_p),
        ("context_encode_image", _Error, c_void_p, c_void_p, c_void_p, c_void_p, POINTER(c_void_p)),
        ("context_add_exif_metadata", _Error, c_void_p, c_void_p, c_char_p, c_int),
        ("context_add_XMP_metadata", _Error, c_void_p, c_void_p, c_char_p, c_int),
        ("context_write_to_file", _Error, c_void_p, c_char_p),
        ("context_read_from_file", _Error, c_void_p, c_char_p, c_void_p),
        ("context_get_primary_image_handle", _Error, c_void_p, POINTER(c_void_p)),
        ("image_handle_get_width", c_int, c_void_p),
        ("image_handle_get_height", c_int, c_void_p),
        ("image_handle_has_alpha_channel", c_int, c_void_p),
        ("image_handle_get_raw_color_profile_size", c_size_t, c_void_p),
        ("image_handle_get_raw_color_profile", _Error, c_void_p, c_void_p),
        ("image_handle_get_list_of_metadata_block_IDs", c_int, c_void_p, c_char_p, c_void_p, c_int),
        ("image_handle_get_metadata_size", c_size_t, c_void_p, c_uint32),
        ("image_handle_get_metadata", _Error, c_void_p, c_uint32, c_void_p),
        ("decode_image", _Error, c_void_p, POINTER(c_void_p), c_int, c_int, c_void_p),
        ("image_get_plane_readonly", c_void_p, c_void_p, c_int, POINTER(c_int)),
        ("image_get_width", c_int, c_void_p, c_int),
        ("image_get_height", c_int, c_void_p, c_int),
    ):
        function = getattr(heif, f"heif_{name}")
        function.restype, function.argtypes = result, arguments
    return heif
