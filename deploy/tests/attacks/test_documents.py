"""A28 to A31, A33: drawings and office documents that lead outside or run code, and formats we refuse."""

from __future__ import annotations

import pytest

from . import hostile
from .hostile import docx, field, formula, listener, odf, paragraph, picture, relation, xlsx
from .siege import Watching, conversion

pytestmark = [pytest.mark.attack, pytest.mark.needs("soffice", "convert", "rsvg-convert", "pdftoppm")]
SVG = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="400" height="400"'
GIGABYTE = 1024**3


def drawings(bait):
    """Return SVGs that name other files or never end, each in a way of its own."""
    entity = '<!DOCTYPE svg [<!ENTITY a SYSTEM "{}">]>'
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 11))
    tenfold = {n: f'<use href="#g{n - 1}"/>' * 10 for n in range(1, 12)}
    nested = "".join(f'<g id="g{n}">{uses}</g>' for n, uses in tenfold.items())
    text = '<text y="50">&a;</text>'
    return {
        "image": "".join(
            f'<svg {SVG}><image {attribute}="{place}" width="400" height="400"/>'
            for attribute in ("href", "xlink:href")
            for place in (f"file://{bait.png}", f"{bait.png}", bait.http)
        )
        + "</svg>" * 6,
        "image of svg": f'<svg {SVG}><image href="file://{bait.svg}" width="400" height="400"/></svg>',
        "image by path": f'<svg {SVG}><image href="{bait.png}" width="400" height="400"/></svg>',
        "image from above": f'<svg {SVG}><image href="{"../" * 12}{bait.png}" width="400" height="400"/></svg>',
        "image by http": f'<svg {SVG}><image xlink:href="{bait.http}" width="400" height="400"/></svg>',
        "foreign": f'<svg {SVG}><foreignObject width="400" height="400"><iframe xmlns="http://www.w3.org/1999/xhtml" '
        f'width="400" height="400" src="file://{bait.world}"/></foreignObject></svg>',
        "entity": f"{entity.format(f'file://{bait.world}')}<svg {SVG}>{text}</svg>",
        "entity by http": f"{entity.format(bait.http)}<svg {SVG}>{text}</svg>",
        "parameter": f'<!DOCTYPE svg [<!ENTITY % p SYSTEM "{bait.http}x.dtd"> %p;]><svg {SVG}/>',
        "doctype": f'<!DOCTYPE svg SYSTEM "{bait.http}x.dtd"><svg {SVG}/>',
        "include": f'<svg {SVG} xmlns:xi="http://www.w3.org/2001/XInclude"><text y="50"><xi:include parse="text" '
        f'href="file://{bait.world}"/></text></svg>',
        "include by http": f'<svg {SVG} xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{bait.http}"/></svg>',
        "use": f'<svg {SVG}><use href="file://{bait.svg}#x"/><use xlink:href="{bait.http}#x"/></svg>',
        "style": f'<?xml-stylesheet href="{bait.http}" type="text/css"?><svg {SVG}><style>@import url("{bait.http}");'
        f'@font-face {{ font-family: f; src: url("{bait.http}") }} rect {{ fill: url("{bait.http}#a") }}</style>'
        '<rect width="9" height="9"/><text font-family="f">x</text></svg>',
        "filter": f'<svg {SVG}><filter id="f"><feImage href="file://{bait.png}"/></filter><rect width="400" '
        'height="400" filter="url(#f)"/></svg>',
        "script": f'<svg {SVG}><script>fetch("{bait.http}")</script><script href="{bait.http}"/></svg>',
        "delegate": f'<svg {SVG}><image xlink:href="msl:{bait.world}" width="9" height="9"/><image '
        f'xlink:href="text:{bait.world}" width="9" height="9"/><image xlink:href="|touch {bait.marker}" width="9" '
        'height="9"/></svg>',
        "laughs": f'<!DOCTYPE svg [<!ENTITY l0 "{"ha" * 100}">{laughs}]><svg {SVG}><text>&l10;</text></svg>',
        "nested": f'<svg {SVG}><defs><g id="g0"><rect width="1" height="1"/></g>{nested}</defs><use href="#g11"/></svg>',
        "deep": f"<svg {SVG}>{'<g>' * 200_000}",
        "self": f'<svg {SVG}><pattern id="p"><rect width="9" height="9" fill="url(#p)"/></pattern><rect width="9" '
        'height="9" fill="url(#p)"/><use id="u" href="#u"/></svg>',
        "huge": '<svg xmlns="http://www.w3.org/2000/svg" width="10000000" height="10000000"/>',
        "blur": f'<svg {SVG}><filter id="f"><feGaussianBlur stdDeviation="99999"/><feMorphology operator="dilate" '
        'radius="5000"/><feTurbulence numOctaves="9999"/></filter><rect width="400" height="400" filter="url(#f)"/></svg>',
    }


