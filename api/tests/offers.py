"""Operations without engines, for tests of the API; ``offers`` puts them in place of the real ones."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from api import catalogue
from jobs import planner, registry, secrets
from jobs.contract import Context, Inputs, Operation, Option, Result, Work, pairs


def run(_work: Work, _context: Context) -> Result:
    raise AssertionError("no test runs a fake")


def _option(name: str, **about: object) -> Option:
    return Option(name=name, help=f"The {name}.", **about)


def _operation(name: str, *options: Option, **about: object) -> Operation:
    queue = about.get("engine") or "storage"
    return Operation(name=name, help=f"Do {name}.", queue=f"{queue}", run=run, options=options, **about)


FILENAME = _option("filename", required=True)
FILE = _option("file", required=True, content=True)
S3 = (_option("bucket", required=True), _option("secret_access_key", required=True, secret=True))
PASSWORD = _option("password", secret=True)

OFFERS = (
    _operation(
        "import/url",
        _option("url", required=True, pattern=r"https?://.+"),
        _option("headers", type="dictionary", secret=True),
        inputs=Inputs.NONE,
    ),
    _operation("import/upload", _option("redirect"), inputs=Inputs.NONE),
    _operation("import/raw", FILE, FILENAME, inputs=Inputs.NONE),
    _operation("import/base64", FILE, FILENAME, inputs=Inputs.NONE),
    _operation("import/s3", *S3, inputs=Inputs.NONE),
    _operation("import/azure/blob", _option("container"), inputs=Inputs.NONE),
    _operation(
        "export/url",
        _option("inline", type="boolean", default=False),
        _option("archive_multiple_files", type="boolean", default=False),
        inputs=Inputs.ALL,
    ),
    _operation("export/s3", *S3, inputs=Inputs.ALL),
    _operation("export/azure/blob", _option("container"), inputs=Inputs.ALL),
    _operation(
        "convert",
        PASSWORD,
        _option("pages"),
        engine="office",
        conversions=pairs({"docx", "odt"}, {"pdf", "odt"}),
    ),
    _operation(
        "convert",
        PASSWORD,
        _option("pixel_density", type="integer", default=150, minimum=36, maximum=1200),
        _option("fit", type="enum", values=("max", "crop"), default="max"),
        engine="pages",
        conversions=pairs({"pdf"}, {"png", "jpg"}),
    ),
    _operation("convert", engine="slowpages", conversions=pairs({"pdf"}, {"png"}), cost=3.0),
    _operation("archive", engine="archiver", conversions=frozenset({(None, "zip")}), inputs=Inputs.ALL),
    _operation(
        "capture-website",
        _option("url", required=True),
        engine="browser",
        conversions=frozenset({(None, "pdf"), (None, "png")}),
        inputs=Inputs.NONE,
    ),
    *(
        _operation("command", engine=engine, conversions=frozenset({(None, None)}), by_engine=True)
        for engine in ("pages", "slowpages")
    ),
    _operation(
        "watermark",
        _option("text"),
        _option("image", refers=True),
        engine="pages",
        conversions=frozenset({("png", None), ("pdf", None)}),
    ),
)


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Operation, ...]]:
    """Offer the fakes only."""
    monkeypatch.setattr(registry, "operations", functools.cache(lambda: OFFERS))
    _forget()
    yield OFFERS
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    registry.forget()
    planner.forget()
    catalogue.forget()
    secrets.names.cache_clear()
