"""The warm child of the qpdf engine: qpdf's own jobs, and what needs more than those."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pikepdf

from engines._support import qpdf_job
from engines._support.child import Refused, serve
from engines._support.pdf_document import PARTIAL, Opened, opened
from engines._support.pdf_merge import merge
from engines._support.pdf_watermark import watermark
from jobs.contract import limits
from jobs.contract.errors import TaskError

STACK_BYTES = 512 * 1024 * 1024
"""qpdf follows a document into its depth, and a long chain of bookmarks is deep."""


def rewrite(order: Mapping[str, Any], percent: Callable[[float], None]) -> dict[str, Any]:
    """Make one document of another, by qpdf."""
    with opened(Path(order["input"]), order["password"]) as source:
        found = source
    _run(qpdf_job.job(order, found.count))
    percent(100)
    return {"files": [Path(order["output"]).name], "message": order.get("message") or _message(found)}


def split(order: Mapping[str, Any], percent: Callable[[float], None]) -> dict[str, Any]:
    """Make a document of every page."""
    with opened(Path(order["input"]), order["password"]) as source:
        found, locked = source, source.pdf.is_encrypted
    if found.count > limits.OUTPUT_FILES:
        most = f"{limits.OUTPUT_FILES:,}"
        raise Refused(
            "TooMuchOutput", f"The document has {found.count:,} pages; at most {most} can be split."
        )
    target = Path(order["output"])
    _run(qpdf_job.every_page({**order, "locked": locked}, f"{target.with_name('page-%d.pdf')}"))
    made = [target.with_name(f"{target.stem}-{number}.pdf") for number in range(1, found.count + 1)]
    # It pads the numbers with zeros.
    for path, plain in zip(sorted(target.parent.glob("page-*.pdf")), made, strict=True):
        path.rename(plain)
    percent(100)
    return {"files": [path.name for path in made], "message": _message(found)}


def _run(job: Mapping[str, Any]) -> None:
    pikepdf.Job(dict(job)).run()


def _message(found: Opened) -> str | None:
    return PARTIAL if found.damaged else None


WAYS = {"rewrite": rewrite, "split": split, "merge": merge, "watermark": watermark}


def answer(order: dict[str, Any], percent: Callable[[float], None]) -> dict[str, Any]:
    """Do what an order says."""
    try:
        return WAYS[order["do"]](order, percent)
    except TaskError as error:
        raise Refused(type(error).__name__, error.message) from error


if __name__ == "__main__":
    threading.stack_size(STACK_BYTES)
    server = threading.Thread(target=serve, args=(answer,))
    server.start()
    server.join()
