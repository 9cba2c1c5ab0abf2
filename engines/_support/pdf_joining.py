"""What documents have besides pages, joined: forms, layers, page labels, names, attachments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pikepdf

from engines._support.pdf_links import entries, named, numbered, part

OF_FIELDS = ("/DA", "/Q")
"""What fields without it have of the form they are in."""


@dataclass(frozen=True)
class Part:
    """One of the documents that were joined: its share of the pages, and a copy of what it had besides."""

    name: str
    first: int
    count: int
    catalogue: Any


def join_forms(pdf: pikepdf.Pdf, parts: Sequence[Part]) -> None:
    """Make one form of all: no two fields have one name, as they would then share what is filled in."""
    forms = [form for each in parts if (form := part(each.catalogue, "/AcroForm")).keys()]
    if not forms:
        return
    joined = pikepdf.Dictionary(Fields=pikepdf.Array(), CO=pikepdf.Array(), DR=pikepdf.Dictionary())
    taken: set[str] = set()
    for form in forms:
        for field in _fields(form):
            _rename(field, taken)
            joined.Fields.append(field)
        joined.CO.extend(part(form, "/CO", pikepdf.Array))
        _add_resources(joined.DR, part(form, "/DR"))
        if form.get("/NeedAppearances") is True:
            joined.NeedAppearances = True
    pdf.Root.AcroForm = pdf.make_indirect(joined)


def _fields(form: Any) -> Iterator[Any]:
    for field in part(form, "/Fields", pikepdf.Array):
        if isinstance(field, pikepdf.Dictionary):
            for key in OF_FIELDS:
                if key in form and key not in field:
                    field[key] = form[key]
            yield field


def _rename(field: Any, taken: set[str]) -> None:
    given = field.get("/T")
    name = candidate = f"{given}" if isinstance(given, pikepdf.String) else ""
    number = 2
    while candidate and candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    if candidate != name:
        field.T = pikepdf.String(candidate)
    taken.add(candidate)


def _add_resources(joined: Any, more: Any) -> None:
    for kind in more.keys():  # noqa: SIM118 - no mapping
        if not isinstance(more[kind], pikepdf.Dictionary):
            continue
        if kind not in joined:
            joined[kind] = pikepdf.Dictionary()
        for name in more[kind].keys():  # noqa: SIM118
            # Fields have their looks with them; this is for what is filled in later.
            if name not in joined[kind]:
                joined[kind][name] = more[kind][name]


def join_layers(pdf: pikepdf.Pdf, parts: Sequence[Part]) -> None:
    """Keep layers, and hidden what was hidden."""
    wanted = [layers for each in parts if (layers := part(each.catalogue, "/OCProperties")).keys()]
    if not wanted:
        return
    every = pikepdf.Array()
    lists = {key: pikepdf.Array() for key in ("/ON", "/OFF", "/Order", "/Locked", "/RBGroups", "/AS")}
    for layers in wanted:
        groups, usual = part(layers, "/OCGs", pikepdf.Array), part(layers, "/D")
        every.extend(groups)
        for key, joined in lists.items():
            joined.extend(part(usual, key, pikepdf.Array))
        if usual.get("/BaseState") == "/OFF":
            shown = {each.objgen for each in part(usual, "/ON", pikepdf.Array) if _is_group(each)}
            hidden = [each for each in groups if _is_group(each) and each.objgen not in shown]
            lists["/OFF"].extend(pikepdf.Array(hidden))
    pdf.Root.OCProperties = pikepdf.Dictionary(OCGs=every, D=pikepdf.Dictionary(lists))


def _is_group(found: Any) -> bool:
    return isinstance(found, pikepdf.Dictionary)


def join_labels(pdf: pikepdf.Pdf, parts: Sequence[Part]) -> None:
    """Let pages be called what they were, if one of the documents calls its pages anything."""
    if not any("/PageLabels" in each.catalogue for each in parts):
        return
    numbers = pikepdf.Array()
    for each in parts:
        own = numbered(pdf, part(each.catalogue, "/PageLabels"))
        found = {0: pikepdf.Dictionary(S=pikepdf.Name.D), **own}
        for start, label in sorted(found.items()):
            if 0 <= start < each.count and isinstance(label, pikepdf.Dictionary):
                numbers.extend(pikepdf.Array([each.first + start, label]))
    pdf.Root.PageLabels = pikepdf.Dictionary(Nums=numbers)


def join_names(pdf: pikepdf.Pdf, parts: Sequence[Part]) -> None:
    """Keep the names of places, for links from outside, and what is attached."""
    places: dict[str, Any] = {}
    attached: dict[str, Any] = {}
    for each in parts:
        for name, place in named(pdf, each.catalogue).items():
            places.setdefault(name.removeprefix("/"), place)
        for name, file in entries(pdf, part(part(each.catalogue, "/Names"), "/EmbeddedFiles")).items():
            key = name if name not in attached else f"{name} ({each.name})"
            attached.setdefault(key, file)
    for key, found in (("/Dests", places), ("/EmbeddedFiles", attached)):
        if found:
            tree = pikepdf.NameTree.new(pdf)
            for name, value in found.items():
                tree[name] = value
            if "/Names" not in pdf.Root:
                pdf.Root.Names = pikepdf.Dictionary()
            pdf.Root.Names[key] = tree.obj
