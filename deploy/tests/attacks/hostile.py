"""Hostile office files, pictures and videos, made from a few lines of text each."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
ODF = "urn:oasis:names:tc:opendocument:xmlns"
SPACES = (
    f'xmlns:office="{ODF}:office:1.0" xmlns:text="{ODF}:text:1.0" xmlns:table="{ODF}:table:1.0" '
    f'xmlns:draw="{ODF}:drawing:1.0" xmlns:svg="{ODF}:svg-compatible:1.0" xmlns:script="{ODF}:script:1.0" '
    f'xmlns:of="{ODF}:of:1.2" xmlns:presentation="{ODF}:presentation:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dom="http://www.w3.org/2001/xml-events" '
    'xmlns:ooo="http://openoffice.org/2004/office"'
)
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def packed(members: Mapping[str, str | bytes], *, stored: tuple[str, ...] = ()) -> bytes:
    """Return a ZIP of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            kind = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(name, data, kind)
    return out.getvalue()


def relation(number: int, kind: str, target: str) -> str:
    """Return a relationship that leads outside the package."""
    return f'<Relationship Id="rId{number}" Type="{RELATIONS}/{kind}" Target={quoteattr(target)} TargetMode="External"/>'


def docx(
    body: str, *relations: str, settings: str = "", prolog: str = "", more: Mapping[str, str] = {}
) -> bytes:
    """Return a Word document with this body, and these relationships beside it (the first's are settings')."""
    spaces = (
        f'xmlns:w="{WORD}" xmlns:r="{RELATIONS}" xmlns:v="urn:schemas-microsoft-com:vml" '
        'xmlns:o="urn:schemas-microsoft-com:office:office" '
        'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"'
    )
    types = "".join(
        f'<Override PartName="/word/{name}.xml" ContentType="{WORD_TYPE}.{kind}+xml"/>'
        for name, kind in (("document", "document.main"), ("settings", "settings"))
    )
    own = f'<Relationship Id="rIdS" Type="{RELATIONS}/settings" Target="settings.xml"/>'
    return packed(
        {
            "[Content_Types].xml": f'{XML}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>{types}</Types>',
            "_rels/.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{RELATIONS}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/document.xml": f"{XML}{prolog}<w:document {spaces}><w:body>{body}</w:body></w:document>",
            "word/settings.xml": f"{XML}<w:settings {spaces}>{settings}</w:settings>",
            "word/_rels/document.xml.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{own}'
            f"{''.join(relations)}</Relationships>",
            "word/_rels/settings.xml.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships">'
            f"{''.join(relations)}</Relationships>",
            **more,
        }
    )


def paragraph(text: str) -> str:
    """Return a Word paragraph."""
    return f"<w:p><w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def field(instruction: str) -> str:
    """Return a Word paragraph with a field that wants to be updated."""
    return (
        '<w:p><w:r><w:fldChar w:fldCharType="begin" w:dirty="true"/></w:r><w:r><w:instrText xml:space="preserve">'
        f'{escape(instruction)}</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>old'
        '</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>'
    )


def picture(identifier: str, how: str = "link") -> str:
    """Return a Word paragraph with a linked picture."""
    return (
        '<w:p><w:r><w:drawing><wp:inline><wp:extent cx="3600000" cy="3600000"/><wp:docPr id="1" name="p"/>'
        '<a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic>'
        '<pic:nvPicPr><pic:cNvPr id="1" name="p"/><pic:cNvPicPr/></pic:nvPicPr>'
        f'<pic:blipFill><a:blip r:{how}="{identifier}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>'
        '<pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="3600000" cy="3600000"/></a:xfrm>'
        '<a:prstGeom prst="rect"/></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>'
    )


