"""The look at a file: one answer from everything we know of formats."""

from __future__ import annotations

from jobs.contract import formats

from . import agreement, boxes, compound, signatures, texts, zips
from .finding import Finding
from .window import Looked, Unreadable, Window

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def detect(looked: Looked) -> Finding:
    """Return what the file is by its content. Reads 8 MB at most, whatever the file says.

    :raises OSError: when it cannot be read.
    """
    with Window(looked) as window:
        return seen(window)


def seen(window: Window) -> Finding:
    """Return what a file is, through a window that is open."""
    head = window.head
    if head.startswith(compound.SIGNATURE):
        return _inside(window, "cfb")
    if head.startswith(_ZIP):
        return _inside(window, "zip")
    found = boxes.media(head) or signatures.certain(head)
    if found:
        return Finding(boxes.gzipped(head) if found == "gz" else found)
    if b"%PDF-" in head[:1024]:
        return Finding("pdf", certain=not head[: head.find(b"%PDF-")].strip())
    if found := texts.kind(head):
        return Finding(found, certain=found not in {"txt", "xml"})
    return Finding(signatures.likely(head), certain=False)


def _inside(window: Window, outside: str) -> Finding:
    try:
        if outside == "cfb":
            return Finding(*_ordered(compound.kind(window)))
        return Finding(*_ordered(zips.kind(window, zips.read(window))))
    except Unreadable:
        # Broken, or larger than we look: what it is can be seen, what it holds cannot.
        return Finding(outside, certain=False)


def _ordered(found: tuple[str, bool]) -> tuple[str, bool, bool]:
    return found[0], bool(found[0]), found[1]


def fits(looked: Looked, format: str) -> bool:  # noqa: A002 - it is what we call it everywhere
    """Tell whether a file can be what it is said to be: not empty, and nothing in it speaks against it.

    Of formats without a mark of their own, and of those we do not know, anything is believed.

    :raises OSError: when it cannot be read.
    """
    known = formats.group(format) != "other" or format in formats.MIME_TYPES
    with Window(looked) as window:
        return window.size > 0 and (not known or agreement.agrees(format, seen(window)))
