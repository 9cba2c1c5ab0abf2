"""A31: e-books whose markup names other files, by entities or by links, read by MuPDF."""

from __future__ import annotations

import pytest

from .hostile import packed
from .siege import conversion

pytestmark = [pytest.mark.attack, pytest.mark.needs("mutool", "pdftoppm")]
CONTAINER = (
    '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
    'full-path="c.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
FICTION = 'xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" xmlns:l="http://www.w3.org/1999/xlink"'


def epub(page, package=""):
    """Return an e-book of one page."""
    opf = (
        f'<?xml version="1.0"?>{package}<package xmlns="http://www.idpf.org/2007/opf" version="2.0"><manifest>'
        '<item id="p" href="p.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="p"/></spine></package>'
    )
    parts = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "c.opf": opf}
    return packed({**parts, "p.xhtml": page}, stored=("mimetype",))


def books(bait):
    """Return e-books by name and format."""
    places = {"file": f"file://{bait.world}", "http": bait.http}
    found = {}
    for how, place in places.items():
        entity = f'<!DOCTYPE html [<!ENTITY a SYSTEM "{place}">]>'
        html = '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>honest {}</p></body></html>'
        found[f"entity by {how}", "epub"] = epub(entity + html.format("&a;"))
        found[f"package entity by {how}", "epub"] = epub(html.format(""), entity)
        links = f'<img src="{place}"/><iframe src="{place}"/><style>@import url("{place}");</style>'
        found[f"links by {how}", "epub"] = epub(html.format(links))
        book = f"<FictionBook {FICTION}><body><section><p>honest {{}}</p></section></body></FictionBook>"
        found[f"entity by {how}", "fb2"] = entity + book.format("&a;")
        found[f"picture by {how}", "fb2"] = book.format(f'<image l:href="{place}"/>')
    found["picture by path", "epub"] = epub(html.format(f'<img src="{"../" * 12}{bait.png}"/>'))
    return found


@pytest.fixture(scope="module")
def ends(siege):
    """What came of each book."""
    jobs = {
        (*key, target): {
            **(made := conversion(data, f"in.{key[1]}", target, timeout=30)),
            "made": {**made["made"], "engine": "mupdf"},
        }
        for key, data in books(siege.bait).items()
        for target in ("pdf", "txt", "png")
    }
    return siege.ends(jobs)


def test_a31_a_book_shows_no_other_file(siege, ends):
    assert len(ends) == 33
    for end in ends.values():
        siege.harmless(end, pixels=True)


def test_a31_books_are_really_read(ends):
    read = [b"".join(end.files.values()) for (_, _, target), end in ends.items() if target == "txt"]

    assert sum(b"honest" in text for text in read) >= 5
