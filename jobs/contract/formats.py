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
    "3gpp": "3gp",
    "dib": "bmp",
    "djv": "djvu",
    "heics": "heic",
    "j2k": "jp2",
    "jpf": "jp2",
    "jpx": "jp2",
    "latex": "tex",
    "lzh": "lha",
    "m2v": "mpeg",
    "oxps": "xps",
    "qt": "mov",
    "tz": "tar.z",
    "tzo": "tar.lzo",
}
DOUBLE = {
    "tar.7z",
    "tar.bz",
    "tar.bz2",
    "tar.gz",
    "tar.lz",
    "tar.lzma",
    "tar.lzo",
    "tar.xz",
    "tar.z",
    "tar.zst",
}
"""Formats whose extension has two parts."""

# What the standard library does not know, or knows differently on every machine.
MIME_TYPES = {
    "3g2": "video/3gpp2",
    "3gp": "video/3gpp",
    "7z": "application/x-7z-compressed",
    "aac": "audio/aac",
    "ac3": "audio/ac3",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "ass": "text/x-ssa",
    "au": "audio/basic",
    "avi": "video/x-msvideo",
    "avif": "image/avif",
    "azw3": "application/vnd.amazon.ebook",
    "bmp": "image/bmp",
    "bz2": "application/x-bzip2",
    "caf": "audio/x-caf",
    "csv": "text/csv",
    "djvu": "image/vnd.djvu",
    "doc": "application/msword",
    "docm": "application/vnd.ms-word.document.macroEnabled.12",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "dxf": "image/vnd.dxf",
    "emf": "image/emf",
    "eml": "message/rfc822",
    "eot": "application/vnd.ms-fontobject",
    "eps": "application/postscript",
    "epub": "application/epub+zip",
    "fb2": "application/x-fictionbook+xml",
    "flac": "audio/flac",
    "flv": "video/x-flv",
    "gif": "image/gif",
    "gz": "application/gzip",
    "heic": "image/heic",
    "html": "text/html",
    "htmlz": "application/zip",
    "icns": "image/icns",
    "ico": "image/vnd.microsoft.icon",
    "jp2": "image/jp2",
    "jpg": "image/jpeg",
    "json": "application/json",
    "jxl": "image/jxl",
    "lit": "application/x-ms-reader",
    "lrf": "application/x-sony-bbeb",
    "m2ts": "video/mp2t",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "md": "text/markdown",
    "mkv": "video/x-matroska",
    "mobi": "application/x-mobipocket-ebook",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "msg": "application/vnd.ms-outlook",
    "mxf": "application/mxf",
    "odg": "application/vnd.oasis.opendocument.graphics",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "otf": "font/otf",
    "pdb": "application/vnd.palm",
    "pdf": "application/pdf",
    "png": "image/png",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "ps": "application/postscript",
    "psb": "image/vnd.adobe.photoshop",
    "psd": "image/vnd.adobe.photoshop",
    "rst": "text/x-rst",
    "rtf": "application/rtf",
    "srt": "application/x-subrip",
    "svg": "image/svg+xml",
    "svgz": "image/svg+xml",
    "tar": "application/x-tar",
    "tar.bz2": "application/x-bzip2",
    "tar.gz": "application/gzip",
    "tar.xz": "application/x-xz",
    "tex": "application/x-tex",
    "tga": "image/x-tga",
    "tiff": "image/tiff",
    "ts": "video/mp2t",
    "tsv": "text/tab-separated-values",
    "ttf": "font/ttf",
    "txt": "text/plain",
    "txtz": "application/zip",
    "vob": "video/mpeg",
    "vtt": "text/vtt",
    "wav": "audio/wav",
    "weba": "audio/webm",
    "webm": "video/webm",
    "webp": "image/webp",
    "wma": "audio/x-ms-wma",
    "wmf": "image/wmf",
    "wmv": "video/x-ms-wmv",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xps": "application/oxps",
    "xz": "application/x-xz",
    "zip": "application/zip",
}

GROUPS = {
    "archive": "7z ace alz arc arj bz bz2 cab cpio deb dmg gz img iso jar lha lz lzma lzo rar rpm rz tar"
    " tar.7z tar.bz tar.bz2 tar.gz tar.lz tar.lzma tar.lzo tar.xz tar.z tar.zst xz z zip zst",
    "audio": "aac ac3 aiff amr au caf dss flac m4a mp2 mp3 ogg opus voc wav weba wma",
    "video": "3g2 3gp avi cavs dv dvr f4v flv gifv m2ts m4v mkv mod mov mp4 mpeg mxf ogv rm rmvb swf ts vob"
    " webm wmv wtv",
    "image": "3fr arw avif bmp cr2 cr3 crw dcr dng erf gif heic icns ico jp2 jpg jxl mos mrw nef odd orf pcx"
    " pef pgm png pnm ppm psb psd raf raw rw2 tga tiff webp x3f xbm xcf xpm",
    "vector": "ai cdr cgm emf eps odg ps sk sk1 svg svgz vsd vsdx wmf",
    "cad": "dwf dwg dxf",
    "document": "abw djvu doc docm docx dot dotx eml fodt html hwp hwpx lwp md msg odt ott pages pdf pub rst"
    " rtf sdw tex txt wpd wps xps zabw",
    "spreadsheet": "csv et fods numbers ods ots sdc tsv xls xlsm xlsx xlt xltx",
    "presentation": "dps fodp key odp otp pot potx pps ppsx ppt pptm pptx sda",
    "ebook": "azw azw3 azw4 cbc cbr cbz chm epub fb2 htmlz lit lrf mobi oeb pdb pml prc rb snb tcr txtz",
    "font": "eot otf pfb ttf woff woff2",
    "subtitle": "ass srt ssa vtt",
}
# Compressed in themselves, besides most of the audio, video, ebook and archive groups.
PACKED = "avif docm docx gif heic jp2 jpg jxl odg odp ods odt png pptm pptx svgz webp woff woff2 xlsm xlsx"
LOOSE = "aiff au caf cpio dmg fb2 img iso tar voc wav"
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
    if double in DOUBLE:
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
