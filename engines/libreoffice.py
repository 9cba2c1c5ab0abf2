"""LibreOffice: office documents to PDF and to each other, in an office that is kept warm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        "html": "HTML (StarWriter)",
        "odt": "writer8",
        "rtf": "Rich Text Format",
        "txt": "Text (encoded)",
    },
    "sheet": {
        "csv": "Text - txt - csv (StarCalc)",
        "ods": "calc8",
        "tsv": "Text - txt - csv (StarCalc)",
        "xls": "MS Excel 97",
        "xlsm": "Calc MS Excel 2007 VBA XML",
        "xlsx": "Calc MS Excel 2007 XML",
        "xlt": "MS Excel 97 Vorlage/Template",
        "xltx": "Calc MS Excel 2007 XML Template",
    },
    "slides": {
        "odp": "impress8",
        "pot": "MS PowerPoint 97 Vorlage",
        "potx": "Impress MS PowerPoint 2007 XML Template",
        "pps": "MS PowerPoint 97 AutoPlay",
        "ppsx": "Impress MS PowerPoint 2007 XML AutoPlay",
        "ppt": "MS PowerPoint 97",
        "pptm": "Impress MS PowerPoint 2007 XML VBA",
        "pptx": "Impress MS PowerPoint 2007 XML",
    },
    "drawing": {
        "emf": "EMF - MS Windows Metafile",
        "odg": "draw8",
        "wmf": "WMF - MS Windows Metafile",
    },
}
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
    "drawing": {"pdf": "draw_pdf_Export"},
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
SIGNATURES = {"rtf": "{\\rtf"}
"""What a file must begin with, where the filter itself takes anything."""
PARTS = {
    **dict.fromkeys(("docm", "docx", "dotx"), "word"),
    **dict.fromkeys(("xlsm", "xlsx", "xltx"), "xl"),
    **dict.fromkeys(("potx", "ppsx", "pptm", "pptx"), "ppt"),
    "odt": "text",
    "ods": "spreadsheet",
    "odp": "presentation",
    "odg": "graphics",
}
"""What makes a package one of these, where the filter takes its cousins too."""
FOR_PRINT = {"Quality": 90, "ReduceImageResolution": True, "MaxImageResolution": 300}
FOR_SCREEN = {"Quality": 60, "ReduceImageResolution": True, "MaxImageResolution": 96}
PDF_A_2B = 2


def request(work: Work) -> dict[str, Any]:
    """Return what the warm child must do for this work."""
    options, source, target = work.options, work.input_format, work.output_format
    kind = next(kind for kind, known in IMPORTS.items() if source in known)
    return {
        "kind": kind,
        "input": f"{work.input}",
        "output": f"{work.output}",
        "filter": IMPORTS[kind][source],
        "export": EXPORTS[kind][target],
        "text": READ_AS.get(source),
        "signature": SIGNATURES.get(source),
        "part": PARTS.get(source),
        "options": WRITTEN_AS.get(target),
        "table": target in {"csv", "tsv"},
        "password": options["password"],
        "sheet": options.get("sheet"),
        **(_print(kind, options) if target == "pdf" else {}),
    }


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


def _operation(kind: str, targets: Iterable[str], *options: Option, sources: Iterable[str] = ()) -> Operation:
    direct = set(targets) == {"pdf"}
    return Operation(
        name="convert",
        engine="libreoffice",
        queue="libreoffice",
        help="Print office documents to PDF." if direct else "Convert office documents to each other.",
        run=WARM,
        conversions=pairs(sources or IMPORTS[kind], targets),
        options=options,
        # Pictures of a document are made from its PDF, not from a web page of it.
        cost=1.0 if direct else 1.5,
        tool=TOOL,
    )


OPERATIONS = (
    _operation("text", {"pdf"}, *PRINT, sources=set(IMPORTS["text"]) - {"html"}),
    _operation("sheet", {"pdf"}, *PRINT, PRINT_AREAS, SHEET),
    _operation("slides", {"pdf"}, *PRINT, *SLIDES),
    _operation("drawing", {"pdf"}, *PRINT),
    _operation("text", set(EXPORTS["text"]) - {"pdf"}, PASSWORD),
    _operation("sheet", {"ods", "xls", "xlsx"}, PASSWORD),
    _operation("sheet", {"csv", "html", "tsv"}, PASSWORD, SHEET),
    _operation("slides", set(EXPORTS["slides"]) - {"pdf"}, PASSWORD),
)
