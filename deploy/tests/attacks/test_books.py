"""A25, A31, A32, A34: e-mail, e-books and markup that lead outside or run code."""

from __future__ import annotations

import json

import pytest

from . import hostile
from .siege import conversion

pytestmark = [pytest.mark.attack, pytest.mark.needs("ebook-convert", "pandoc")]
CONTAINER = (
    '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
    'full-path="{}" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def places(bait):
    """Return where the secrets are, in every spelling that a link may have."""
    up = f"{'../' * 12}{bait.world}"
    return [f"file://{bait.world}", f"{bait.world}", up, f"file://{bait.png}", f"{bait.png}", bait.http]


def page(bait, more="", prolog=""):
    """Return a page that brings in the secrets in every way a page has."""
    ways = (
        '<img src="{0}"/><a href="{0}">a</a><object data="{0}"></object><embed src="{0}"/><iframe src="{0}"></iframe>'
        '<link rel="stylesheet" href="{0}"/><script src="{0}"></script><video src="{0}" poster="{0}"></video>'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><image href="{0}"/>'
        '<image xlink:href="{0}"/></svg><p style="background:url({0})">x</p><style>@import "{0}"; p {{ background: '
        'url("{0}") }} @font-face {{ font-family: f; src: url("{0}") }}</style>'
    )
    body = "".join(ways.format(place) for place in places(bait))
    return f'{prolog}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body><p>x{more}</p>{body}</body></html>'


def epub(chapter, *, prolog="", items="", container="book.opf"):
    """Return an e-book of one chapter."""
    package = (
        f'{prolog}<package xmlns="http://www.idpf.org/2007/opf" version="2.0" unique-identifier="i"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>t</dc:title><dc:identifier id="i">x</dc:identifier>'
        '</metadata><manifest><item id="p" href="p.xhtml" media-type="application/xhtml+xml"/>'
        f'{items}</manifest><spine><itemref idref="p"/></spine></package>'
    )
    return hostile.packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER.format(container),
            "book.opf": package,
            "p.xhtml": chapter,
        },
        stored=("mimetype",),
    )


def books(bait):
    """Return e-books that lead outside."""
    found = {"links.epub": epub(page(bait))}
    for kind, place in {
        "file": f"file://{bait.world}",
        "http": bait.http,
        "passwd": "file:///etc/passwd",
    }.items():
        entity, parameter = (
            f'<!DOCTYPE r [<!ENTITY x SYSTEM "{place}">]>',
            f'<!DOCTYPE r [<!ENTITY % x SYSTEM "{place}"> %x;]>',
        )
        item = f'<item id="x" href="{place}" media-type="application/xhtml+xml"/>'
        found |= {
            f"entity {kind}.epub": epub(page(bait, "&x;", entity)),
            f"parameter {kind}.epub": epub(page(bait, "", parameter), prolog=parameter),
            f"item {kind}.epub": epub(page(bait), items=item),
            f"package {kind}.epub": epub(page(bait), container=place),
            f"entity {kind}.fb2": f'{entity}<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" '
            'xmlns:l="http://www.w3.org/1999/xlink"><description><title-info><book-title>&x;</book-title></title-info>'
            f'</description><body><section><p>&x;</p><image l:href="{place}"/></section></body></FictionBook>',
        }
    up = "../" * 12
    found["upwards.epub"] = epub(
        page(bait), items=f'<item id="u" href="{up}{bait.world}" media-type="text/plain"/>'
    )
    found["htmlz.htmlz"] = hostile.packed({"index.html": page(bait), f"{up}{bait.marker}"[1:]: "x"})
    found["text.txtz"] = hostile.packed({"index.txt": f"![a]({bait.png}) <img src='file://{bait.png}'>"})
    return found


def test_a31_a_book_brings_no_file_in(siege):
    jobs = {}
    for name, data in books(siege.bait).items():
        kind = name.rpartition(".")[2]
        jobs[name, "htmlz"] = conversion(data, f"in.{kind}", "htmlz" if kind != "htmlz" else "epub")
        if kind == "epub":
            jobs[name, "md"] = conversion(data, f"in.{kind}", "md")
    jobs["links.epub", "pdf"] = conversion(books(siege.bait)["links.epub"], "in.epub", "pdf")

    ends = siege.ends(jobs)

    for end in ends.values():
        siege.harmless(end, pixels=True)
    assert not siege.bait.marker.exists()
    assert not ends["links.epub", "htmlz"].failed, ends["links.epub", "htmlz"].words