DRAWINGS = [
    *("image", "image of svg", "image by path", "image from above", "image by http", "foreign", "entity"),
    *(
        "entity by http",
        "parameter",
        "doctype",
        "include",
        "include by http",
        "use",
        "style",
        "filter",
        "script",
    ),
    *("delegate", "laughs", "nested", "deep", "self", "huge", "blur"),
]


class Weight(Watching):
    """The most memory that any one process of the engines had meanwhile."""

    most = 0

    def look(self):
        self.most = max(self.most, self.siege.largest())


@pytest.fixture(scope="module")
def drawn(siege):
    """What came of each drawing, and the memory they took."""
    jobs = {
        (name, target): conversion(text, "in.svg", target, timeout=8)
        for name, text in drawings(siege.bait).items()
        for target in ("png", "pdf")
    }
    with Weight(siege) as weight:
        ends = siege.ends(jobs)
    return ends, weight.most


@pytest.mark.parametrize("name", DRAWINGS)
def test_a28_a_drawing_shows_no_file_and_ends(siege, drawn, name):
    ends = {target: end for (each, target), end in drawn[0].items() if each == name}

    for end in ends.values():
        siege.harmless(end, pixels=True)
    assert len(ends) == 2


def test_a28_drawings_take_little_memory(drawn):
    assert 0 < drawn[1] < 2.2 * GIGABYTE


def word(bait):
    """Return Word documents that lead outside."""
    http, file = bait.http, f"file://{bait.world}"
    linked = {
        f"picture {kind} {how}": docx(picture("rId1", how), relation(1, "image", place))
        for how in ("link", "embed")
        for kind, place in (("http", http), ("file", f"file://{bait.png}"), ("path", f"{bait.png}"))
    }
    ole = '<w:p><w:r><w:object><v:shape id="s" style="width:99pt;height:99pt"/><o:OLEObject Type="Link" ProgID="Word.Document" ShapeID="s" DrawAspect="Content" r:id="rId1" UpdateMode="Always"/></w:object></w:r></w:p>'
    vml = '<w:p><w:r><w:pict><v:shape style="width:300pt;height:300pt"><v:imagedata r:id="rId1" r:href="rId1"/></v:shape></w:pict></w:r></w:p>'
    fields = [
        f'{verb} "{place}"{switch}'
        for verb, switch in (
            ("INCLUDETEXT", ""),
            ("INCLUDEPICTURE", " \\d"),
            ("RD", ""),
            ("LINK Word.Document", " \\a"),
        )
        for place in (f"{bait.world}", file, http)
    ]
    fields += [
        f"DDEAUTO sh '-c touch {bait.marker}' x",
        f"DDE sh '-c touch {bait.marker}' x",
        "MACROBUTTON x y",
    ]
    fields += [
        f'IMPORT "{bait.png}"',
        f'EMBED Package "{bait.world}"',
        f'DATABASE \\d "{file}" \\s "SELECT *"',
    ]
    return {
        **linked,
        "vml http": docx(vml, relation(1, "image", http)),
        "vml file": docx(vml, relation(1, "image", f"file://{bait.png}")),
        "template http": docx(paragraph("x"), relation(1, "attachedTemplate", http + "t.dotm"), settings='<w:attachedTemplate r:id="rId1"/>'),
        "template file": docx(paragraph("x"), relation(1, "attachedTemplate", file), settings='<w:attachedTemplate r:id="rId1"/>'),
        "ole http": docx(ole, relation(1, "oleObject", http)),
        "ole file": docx(ole, relation(1, "oleObject", file)),
        "part http": docx('<w:altChunk r:id="rId1"/>', relation(1, "aFChunk", http)),
        "part file": docx('<w:altChunk r:id="rId1"/>', relation(1, "aFChunk", f"file://{bait.page}")),
        "subdocument": docx('<w:p><w:subDoc r:id="rId1"/></w:p>', relation(1, "subDocument", file)),
        "frame": docx(paragraph("x"), relation(1, "frame", http), settings='<w:frameset><w:frame><w:sourceFileName r:id="rId1"/></w:frame></w:frameset>'),
        "fields": docx("".join(field(each) for each in fields)),
    }  # fmt: skip