def xlsx(
    cells: str, *relations: str, strings: str = "", prolog: str = "", links: Mapping[str, str] = {}
) -> bytes:
    """Return an Excel sheet with these cells; ``links`` are the parts of its outside links."""
    numbers = range(1, len(links) + 1)
    outside = "".join(f'<externalReference r:id="rIdL{number}"/>' for number in numbers)
    targets = "".join(
        f'<Relationship Id="rIdL{number}" Type="{RELATIONS}/externalLink" '
        f'Target="externalLinks/externalLink{number}.xml"/>'
        for number in numbers
    )
    parts = {}
    for number, (target, part) in enumerate(links.items(), 1):
        parts[f"xl/externalLinks/externalLink{number}.xml"] = f"{XML}{part}"
        parts[f"xl/externalLinks/_rels/externalLink{number}.xml.rels"] = (
            f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{relation(1, "externalLinkPath", target)}'
            "</Relationships>"
        )
    overrides = "".join(
        f'<Override PartName="/xl/{name}.xml" ContentType="{SHEET_TYPE}.{kind}+xml"/>'
        for name, kind in (
            ("workbook", "sheet.main"),
            ("worksheets/sheet1", "worksheet"),
            ("sharedStrings", "sharedStrings"),
            *((f"externalLinks/externalLink{number}", "externalLink") for number in numbers),
        )
    )
    return packed(
        {
            "[Content_Types].xml": f'{XML}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
            "_rels/.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'{XML}<workbook xmlns="{SHEET}" xmlns:r="{RELATIONS}"><sheets><sheet name="S" '
            f'sheetId="1" r:id="rId1"/></sheets>{f"<externalReferences>{outside}</externalReferences>" if links else ""}'
            '<calcPr fullCalcOnLoad="1"/></workbook>',
            "xl/_rels/workbook.xml.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships"><Relationship '
            f'Id="rId1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" '
            f'Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>{targets}</Relationships>',
            "xl/worksheets/sheet1.xml": f'{XML}<worksheet xmlns="{SHEET}" xmlns:r="{RELATIONS}"><sheetData><row r="1">'
            f"{cells}</row></sheetData></worksheet>",
            "xl/worksheets/_rels/sheet1.xml.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships">'
            f"{''.join(relations)}</Relationships>",
            "xl/sharedStrings.xml": f'{XML}{prolog}<sst xmlns="{SHEET}">{strings or "<si><t>x</t></si>"}</sst>',
            **parts,
        }
    )


def formula(*texts: str) -> str:
    """Return cells with these formulas."""
    return "".join(
        f'<c r="{chr(65 + n)}1" t="str"><f>{escape(text)}</f><v>old</v></c>' for n, text in enumerate(texts)
    )


def odf(
    kind: str, content: str, *, before: str = "", prolog: str = "", more: Mapping[str, str | bytes] = {}
) -> bytes:
    """Return an OpenDocument file: ``text``, ``spreadsheet`` or ``presentation``."""
    mime = f"application/vnd.oasis.opendocument.{kind}"
    listed = "".join(
        f'<manifest:file-entry manifest:full-path="{name}" manifest:media-type="text/xml"/>'
        for name in ("content.xml", *more)
    )
    return packed(
        {
            "mimetype": mime,
            "META-INF/manifest.xml": f'{XML}<manifest:manifest xmlns:manifest="{ODF}:manifest:1.0" '
            f'manifest:version="1.2"><manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/>'
            f"{listed}</manifest:manifest>",
            "content.xml": f'{XML}{prolog}<office:document-content {SPACES} office:version="1.2">{before}'
            f"<office:body><office:{kind}>{content}</office:{kind}></office:body></office:document-content>",
            **more,
        },
        stored=("mimetype",),
    )


