"""LibreOffice: office documents to PDF and to each other, in an office that is kept warm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jobs.contract import Operation, Option, Tool, Work, pairs

from ._support import pages
from ._support.cells import OFFICE
from ._support.warm import Warm

# The filter is always named: the office takes what it does not recognise for text, and prints pages of noise.
IMPORTS: Mapping[str, Mapping[str, str]] = {
    "text": {
        "abw": "AbiWord",
        "doc": "MS Word 97",
        "docm": "MS Word 2007 XML VBA",
        "docx": "MS Word 2007 XML",
        "dot": "MS Word 97 Vorlage",
        "dotx": "MS Word 2007 XML Template",
        "fodt": "OpenDocument Text Flat XML",
        "html": "HTML (StarWriter)",
        "hwp": "writer_MIZI_Hwp_97",
        "lwp": "LotusWordPro",
        "odt": "writer8",
        "ott": "writer8_template",
        "pages": "Apple Pages",
        "rtf": "Rich Text Format",
        "sdw": "StarOffice_Writer",
        "txt": "Text (encoded)",
        "wpd": "WordPerfect",
        "wps": "MS_Works",
        "zabw": "AbiWord",
    },
    "sheet": {
        "csv": "Text - txt - csv (StarCalc)",
        "et": "MS Excel 97",
        "fods": "OpenDocument Spreadsheet Flat XML",
        "numbers": "Apple Numbers",
        "ods": "calc8",
        "ots": "calc8_template",
        "sdc": "StarOffice_Spreadsheet",
        "tsv": "Text - txt - csv (StarCalc)",
        "xls": "MS Excel 97",
        "xlsm": "Calc MS Excel 2007 VBA XML",
        "xlsx": "Calc MS Excel 2007 XML",
        "xlt": "MS Excel 97 Vorlage/Template",
        "xltx": "Calc MS Excel 2007 XML Template",
    },
    "slides": {
        "cgm": "CGM - Computer Graphics Metafile",
        "dps": "MS PowerPoint 97",
        "fodp": "OpenDocument Presentation Flat XML",
        "key": "Apple Keynote",
        "odp": "impress8",
        "otp": "impress8_template",
        "pot": "MS PowerPoint 97 Vorlage",
        "potx": "Impress MS PowerPoint 2007 XML Template",
        "pps": "MS PowerPoint 97 AutoPlay",
        "ppsx": "Impress MS PowerPoint 2007 XML AutoPlay",
        "ppt": "MS PowerPoint 97",
        "pptm": "Impress MS PowerPoint 2007 XML VBA",
        "pptx": "Impress MS PowerPoint 2007 XML",
    },
    "drawing": {
        "cdr": "Corel Draw Document",
        "dxf": "DXF - AutoCAD Interchange",
        "emf": "EMF - MS Windows Metafile",
        "odg": "draw8",
        "pub": "Publisher Document",
        "sda": "StarOffice_Drawing",
        "vsd": "Visio Document",
        "vsdx": "Visio Document",
        "wmf": "WMF - MS Windows Metafile",
    },
}
PDF = {"text": "writer_pdf_import", "slides": "impress_pdf_import"}
"""How pages are opened that are to be edited (see pdf_office)."""
OTHERWISE = {"wps": "MS Word 97"}
"""What another program calls by the same name; tried where the first fails."""
EXPORTS: Mapping[str, Mapping[str, str]] = {
    "text": {
        "doc": "MS Word 97",
        "docx": "MS Word 2007 XML",
        "epub": "EPUB",
        "html": "HTML (StarWriter)",
        "odt": "writer8",
        "pdf": "writer_pdf_Export",
        "rtf": "Rich Text Format",
        "txt": "Text (encoded)",
    },
    "sheet": {
        "csv": "Text - txt - csv (StarCalc)",
        "html": "HTML (StarCalc)",
        "ods": "calc8",
        "pdf": "calc_pdf_Export",
        "tsv": "Text - txt - csv (StarCalc)",
        "xls": "MS Excel 97",
        "xlsx": "Calc MS Excel 2007 XML",
    },
    "slides": {
        "odp": "impress8",
        "pdf": "impress_pdf_Export",
        "ppt": "MS PowerPoint 97",
        "pptx": "Impress MS PowerPoint 2007 XML",
    },
    "drawing": {"pdf": "draw_pdf_Export", "svg": "draw_svg_Export"},
}
# How text is read: in UTF-8; the separator is found out; quoted numbers stay text; dates are not guessed.
READ_AS = {
    "csv": "{separator},34,76,1,,0,true,false,false,false,false,0,false",
    "html": "",
    "tsv": "9,34,76,1,,0,true,false,false,false,false,0,false",
    "txt": "UTF8,LF,,,",
}
WRITTEN_AS = {
    "csv": "44,34,76,1,,0,false,true,false,false,false,{sheet}",
    "html": "EmbedImages",
    "tsv": "9,34,76,1,,0,false,true,false,false,false,{sheet}",
    "txt": "UTF8,LF,,,false",
}
SIGNATURES = {"rtf": r"\{\\rtf", "cgm": r"\x00[\x20-\x3f]"}
"""What a file must begin with, as a regular expression, where the filter itself takes anything."""
PARTS = {
    **dict.fromkeys(("docm", "docx", "dotx"), "word"),
    **dict.fromkeys(("xlsm", "xlsx", "xltx"), "xl"),
    **dict.fromkeys(("potx", "ppsx", "pptm", "pptx"), "ppt"),
    **dict.fromkeys(("odt", "ott"), "text"),
    **dict.fromkeys(("ods", "ots"), "spreadsheet"),
    **dict.fromkeys(("odp", "otp"), "presentation"),
    "odg": "graphics",
}
"""What makes a package one of these, where the filter takes its cousins too."""
FOR_PRINT = {"Quality": 90, "ReduceImageResolution": True, "MaxImageResolution": 300}
FOR_SCREEN = {"Quality": 60, "ReduceImageResolution": True, "MaxImageResolution": 96}
PDF_A_2B = 2


def request(work: Work) -> dict[str, Any]:
    """Return what the warm child must do for this work."""
    options, source, target = work.options, work.input_format, work.output_format
    kind, opened = _opened(source, target)
    return {
        "kind": kind,
        "input": f"{work.input}",
        "output": f"{work.output}",
        "filter": opened,
        "otherwise": OTHERWISE.get(source),
        "export": EXPORTS[kind][target],
        "text": READ_AS.get(source),
        "title": Path((*work.names, work.input.name)[0]).stem,
        "signature": SIGNATURES.get(source),
        "part": PARTS.get(source),
        "options": WRITTEN_AS.get(target),
        "table": target in {"csv", "tsv"},
        "password": options.get("password"),
        "sheet": options.get("sheet"),
        **(_print(kind, options) if target == "pdf" else {}),
    }


def _opened(source: str, target: str) -> tuple[str, str]:
    """Return what kind of document the source is opened as, and by which filter."""
    if source == "words":
        return "sheet", IMPORTS["sheet"]["fods"]
    if source == "pdf":
        # What it becomes decides: it is a text as much as a row of slides.
        return next((kind, name) for kind, name in PDF.items() if target in EXPORTS[kind])
    return next((kind, known[source]) for kind, known in IMPORTS.items() if source in known)


def _print(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {
        **(FOR_PRINT if options["optimize_print"] else FOR_SCREEN),
        "UseLosslessCompression": False,
        "SelectPdfVersion": PDF_A_2B if options["pdf_a"] else 0,
        "ExportBookmarks": options["bookmarks"],
        "ExportNotes": options["include_markup"],
    }
    if kind == "slides":
        data |= {"ExportHiddenSlides": not options["hide_slides"], "ExportNotesPages": options["notes"]}
    return {
        "data": data,
        "pages": pages.bounds(options["pages"]) if options["pages"] else None,
        "hide_changes": kind == "text" and not options["include_markup"],
        "hide_slides": options.get("hide_slides", False),
        "whole_sheets": kind == "sheet" and not options["use_print_areas"],
    }


WARM = Warm(
    name="libreoffice",
    script="libreoffice_child.py",
    request=request,
    profile=OFFICE,
    secret=("password",),
)
TOOL = Tool(name="libreoffice", argv=("soffice", "--version"))
PASSWORD = Option(
    name="password",
    help="The password that opens the document.",
    secret=True,
    selects=True,
    max_length=1024,
)
PRINT = (
    pages.option(),
    Option(
        name="optimize_print",
        help="Keep pictures fit for printing (300 dots per inch); false makes them small, for the screen.",
        type="boolean",
        default=True,
    ),
    Option(name="pdf_a", help="Write PDF/A-2b, for archives.", type="boolean", default=False),
    Option(
        name="bookmarks",
        help="Make bookmarks of headings, sheets or slides.",
        type="boolean",
        default=False,
    ),
    Option(
        name="include_markup",
        help="Show tracked changes, and add comments as notes.",
        type="boolean",
        default=False,
    ),
    PASSWORD,
)
SHEET = Option(
    name="sheet",
    help="Convert only this worksheet, by its name or its number from 1.",
    selects=True,
    max_length=256,
)
PRINT_AREAS = Option(
    name="use_print_areas",
    help="Print only the print areas set in the workbook.",
    type="boolean",
    default=False,
)
SLIDES = (
    Option(name="hide_slides", help="Leave out slides marked as hidden.", type="boolean", default=True),
    Option(name="notes", help="Add a page with the notes of each slide.", type="boolean", default=False),
)


def _operation(
    kind: str,
    targets: Iterable[str],
    *options: Option,
    sources: Iterable[str] = (),
    cost: float | None = None,
) -> Operation:
    direct = set(targets) == {"pdf"}
    return Operation(
        name="convert",
        engine="libreoffice",
        aliases=frozenset({"office"}),
        queue="libreoffice",
        help="Print office documents to PDF." if direct else "Convert office documents to each other.",
        run=WARM,
        conversions=pairs(sources or IMPORTS[kind], targets),
        options=options,
        # Pictures of a document are made from its PDF, not from a web page of it.
        cost=cost or (1.0 if direct else 1.5),
        tool=TOOL,
    )


ONE_PAGE = {"dxf", "emf", "wmf"}
"""What is sure to have no more than the first page, which is all that an SVG shows."""
SHOWS = set(IMPORTS["slides"]) - {"cgm"}
OPERATIONS = (
    _operation("text", {"pdf"}, *PRINT, sources=set(IMPORTS["text"]) - {"html"}),
    _operation("sheet", {"pdf"}, *PRINT, PRINT_AREAS, SHEET),
    _operation("slides", {"pdf"}, *PRINT, *SLIDES),
    _operation("drawing", {"pdf"}, *PRINT, sources=set(IMPORTS["drawing"]) - {"dxf"}),
    # It reads the oldest kind only; the way by Inkscape's SVG costs less.
    _operation("drawing", {"pdf"}, *PRINT, sources={"dxf"}, cost=4.0),
    _operation("drawing", {"svg"}, sources=ONE_PAGE),
    _operation("text", set(EXPORTS["text"]) - {"pdf"}, PASSWORD),
    _operation("sheet", {"ods", "xls", "xlsx"}, PASSWORD),
    _operation("sheet", {"csv", "html", "tsv"}, PASSWORD, SHEET),
    _operation("slides", set(EXPORTS["slides"]) - {"pdf"}, PASSWORD, sources=SHOWS),
)
