"""Formats that are text: what kind, and whether it is text at all."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    *((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
)
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\f\r\x1b"})
_ROOTS = {
    "svg": "svg",
    "html": "html",
    "mpd": "mpd",
    "fictionbook": "fb2",
    "abiword": "abw",
    "msl": "msl",
    "image": "msl",
    "group": "msl",
    **dict.fromkeys(("asx", "smil", "playlist", "smoothstreamingmedia", "compositionplaylist"), "playlist"),
}
_BEGINS = (
    ("m3u8", r"#EXTM3U"),
    ("ffconcat", r"ffconcat\s+version"),
    ("sdp", r"v=\d+\s*[\r\n]+[os]="),
    ("playlist", r"\[(?:playlist|reference)\]"),
    ("mvg", r"push\s+(?:graphic-context|defs|pattern|clip-path|gradient)\b|viewbox\s+[\d.-]+\s+[\d.-]+\s"),
    ("mvg", r"image\s+\w+\s+[\d.,-]+\s+[\d.,-]+\s|(?:fill|stroke)\s+['\"]?url\("),
    ("script", r"#!\s*/|<\?php"),
    ("vtt", r"WEBVTT"),
    ("xpm", r"/\*\s*XPM"),
    ("xbm", r"(?:/\*.{0,2000}?\*/\s*)?#define\s+\S*width\s+\d"),
    ("rtf", r"\{\\rtf"),
    ("html", r"<!doctype\s+html|<(?:html|head|body|title|meta|script|style|table|div|h1|p|br|a)[\s>/]"),
)
_BEGINNING = re.compile("|".join(f"(?P<n{n}>{text})" for n, (_, text) in enumerate(_BEGINS)), re.I | re.S)
# What may come before the root: declarations, comments, a document type with its entities.
_PROLOG = re.compile(
    r"\s+|<\?[^>]{0,2000}?\?>|<!--.{0,20000}?-->"
    r"|<!DOCTYPE(?:\"[^\"]{0,2000}\"|'[^']{0,2000}'|[^>\[\"']){0,200}(?:\[.{0,20000}?\]\s*)?>",
    re.I | re.S,
)
_ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]{0,99}:)?([A-Za-z_][\w.-]{0,99})[\s>/]")
_PICTURE = re.compile(rb"P([1-7])\s(?:\s|#[^\n]{0,500}\n){0,50}(?:\d+\s+\d+\s|WIDTH\s)")
_PICTURES = {b"1": "pnm", b"4": "pnm", b"2": "pgm", b"5": "pgm", b"7": "pnm"}


def kind(head: bytes) -> str:
    """Return the kind of text, ``txt`` when it is no special one; an empty string when it is no text."""
    if picture := _PICTURE.match(head):
        return _PICTURES.get(picture[1], "ppm")
    text = _text(head)
    if text is None:
        return ""
    text = text.lstrip("\ufeff \t\r\n\f")
    if found := _BEGINNING.match(text):
        return _BEGINS[int(f"{found.lastgroup}"[1:])][0]
    return _xml(text) if text.startswith("<") else "txt"


def _xml(text: str) -> str:
    at = 0
    while skipped := _PROLOG.match(text, at):
        at = skipped.end()
    root = _ROOT.match(text, at)
    if root:
        return _ROOTS.get(root[1].lower(), "xml")
    return "xml" if text.startswith(("<?xml", "<!")) else "txt"


def _text(head: bytes) -> str | None:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return head.decode(name, errors="replace")
    if b"\0" in head:
        return _unmarked(head)
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return head.decode(errors="replace") if 100 * controls <= len(head) else None


def _unmarked(head: bytes) -> str | None:
    """Return text in UTF-16 that does not say so: every other byte of Latin letters is nothing."""
    half = len(head) // 2
    for name, nothing in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if half >= 8 and nothing.count(0) > 0.9 * half:
            text = head[: half * 2].decode(name, errors="replace")
            return None if "\0" in text else text
    return None