def open_documents(bait):
    """Return OpenDocument files that lead outside."""
    pairs = {"http": bait.http, "file": f"file://{bait.world}", "up": f"{'../' * 12}{bait.world}"}
    found = {}
    for kind, place in pairs.items():
        link = f'xlink:href="{place}" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"'
        found |= {
            f"section {kind}.odt": odf(
                "text",
                f'<text:section text:name="s"><text:section-source {link}/><text:p>old</text:p></text:section>',
            ),
            f"object {kind}.odt": odf(
                "text",
                f'<text:p><draw:frame svg:width="9cm" svg:height="9cm"><draw:object {link}/></draw:frame></text:p>',
            ),
            f"ole {kind}.odt": odf(
                "text",
                f'<text:p><draw:frame svg:width="9cm" svg:height="9cm"><draw:object-ole {link}/></draw:frame></text:p>',
            ),
            f"frame {kind}.odt": odf(
                "text",
                f'<text:p><draw:frame svg:width="9cm" svg:height="9cm"><draw:floating-frame {link}/></draw:frame></text:p>',
            ),
            f"plugin {kind}.odp": odf(
                "presentation",
                f'<draw:page><draw:frame svg:width="9cm" svg:height="9cm"><draw:plugin {link} '
                'draw:mime-type="application/vnd.sun.star.media"/></draw:frame></draw:page>',
            ),
            f"sheet {kind}.ods": odf(
                "spreadsheet",
                f'<table:table table:name="S"><table:table-source {link} table:table-name="Sheet1"/><table:table-row>'
                f'<table:table-cell table:formula="of:=WEBSERVICE(&quot;{place}&quot;)"/><table:table-cell '
                f"table:formula=\"of:=['{place}'#$Sheet1.A1]\"/><table:table-cell "
                f'table:formula="of:=DDE(&quot;soffice&quot;;&quot;{place}&quot;;&quot;a1&quot;)"/>'
                '<table:table-cell office:value-type="string"><table:cell-range-source table:name="a" '
                f"{link}/></table:table-cell></table:table-row></table:table>",
            ),
        }
    for kind, place in {
        "http": bait.http,
        "file": f"file://{bait.png}",
        "up": f"{'../' * 12}{bait.png}",
    }.items():
        image = (
            f'<draw:frame svg:width="9cm" svg:height="9cm"><draw:image xlink:href="{place}"/></draw:frame>'
        )
        found[f"image {kind}.odt"] = odf("text", f"<text:p>{image}</text:p>")
        found[f"image {kind}.odp"] = odf("presentation", f"<draw:page>{image}</draw:page>")
    return found


