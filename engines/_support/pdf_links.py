"""Where a PDF's links and bookmarks lead, and the tree of its bookmarks. Nothing in it is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pikepdf

_CHAIN = 16
"""How many steps a destination or an action may take; honest ones take two."""


def part(holder: Any, key: str, kind: Any = pikepdf.Dictionary) -> Any:
    """Return what stands there if it is of that kind, else an empty one that stands nowhere."""
    found = holder.get(key)
    return found if isinstance(found, kind) else kind()


def notes(page: pikepdf.Page) -> list[Any]:
    """Return a page's annotations, links among them."""
    return [each for each in part(page.obj, "/Annots", pikepdf.Array) if isinstance(each, pikepdf.Dictionary)]


def entries(pdf: pikepdf.Pdf, tree: Any) -> dict[str, Any]:
    """Return the entries of a tree of names; none when it is broken."""
    return _leaves(pdf, tree, pikepdf.NameTree)


def numbered(pdf: pikepdf.Pdf, tree: Any) -> dict[int, Any]:
    """Return the entries of a tree of numbers; none when it is broken."""
    return _leaves(pdf, tree, pikepdf.NumberTree)


def _leaves(pdf: pikepdf.Pdf, tree: Any, kind: Any) -> dict[Any, Any]:
    try:
        # It must be a document's own, not a part of something that is.
        return dict(kind(tree if tree.is_indirect else pdf.make_indirect(tree)).items())
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError):
        return {}


def named(pdf: pikepdf.Pdf, catalogue: Any) -> dict[str, Any]:
    """Return the places that have names in a document, or in what was one."""
    old = part(catalogue, "/Dests")
    new = entries(pdf, part(part(catalogue, "/Names"), "/Dests"))
    return {**{key: old[key] for key in old.keys()}, **new}  # noqa: SIM118 - no mapping


def write_out_names(pdf: pikepdf.Pdf) -> None:
    """Let links and bookmarks lead to places themselves, not to names of places."""
    places = {name: place for name, each in named(pdf, pdf.Root).items() if (place := _place(each))}
    if not places:
        return
    for page in pdf.pages:
        for annotation in notes(page):
            _write_out(annotation, places)
    for item in bookmarks(part(pdf.Root, "/Outlines")):
        _write_out(item, places)


def bookmarks(outlines: Any) -> Iterator[Any]:
    """Give every bookmark, each once, whatever circles they form."""
    seen: set[tuple[int, int]] = set()
    below = [outlines]
    while below:
        for item in siblings(below.pop(), seen):
            below.append(item)
            yield item


def siblings(parent: Any, seen: set[tuple[int, int]] | None = None) -> list[Any]:
    """Return the bookmarks right below one, up to the first that was seen before."""
    seen = set() if seen is None else seen
    found = []
    item = parent.get("/First")
    while isinstance(item, pikepdf.Dictionary) and item.is_indirect and item.objgen not in seen:
        seen.add(item.objgen)
        found.append(item)
        item = item.get("/Next")
    return found


def put_below(parent: Any, items: Sequence[Any]) -> None:
    """Make bookmarks the ones right below another, folded away."""
    for before, item, after in zip([None, *items], items, [*items[1:], None], strict=False):
        item.Parent = parent
        for key, neighbour in (("/Prev", before), ("/Next", after)):
            if neighbour is not None:
                item[key] = neighbour
            elif key in item:
                del item[key]
    if items:
        parent.First, parent.Last, parent.Count = items[0], items[-1], -len(items)


def _place(found: Any) -> Any:
    for _ in range(_CHAIN):
        if not isinstance(found, pikepdf.Dictionary):
            break
        found = found.get("/D")
    return found if isinstance(found, pikepdf.Array) else None


def _write_out(holder: Any, places: Mapping[str, Any]) -> None:
    _replace(holder, "/Dest", places)
    action = holder.get("/A")
    for _ in range(_CHAIN):
        if not isinstance(action, pikepdf.Dictionary):
            break
        if action.get("/S") == "/GoTo":
            _replace(action, "/D", places)
        action = action.get("/Next")


def _replace(holder: Any, key: str, places: Mapping[str, Any]) -> None:
    name = holder.get(key)
    if isinstance(name, pikepdf.String | pikepdf.Name) and f"{name}" in places:
        holder[key] = places[f"{name}"]
