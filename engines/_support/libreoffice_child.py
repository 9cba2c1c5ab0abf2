"""The warm child of the libreoffice engine: starts the office once, then converts what it is asked to.

It stands on unoserver's converter, with its own way in and its own ``convert``: unoserver's server listens on
TCP and sleeps five seconds, opens documents visible, and turns options that are all digits into numbers.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.io import IOException
from com.sun.star.lang import DisposedException, IllegalArgumentException
from com.sun.star.task import XInteractionHandler2
from com.sun.star.util import CloseVetoException
from unoserver.converter import UnoConverter, get_doc_type

from engines._support.child import Refused, serve
from engines._support.libreoffice_input import COPY, as_utf8, check, prepared, separator, sheet_name
from engines._support.libreoffice_office import start

SERVICES = {
    "text": "com.sun.star.text.TextDocument",
    "sheet": "com.sun.star.sheet.SpreadsheetDocument",
    "slides": "com.sun.star.presentation.PresentationDocument",
    "drawing": "com.sun.star.drawing.DrawingDocument",
}
NEVER = 0
"""For macros and for the updating of links alike."""
Request = Mapping[str, Any]


class Questions(unohelper.Base, XInteractionHandler2):  # type: ignore[misc]
    """Answers nothing, but notes when the office asks for a password."""

    def __init__(self) -> None:
        self.password = False

    def handle(self, request: Any) -> None:
        """Take note of a question."""
        self.handleInteractionRequest(request)

    def handleInteractionRequest(self, request: Any) -> bool:  # noqa: N802 - the office's name
        """Take note of a question; it stays unanswered."""
        self.password |= any(hasattr(answer, "setPassword") for answer in request.getContinuations())
        return False


class Converter(UnoConverter):  # type: ignore[misc]
    """Converts documents in an office that is running."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.service = context.ServiceManager
        self.desktop = self._service("com.sun.star.frame.Desktop")
        self.dispatcher = self._service("com.sun.star.frame.DispatchHelper")

    def _service(self, name: str) -> Any:
        return self.service.createInstanceWithContext(name, self.context)

    def warm_up(self) -> None:
        """Print an empty document of each kind, so that no customer waits for what the first one loads."""
        for kind, export in (("swriter", "writer"), ("scalc", "calc"), ("simpress", "impress")):
            hidden = _properties({"Hidden": True})
            document = self.desktop.loadComponentFromURL(f"private:factory/{kind}", "_default", 0, hidden)
            printed = Path("warm.pdf").absolute()
            self._store(document, printed, {"export": f"{export}_pdf_Export"}, {})
            document.close(True)
            printed.unlink(missing_ok=True)

    def convert(self, request: Request) -> list[str]:
        """Convert as the request says and return the names of the files made.

        :raises Refused: when the document, or what is asked of it, is at fault.
        """
        document = self._open(request)
        try:
            if get_doc_type(document) != SERVICES[request["kind"]]:
                raise Refused("OpenFailed")
            return list(self._export(document, request))
        finally:
            try:
                document.close(True)
            except CloseVetoException:
                document.dispose()
            for copy in Path().glob(f"{COPY}.*"):
                copy.unlink()

    def _open(self, request: Request) -> Any:
        path, settings = Path(request["input"]), {"FilterName": request["filter"]}
        check(path, signature=request.get("signature"), part=request.get("part"))
        path = prepared(path)
        if request.get("text") is not None:
            path = as_utf8(path)
            settings["FilterOptions"] = request["text"].format(separator=ord(separator(path)))
        if request.get("sheet") and path.parent != Path.cwd():
            # A copy may be changed, if only in memory; the input may not.
            path = Path(shutil.copyfile(path, Path(COPY).with_suffix(path.suffix))).absolute()
        settings["ReadOnly"] = not request.get("sheet") and request.get("text") is None
        password = request.get("password")
        document, asked = self._load(path, {**settings, "Password": password} if password else settings)
        if document is None and not asked and request.get("otherwise"):
            document, asked = self._load(path, {**settings, "FilterName": request["otherwise"]})
        if document is None and password and not asked:
            # Some filters do not ask again after a wrong password, others stumble over a needless one.
            document, asked = self._load(path, settings)
        if asked:
            raise Refused("PasswordRequired")
        if document is None:
            raise Refused("OpenFailed")
        if request.get("text") is not None and request["kind"] == "sheet":
            # Else it would be called as our copy is.
            document.Sheets.getByIndex(0).Name = sheet_name(request["title"])
        return document

    def _load(self, path: Path, settings: Mapping[str, Any]) -> tuple[Any, bool]:
        questions = Questions()
        always = {
            "Hidden": True,
            "MacroExecutionMode": NEVER,
            "UpdateDocMode": NEVER,
            "InteractionHandler": questions,
        }
        try:
            document = self.desktop.loadComponentFromURL(
                path.as_uri(), "_default", 0, _properties({**always, **settings})
            )
        except (IllegalArgumentException, IOException):
            document = None
        return document, document is None and questions.password

    def _export(self, document: Any, request: Request) -> Iterator[str]:
        if request.get("hide_changes"):
            setting = _properties({"ShowTrackedChanges": False})
            frame = document.CurrentController.Frame
            self.dispatcher.executeDispatch(frame, ".uno:ShowTrackedChanges", "", 0, setting)
        if request.get("whole_sheets"):
            for sheet in document.Sheets:
                sheet.setPrintAreas(())
        if request.get("sheet"):
            _keep_sheet(document.Sheets, request["sheet"])
        if request.get("table"):
            yield from self._tables(document, request)
            return
        data = dict(request.get("data") or {})
        if request.get("pages"):
            data["PageRange"] = _range(document, request)
        self._store(document, Path(request["output"]), request, data)
        _take_pictures_in(Path(request["output"]))
        yield Path(request["output"]).name

    def _tables(self, document: Any, request: Request) -> Iterator[str]:
        """Write each visible sheet; the office would name the files after sheets: a customer's words."""
        output = Path(request["output"])
        alone = output.parent / "sheet"
        numbers = [n for n, sheet in enumerate(document.Sheets, 1) if sheet.IsVisible]
        for number in numbers:
            alone.mkdir()
            options = request["options"].format(sheet=number)
            self._store(document, alone / output.name, {**request, "options": options}, {})
            [made] = alone.iterdir()
            name = output.name if len(numbers) == 1 else f"{output.stem}-{number}{output.suffix}"
            made.rename(output.with_name(name))
            alone.rmdir()
            yield name

    def _store(self, document: Any, path: Path, request: Request, data: Mapping[str, Any]) -> None:
        settings: dict[str, Any] = {"FilterName": request["export"], "Overwrite": True}
        if data:
            settings["FilterData"] = uno.Any("[]com.sun.star.beans.PropertyValue", _properties(data))
        if request.get("options"):
            settings["FilterOptions"] = request["options"]
        document.storeToURL(path.as_uri(), _properties(settings))


