"""Several PDFs made one, with all they have: bookmarks, links, forms, layers, page labels, attachments."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import pikepdf

from engines._support import pdf_joining, pdf_links
from engines._support.pdf_document import PARTIAL, check_count, opened, save
from engines._support.pdf_joining import Part

KEPT = ("/AcroForm", "/Dests", "/OCProperties", "/Outlines", "/PageLabels")
NAMES = ("/Dests", "/EmbeddedFiles")
"""Of what has names; scripts are left out, since each is written for its own document."""
NEWEST = "2.0"


def merge(order: Mapping[str, Any], percent: Callable[[float], None]) -> dict[str, Any]:
    """Merge the ``inputs`` of an order, whose ``names`` are what customers call them, into its ``output``."""
    made = pikepdf.Pdf.new()
    parts: list[Part] = []
    versions, damaged = ["1.5"], False
    with contextlib.ExitStack() as stack:
        for path, name in zip(order["inputs"], order["names"], strict=True):
            # Open until all is written: what is in streams is not read before.
            source = stack.enter_context(opened(Path(path), order["password"], name=name))
            check_count(len(made.pages) + source.count, "The result would have")
            parts.append(_add(made, source.pdf, name))
            versions.append(source.pdf.pdf_version)
            damaged = damaged or source.damaged
            percent(50 * len(parts) / len(order["inputs"]))
        for join in (
            pdf_joining.join_forms,
            pdf_joining.join_layers,
            pdf_joining.join_labels,
            pdf_joining.join_names,
            _join_bookmarks,
        ):
            join(made, parts)
        target = Path(order["output"])
        save(made, target, lambda done: percent(50 + done / 2), version=min(max(versions), NEWEST))
    return {"files": [target.name], "message": PARTIAL if damaged else None}


def _add(made: pikepdf.Pdf, pdf: pikepdf.Pdf, name: str) -> Part:
    pdf_links.write_out_names(pdf)
    first, count = len(made.pages), len(pdf.pages)
    # Older versions of qpdf lose links to pages that come later, so links come after all pages.
    annotations = [_taken(page.obj, "/Annots") for page in pdf.pages]
    made.pages.extend(pdf.pages)
    wanted = pikepdf.Dictionary({key: pdf.Root[key] for key in KEPT if key in pdf.Root})
    names = pdf_links.part(pdf.Root, "/Names")
    wanted.Names = pikepdf.Dictionary({key: names[key] for key in NAMES if key in names})
    wanted.Annots = pikepdf.Array(annotations)
    copied = made.copy_foreign(pdf.make_indirect(wanted))
    for number, its in enumerate(copied.Annots):
        if its is not None:
            made.pages[first + number].obj.Annots = its
    return Part(PurePath(name).stem, first, count, copied)


def _taken(holder: Any, key: str) -> Any:
    found = holder.get(key)
    if key in holder:
        del holder[key]
    return found


def _join_bookmarks(pdf: pikepdf.Pdf, parts: Sequence[Part]) -> None:
    """Give each document a bookmark, with its own below it; of a single one they stay as they are."""
    if len(parts) == 1:
        if "/Outlines" in parts[0].catalogue:
            pdf.Root.Outlines = parts[0].catalogue.Outlines
        return
    root = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Outlines))
    items = []
    for each in parts:
        place = pikepdf.Array([pdf.pages[each.first].obj, pikepdf.Name.XYZ, None, None, None])
        item = pdf.make_indirect(pikepdf.Dictionary(Title=pikepdf.String(each.name), Dest=place))
        pdf_links.put_below(item, pdf_links.siblings(pdf_links.part(each.catalogue, "/Outlines")))
        items.append(item)
    pdf_links.put_below(root, items)
    root.Count = len(items)
    pdf.Root.Outlines = root
