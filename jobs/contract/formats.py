"""File formats: canonical names, other spellings, MIME types and groups."""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath

ALIASES = {
    "jpeg": "jpg",
    "jpe": "jpg",
    "jfif": "jpg",
    "tif": "tiff",
    "htm": "html",
    "xhtml": "html",
    "heif": "heic",
    "mpg": "mpeg",
    "m4b": "m4a",
    "oga": "ogg",
    "aif": "aiff",
    "aifc": "aiff",
    "mjpeg": "mjpg",
    "text": "txt",
    "markdown": "md",
    "tgz": "tar.gz",
    "tbz2": "tar.bz2",
    "tbz": "tar.bz2",
    "txz": "tar.xz",
    "mts": "m2ts",
}

# What the standard library does not know, or knows differently on every machine.
MIME_TYPES = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "csv": "text/csv",
    "doc": "application/msword",
    "docm": "application/vnd.ms-word.document.macroEnabled.12",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "flv": "video/x-flv",
    "gif": "image/gif",
    "heic": "image/heic",
    "html": "text/html",
    "ico": "image/vnd.microsoft.icon",
    "jpg": "image/jpeg",
    "json": "application/json",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "md": "text/markdown",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "odg": "application/vnd.oasis.opendocument.graphics",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "psb": "image/vnd.adobe.photoshop",
    "psd": "image/vnd.adobe.photoshop",
    "rtf": "application/rtf",
    "svg": "image/svg+xml",
    "tar.bz2": "application/x-bzip2",
    "tar.gz": "application/gzip",
    "tar.xz": "application/x-xz",
    "7z": "application/x-7z-compressed",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "vtt": "text/vtt",
    "wav": "audio/wav",
    "weba": "audio/webm",
    "webm": "video/webm",
    "webp": "image/webp",
    "wma": "audio/x-ms-wma",
    "wmv": "video/x-ms-wmv",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}

GROUPS = {
    "archive": "zip rar 7z tar tar.gz tar.bz2 tar.xz",
    "audio": "aac ac3 aiff amr au caf flac m4a mp3 ogg opus voc wav weba wma",
    "video": "3g2 3gp avi flv gifv m2ts m4v mkv mov mp4 mpeg mxf ogv rm rmvb swf ts vob webm wmv wtv",
    "image": "avif bmp gif heic ico jp2 jpg jxl pcx pgm png pnm ppm psb psd tga tiff webp xbm xpm",
    "vector": "ai cdr cgm dxf emf eps odg ps svg svgz vsd wmf",
    "document": "abw doc docm docx dot dotx html hwp md odt pages pdf pub rst rtf tex txt wpd wps xps",
    "spreadsheet": "csv numbers ods sdc tsv xls xlsm xlsx xlt xltx",
    "presentation": "key odp pot potx pps ppsx ppt pptm pptx sda",
    "ebook": "azw azw3 cbz epub fb2 lit lrf mobi pdb",
    "font": "eot otf ttf woff woff2",
}
# Compressed in themselves, besides most of the audio, video, ebook and archive groups.
PACKED = "avif docm docx gif heic jp2 jpg jxl odg odp ods odt png pptm pptx svgz webp woff woff2 xlsm xlsx"
LOOSE = "aiff au caf fb2 tar voc wav"
"""In one of those groups, and yet not compressed."""
_PACKED = {
    *PACKED.split(),
    *(name for group in ("archive", "audio", "ebook", "video") for name in GROUPS[group].split()),
}.difference(LOOSE.split())
_GROUP = {name: group for group, names in GROUPS.items() for name in names.split()}


def canonical(name: str) -> str:
    """Return the one spelling of a format we use: lower case, no dot, ``jpeg`` as ``jpg``."""
    name = name.strip().lower().removeprefix(".")
    return ALIASES.get(name, name)


def of(filename: str) -> str:
    """Return the format a file's name claims, or an empty string."""
    name = PurePosixPath(filename.lower())
    double = "".join(name.suffixes[-2:]).removeprefix(".")
    if double in {"tar.gz", "tar.bz2", "tar.xz"}:
        return double
    return canonical(name.suffix)


def mime_type(filename: str) -> str:
    """Return the MIME type for a file's name; ``application/octet-stream`` when unknown."""
    known = MIME_TYPES.get(of(filename))
    return known or mimetypes.guess_type(filename)[0] or "application/octet-stream"


def group(name: str | None) -> str:
    """Return the group of a format, for catalogues; ``other`` when it has none."""
    return _GROUP.get(name or "", "other")


def is_packed(name: str) -> bool:
    """Tell whether a format is compressed in itself, so that packing it again gains nothing."""
    return name in _PACKED