def basic(marker: str) -> dict[str, str]:
    """Return the parts of a Basic library whose ``Main`` writes a file and runs a program."""
    code = (
        f'Sub Main\nOpen "{marker}" For Output As #1\nPrint #1, "run"\nClose #1\n'
        f'Shell("/usr/bin/touch", 0, "{marker}-shell", True)\nEnd Sub\n'
    )
    doctype = '<!DOCTYPE {0} PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "{1}.dtd">\n'
    spaces = f'xmlns:{{0}}="http://openoffice.org/2000/{{1}}" {SPACES.split(" ")[6]}'
    library = spaces.format("library", "library")
    return {
        "Basic/script-lc.xml": f"{XML}{doctype.format('library:libraries', 'libraries')}<library:libraries "
        f'{library} xmlns:xlink="http://www.w3.org/1999/xlink"><library:library library:name="Standard" '
        'library:link="false"/></library:libraries>',
        "Basic/Standard/script-lb.xml": f"{XML}{doctype.format('library:library', 'library')}<library:library "
        f'{library} library:name="Standard" library:readonly="false" library:passwordprotected="false">'
        '<library:element library:name="Module1"/></library:library>',
        "Basic/Standard/Module1.xml": f"{XML}{doctype.format('script:module', 'module')}<script:module "
        'xmlns:script="http://openoffice.org/2000/script" script:name="Module1" '
        f'script:language="StarBasic">{escape(code)}</script:module>',
    }


def listener(address: str) -> str:
    """Return a part of a document that calls a script when the document is opened."""
    events = ("office:load-finished", "dom:load", "office:new", "office:layout-finished")
    return "<office:scripts><office:event-listeners>" + "".join(
        f'<script:event-listener script:language="ooo:script" script:event-name="{event}" '
        f'xlink:href="{escape(address)}" xlink:type="simple"/>'
        for event in events
    ) + "</office:event-listeners></office:scripts>"  # fmt: skip


# --- Pictures


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes = b"", *chunks: bytes, colour: int = 2) -> bytes:
    """Return a PNG of any claimed size; without rows it has one row of data only."""
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    data = zlib.compress(rows or bytes(1 + width % 100_000), 9)
    pieces = (chunk(b"IHDR", head), *chunks, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def small_png(*chunks: bytes) -> bytes:
    """Return a good PNG of sixteen green pixels a side, with more chunks."""
    return png(16, 16, (b"\0" + b"\x10\xc0\x20" * 16) * 16, *chunks)


def bmp(width: int, height: int) -> bytes:
    """Return a BMP of any claimed size."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 64, 0, 0, 54) + info + bytes(64)


def gif(width: int, height: int, frames: int = 1) -> bytes:
    """Return a GIF of any claimed size and as many tiny frames."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    image = (
        b"\x21\xf9\x04\0\x0a\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    )
    return head + image * frames + b";"


def tiff(width: int, height: int) -> bytes:
    """Return a TIFF of any claimed size whose next directory is itself."""
    strip = 8 + 2 + 12 * 9 + 4
    entries = [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)),
        *((273, 4, 1, strip), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 16)),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 8) + bytes(16)


def psd(width: int, height: int) -> bytes:
    """Return a PSD of any claimed size without data."""
    return b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3) + bytes(12) + b"\0\1" + bytes(64)


def avi(width: int, height: int, *, frames: int = 25, micros: int = 40_000, streams: int = 1) -> bytes:
    """Return an AVI of raw video that claims any size, length and number of streams."""
    size = 16
    head = struct.pack("<14I", micros, 0, 0, 0x10, frames, 0, streams, size, width, height, 0, 0, 0, 0)
    stream = struct.pack(
        "<4s4sIHHIIIIIIII8x", b"vids", b"DIB ", 0, 0, 0, 0, micros, 10**6, 0, frames, size, 0, 0
    )
    form = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, width * height * 3 % 2**32, 0, 0, 0, 0)
    lists = b"".join([_list(b"strl", _riff(b"strh", stream) + _riff(b"strf", form))] * streams)
    movie = _list(b"movi", _riff(b"00db", bytes(size)))
    return _riff(b"RIFF", b"AVI " + _list(b"hdrl", _riff(b"avih", head) + lists) + movie)


def _riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _list(name: bytes, data: bytes) -> bytes:
    return _riff(b"LIST", name + data)


# --- PDF


def pdf(*objects: str | bytes) -> bytes:
    """Return a PDF of these objects, the first being its catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        text = content.encode() if isinstance(content, str) else content
        out += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out) + b"trailer <</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(places) + 1,
        start,
    )