def others(bait):
    """Return RTF, Excel and CSV files that lead outside."""
    fields = "".join(
        f'{{\\field{{\\*\\fldinst {{{verb} "{place}"}}}}{{\\fldrslt old}}}}\\par '
        for verb in ("INCLUDETEXT", "INCLUDEPICTURE", "LINK Word.Document")
        for place in (f"{bait.world}", f"file://{bait.png}", bait.http)
    )
    link = (
        f'<externalLink xmlns="{hostile.SHEET}" xmlns:r="{hostile.RELATIONS}"><externalBook r:id="rId1"><sheetNames>'
        '<sheetName val="Sheet1"/></sheetNames></externalBook></externalLink>'
    )
    dde = (
        f'<externalLink xmlns="{hostile.SHEET}"><ddeLink ddeService="sh" ddeTopic="-c \'touch {bait.marker}\'">'
        '<ddeItems><ddeItem name="x" advise="1"/></ddeItems></ddeLink></externalLink>'
    )
    calls = [
        *(
            f'WEBSERVICE("{bait.http}")',
            f'WEBSERVICE("file://{bait.world}")',
            f'FILTERXML(WEBSERVICE("{bait.http}"),"/")',
        ),
        *(
            f'HYPERLINK("{bait.http}")',
            f"'file://{bait.folder}/[world.txt]Sheet1'!A1",
            "[1]Sheet1!A1",
            'INFO("directory")',
        ),
        *(
            f'DDE("soffice","{bait.world}","a1")',
            f'IMAGE("{bait.http}")',
            f"cmd|' /C touch {bait.marker}'!A0",
            'CELL("filename")',
        ),
    ]
    return {
        "fields.rtf": f"{{\\rtf1\\ansi {{\\*\\template {bait.http}t.dot}} {fields} x}}",
        "file.rtf": f"{{\\rtf1 {{\\*\\template {bait.world}}} {{\\field{{\\*\\fldinst {{INCLUDETEXT {bait.world}}}}}}} x}}",
        "calls.xlsx": xlsx(formula(*calls), links={bait.http + "x.xlsx": link, f"file://{bait.world}": link}),
        "dde.xlsx": xlsx(formula("[1]!x", "sh|x!y"), links={bait.http: dde}),
        "calls.csv": "\n".join(f'"={call.replace(chr(34), chr(34) * 2)}"' for call in calls),
        "calls.tsv": "\n".join(f"={call}" for call in calls),
        "page.html": f'<html><body><img src="{bait.http}"><img src="file://{bait.png}"><iframe src="file://{bait.page}">'
        f'</iframe><table><tr><td sdval="1" sdnum="1">=WEBSERVICE("{bait.http}")</td></tr></table></body></html>',
        "page.doc": f'<html xmlns:w="urn:schemas-microsoft-com:office:word"><body><img src="{bait.http}">'
        f'<object data="file://{bait.world}"></object><iframe src="{bait.http}"></iframe></body></html>',
        "flat.odt": f'<?xml version="1.0"?><office:document {hostile.SPACES} office:mimetype="application/vnd.oasis.'
        f'opendocument.text"><office:body><office:text><text:p><draw:frame svg:width="9cm" svg:height="9cm"><draw:image '
        f'xlink:href="file://{bait.png}"/></draw:frame></text:p></office:text></office:body></office:document>',
    }


@pytest.fixture(scope="module")
def opened(siege):
    """What came of each document."""
    files = {f"word {name}.docx": data for name, data in word(siege.bait).items()}
    files |= open_documents(siege.bait) | others(siege.bait)
    jobs = {}
    for name, data in files.items():
        kind = name.rpartition(".")[2]
        for target in ("pdf", "html" if kind in {"ods", "xlsx", "csv", "tsv"} else "odt"):
            if kind != target and not (target == "odt" and kind == "odp"):
                jobs[name, target] = conversion(data, f"in.{kind}", target, timeout=60)
    return siege.ends(jobs)


@pytest.mark.parametrize("kind", ["docx", "odt", "odp", "ods", "rtf", "xlsx", "csv", "tsv", "html", "doc"])
def test_a29_a_document_that_leads_outside_brings_nothing_in(siege, opened, kind):
    ends = {name: end for name, end in opened.items() if name[0].endswith(f".{kind}")}

    for end in ends.values():
        siege.harmless(end, pixels=True)
    # Contained, most of them still convert: the text around the link is the customer's own.
    if kind not in {"doc", "html"}:
        assert sum(not end.failed for end in ends.values()) > len(ends) / 2, [
            end.words for end in ends.values()
        ]


def macros(bait):
    """Return documents whose macros run when they are opened, if any do."""
    marker = bait.marker
    script = "vnd.sun.star.script:Standard.Module1.Main?language=Basic&location=document"
    python = "vnd.sun.star.script:m.py$run?language=Python&location=document"
    code = f"def run(*_):\n    open({f'{marker}'!r}, 'w').write('x')\n"
    outside = "vnd.sun.star.script:LibreOffice|x.py$run?language=Python&location=share"
    found = {}
    for kind, suffix, body in (
        ("text", "odt", "<text:p>x</text:p>"),
        ("spreadsheet", "ods", '<table:table table:name="S"/>'),
        ("presentation", "odp", "<draw:page/>"),
    ):
        found[f"basic.{suffix}"] = odf(kind, body, before=listener(script), more=hostile.basic(f"{marker}"))
        found[f"python.{suffix}"] = odf(
            kind, body, before=listener(python), more={"Scripts/python/m.py": code}
        )
        found[f"share.{suffix}"] = odf(kind, body, before=listener(outside))
        found[f"shell.{suffix}"] = odf(
            kind, body, before=listener(f"macro:///Standard.x.Shell(touch {marker})")
        )
    button = (
        '<text:p><text:execute-macro text:name="m"><office:event-listeners><script:event-listener '
        f'script:language="ooo:script" script:event-name="dom:load" xlink:href="{script.replace("&", "&amp;")}"/>'
        "</office:event-listeners>x</text:execute-macro></text:p>"
    )
    found["field.odt"] = odf("text", button, more=hostile.basic(f"{marker}"))
    found["on open.docx"] = docx(paragraph("x") + field("AUTOOPEN") + field("MACROBUTTON AutoOpen x"))
    return found


