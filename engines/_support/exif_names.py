"""Names of metadata tags that may be written, and how ExifTool is told of them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

FILMS = {"3g2", "3gp", "f4v", "m4a", "m4v", "mov", "mp4"}
RAW = {"arw", "cr2", "cr3", "crw", "dng", "erf", "mos", "mrw", "nef", "orf", "pef", "raf", "rw2"}
WRITABLE = {
    *(
        "ai",
        "avif",
        "eps",
        "gif",
        "heic",
        "jp2",
        "jpg",
        "jxl",
        "pdf",
        "png",
        "ps",
        "psb",
        "psd",
        "tiff",
    ),
    *FILMS,
    *RAW,
}
"""Formats that it writes."""
_WORD = r"[A-Za-z][A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*"
_TAG = re.compile(rf"(?:{_WORD}:){{0,2}}{_WORD}#?")
_NEVER = {
    # These are options of the program, not tags: they name files to read from.
    *("csv", "json", "tagsfromfile", "alltagsfromfile", "addtagsfromfile"),
    # These name, move or link files, or read from one.
    *("filename", "directory", "testname", "hardlink", "symlink", "geotag", "geotime", "geosync"),
    # These are about the file in a file system, or all tags at once, or whole blocks of them.
    *("filemodifydate", "filecreatedate", "filepermissions", "fileuserid", "filegroupid", "all"),
    *("exif", "xmp", "iptc", "icc_profile", "canonvrd", "photoshop", "mdiitemtags"),
}
_NO_GROUPS = {"all", "system"}
_WITH_IPTC = {"eps", "jpg", "psb", "psd", "tiff"}
_LISTS = {"keywords", "hierarchicalsubject", "personinimage", "supplementalcategories"}
"""Tags of several words, written with commas between them."""
_IN_FILMS = {"album", "artist", "author", "comment", "copyright", "description", "genre", "title"}
"""What a film says where players look, besides its XMP."""
_SIGNED = {"gpslatitude", "gpslongitude", "gpsaltitude"}
"""Numbers whose sign stands in another tag."""


def is_tag(name: str) -> bool:
    """Tell whether this is a name that may be written; whether the format has it, the tool says."""
    *groups, base = name.lower().rstrip("#").split(":")
    return bool(_TAG.fullmatch(name)) and base not in _NEVER and not _NO_GROUPS.intersection(groups)


def lines(metadata: Mapping[str, str], kind: str) -> Iterator[str]:
    """Give the arguments that write these tags into a file of a kind, one a line."""
    given = {name.lower() for name in metadata}
    for name, value in metadata.items():
        for place in _places(name, value, kind):
            for part in _parts(place, value):
                yield f"-{place}={_escaped(part)}"
        if name.lower() in _SIGNED and f"{name.lower()}ref" not in given:
            yield f"-{name}Ref={_escaped(value)}"


def wanted(metadata: Mapping[str, str], kind: str) -> list[str]:
    """Return the names of the tags that the file has when these are written."""
    return [next(_places(name, value, kind)) for name, value in metadata.items() if value.strip()]


def _places(name: str, value: str, kind: str) -> Iterator[str]:
    if name.lower() == "keywords" and kind != "pdf" and not (kind in _WITH_IPTC and _is_latin(value)):
        # The older place for them has no other letters, and not every format has it.
        yield "XMP-dc:Subject"
        return
    yield name
    if kind in FILMS and name.lower() in _IN_FILMS:
        yield f"ItemList:{name}"


def _parts(place: str, value: str) -> list[str]:
    base = place.lower().rpartition(":")[2]
    if base not in _LISTS and place != "XMP-dc:Subject":
        return [value]
    return [part.strip() for part in value.split(",") if part.strip()] or [""]


def _is_latin(value: str) -> bool:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _escaped(value: str) -> str:
    escaped = html.escape(value, quote=False)
    return re.sub(r"[\r\n]", lambda found: f"&#x{ord(found[0]):x};", escaped)