def _properties(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(PropertyValue(Name=name, Value=value) for name, value in values.items())


def _take_pictures_in(page: Path) -> None:
    """Put the pictures that were written beside a web page into it: Calc cannot, and one file is promised."""
    pictures = [path for path in page.parent.iterdir() if path != page and page.suffix == ".html"]
    if not pictures:
        return
    text = page.read_text(encoding="utf-8")
    for picture in pictures:
        data = base64.b64encode(picture.read_bytes()).decode()
        text = text.replace(f'src="{picture.name}"', f'src="data:image/{picture.suffix[1:]};base64,{data}"')
    page.write_text(text, encoding="utf-8")


def _keep_sheet(sheets: Any, wanted: str) -> None:
    """Hide all sheets but the one of this name, or else of this number."""
    names = list(sheets.ElementNames)
    if wanted not in names:
        if not wanted.isdecimal() or not 1 <= int(wanted) <= len(names):
            raise Refused("ConversionFailed", f"The workbook has no sheet {wanted[:100]!r}.")
        wanted = names[int(wanted) - 1]
    sheets.getByName(wanted).IsVisible = True
    for name in names:
        if name != wanted:
            sheets.getByName(name).IsVisible = False


def _range(document: Any, request: Request) -> str:
    """Return the pages asked for as the office counts them: it also counts slides that are left out."""
    if request["kind"] == "slides":
        numbers = [
            n for n, page in enumerate(document.DrawPages, 1) if page.Visible or not request["hide_slides"]
        ]
    else:
        numbers = list(range(1, document.getRendererCount(document, ()) + 1))
    wanted: set[int] = set()
    for first, last in request["pages"]:
        if first > len(numbers):
            count = "1 page" if len(numbers) == 1 else f"{len(numbers)} pages"
            raise Refused(
                "ConversionFailed",
                f"The pages option asks for page {first}, but the document has only {count}.",
            )
        wanted.update(numbers[first - 1 : last or None])
    return ",".join(f"{number}-{number}" for number in sorted(wanted))


def main() -> None:
    """Start the office, show it a document of each kind, and serve."""
    _, context = start(Path.cwd())
    converter = Converter(context)
    converter.warm_up()

    def handle(request: dict[str, Any], _tell: Callable[[float], None]) -> dict[str, Any]:
        try:
            return {"files": converter.convert(request)}
        except DisposedException:
            # The office is gone, and with it this child's use.
            os._exit(1)

    serve(handle)


if __name__ == "__main__":
    main()