def test_a30_no_macro_runs(siege):
    files = macros(siege.bait)

    ends = siege.ends(
        {name: conversion(data, f"in.{name.rpartition('.')[2]}", "pdf") for name, data in files.items()}
    )

    for end in ends.values():
        siege.harmless(end)
    assert not siege.bait.marker.exists()
    assert not ends["basic.odt"].failed, ends["basic.odt"].words


def entities(bait):
    """Return files in whose XML an entity names a file or an address."""
    found = {}
    for kind, place in {
        "file": f"file://{bait.world}",
        "http": bait.http,
        "passwd": "file:///etc/passwd",
    }.items():
        entity = f'<!DOCTYPE r [<!ENTITY x SYSTEM "{place}">]>'
        parameter = f'<!DOCTYPE r [<!ENTITY % p SYSTEM "{place}"> %p;]>'
        doctype = f'<!DOCTYPE r SYSTEM "{place}">'
        body = "<w:p><w:r><w:t>&x;</w:t></w:r></w:p>"
        for name, prolog in (("entity", entity), ("parameter", parameter), ("doctype", doctype)):
            text, cell = (body, "&x;") if name == "entity" else (paragraph("x"), "x")
            found |= {
                f"{name} {kind}.docx": docx(text, prolog=prolog),
                f"{name} {kind}.xlsx": xlsx(
                    '<c r="A1" t="s"><v>0</v></c>', prolog=prolog, strings=f"<si><t>{cell}</t></si>"
                ),
                f"{name} {kind}.odt": odf("text", f"<text:p>{cell}</text:p>", prolog=prolog),
                f"{name} {kind}.svg": f'{prolog}<svg {SVG}><text y="50">{cell}</text></svg>',
            }
    laughs = '<!DOCTYPE r [<!ENTITY l0 "haha">' + "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 11)
    )
    found["laughs.docx"] = docx("<w:p><w:r><w:t>&l10;</w:t></w:r></w:p>", prolog=f"{laughs}]>")
    found["laughs.odt"] = odf("text", "<text:p>&l10;</text:p>", prolog=f"{laughs}]>")
    return found


def test_a31_an_entity_brings_no_file_in(siege):
    files = entities(siege.bait)
    jobs = {}
    for name, data in files.items():
        kind = name.rpartition(".")[2]
        jobs[name] = conversion(data, f"in.{kind}", "png" if kind == "svg" else "pdf", timeout=30)

    with Weight(siege) as weight:
        ends = siege.ends(jobs)

    for end in ends.values():
        siege.harmless(end)
    assert weight.most < 3.2 * GIGABYTE


PROGRAMS = {
    "recipe": "from calibre.web.feeds.news import BasicNewsRecipe\nimport os\nos.system('touch {marker}')\n",
    "lua": "os.execute('touch {marker}')",
    "py": "import os; os.system('touch {marker}')",
    "sh": "#!/bin/sh\ntouch {marker}\n",
    "php": "<?php system('touch {marker}'); ?>",
    "pl": "system('touch {marker}')",
    "js": "require('child_process').exec('touch {marker}')",
    "mvg": "push graphic-context\n",
    "msl": "<image/>",
    "exe": "MZ",
    "bat": "touch {marker}",
    "jar": "PK",
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a33_a_program_is_no_format(siege, kind):
    text = PROGRAMS[kind].format(marker=siege.bait.marker)

    end = siege.run(conversion(text, f"in.{kind}", "pdf"))
    named = siege.stack.api.post(
        "/v2/jobs", json={"tasks": conversion(text, "in.txt", "pdf", input_format=kind)}
    )

    siege.harmless(end)
    assert end.made["code"] == "INVALID_CONVERSION_TYPE"
    assert named.status_code == 422