def markup(bait):
    """Return texts that bring in files, or run something."""
    found = {}
    run = f"touch {bait.marker}"
    for number, place in enumerate(places(bait)):
        found |= {
            f"{number}.rst": f".. include:: {place}\n\n.. raw:: html\n   :file: {place}\n\n.. csv-table:: x\n   :file: {place}\n",
            f"{number} include.rst": f"x\n\n.. include:: {place}\n   :literal:\n\n.. image:: {place}\n",
            f"{number} raw.rst": f".. raw:: html\n   :url: {place}\n",
            f"{number}.org": f'#+INCLUDE: "{place}"\n#+INCLUDE: "{place}" src text\n#+SETUPFILE: {place}\n[[file:{place}]]\n',
            f"{number}.tex": f"\\documentclass{{article}}\\usepackage{{{place}}}\\begin{{document}}x \\input{{{place}}} \\include{{{place}}}"
            f" \\lstinputlisting{{{place}}} \\verbatiminput{{{place}}} \\includegraphics{{{place}}}\\end{{document}}",
            f"{number}.md": f"![a]({place})\n\n<img src='{place}'> <iframe src='{place}'></iframe>\n\n"
            f"```{{=openxml}}\n<w:p/>\n```\n\n```{{=html}}\n<img src='{place}'>\n```\n",
            f"{number} metadata.md": f"---\ncover-image: {place}\ncss: {place}\nstylesheet: {place}\nbibliography: {place}\ncsl: {place}\n"
            f"reference-doc: {place}\ntemplate: {place}\ninclude-before: '![]({place})'\n---\n\nx [@a]\n",
            f"{number}.textile": f"!{place}!\n\n<img src='{place}'>\n",
            f"{number}.ipynb": json.dumps(
                {
                    "nbformat": 4,
                    "nbformat_minor": 5,
                    "metadata": {},
                    "cells": [
                        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": [f"![a]({place})"]}
                    ],
                }
            ),
        }
    found["run.tex"] = (
        f"\\documentclass{{article}}\\begin{{document}}\\immediate\\write18{{{run}}}\\input{{|{run}}}"
        f"\\directlua{{os.execute('{run}')}}x\\end{{document}}"
    )
    found["run.org"] = (
        f"#+BEGIN_SRC sh :exports results\n{run}\n#+END_SRC\n\ncall_sh()\nsrc_sh[:exports results]{{{run}}}\n"
    )
    found["run.md"] = f"```{{.sh}}\n{run}\n```\n\n$(({run}))\n\n`{run}`\n"
    return found


def test_a32_markup_brings_no_file_in_and_runs_nothing(siege):
    jobs = {}
    for name, text in markup(siege.bait).items():
        kind = name.rpartition(".")[2]
        for target in ("html", "epub") if kind != "tex" else ("html", "docx"):
            jobs[name, target] = conversion(text, f"in.{kind}", target)

    ends = siege.ends(jobs)

    for end in ends.values():
        siege.harmless(end)
    assert not siege.bait.marker.exists()
    finished = [name for name, end in ends.items() if not end.failed]
    assert len(finished) > len(ends) / 2, [end.words for end in ends.values()]


def test_a34_a_page_that_becomes_a_book_brings_no_file_in(siege):
    prolog = f'<!DOCTYPE html [<!ENTITY x SYSTEM "file://{siege.bait.world}">]>'
    texts = {"links": page(siege.bait), "entity": page(siege.bait, "&x;", prolog)}

    ends = siege.ends(
        {
            (name, target): conversion(text, "in.html", target)
            for name, text in texts.items()
            for target in ("epub", "htmlz", "azw3")
        }
    )

    for end in ends.values():
        siege.harmless(end)
    assert not ends["links", "epub"].failed, ends["links", "epub"].words


def test_a25_a_message_brings_no_file_in(siege):
    head = "From: a@example.com\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n"
    text = head + page(siege.bait) + f"<script>fetch('{siege.bait.http}')</script>"

    ends = siege.ends({target: conversion(text, "in.eml", target) for target in ("html", "pdf", "txt")})

    for end in ends.values():
        siege.harmless(end, pixels=True)
        assert not end.failed, end.words
