"""E-mail: messages as mail programs keep them, to web pages and text."""

from __future__ import annotations

from typing import Any

from jobs.contract import Operation, Tool, Work, pairs

from ._support.warm import Warm

SOURCES = ("eml", "msg")


def request(work: Work) -> dict[str, Any]:
    """Return what the warm child must do for this work."""
    return {
        "input": f"{work.input}",
        "kind": work.input_format,
        "output": f"{work.output}",
        "target": work.output_format,
    }


WARM = Warm(name="mail", script="mail_child.py", request=request)


def _operation(target: str, words: str, *, between: bool) -> Operation:
    return Operation(
        name="convert",
        engine="mail",
        queue="mail",
        help=words,
        run=WARM,
        conversions=pairs(SOURCES, {target}),
        between=between,
        tool=Tool(name="Python", argv=("/usr/bin/python3", "--version")),
    )


OPERATIONS = (
    _operation(
        "html",
        "Show an e-mail as one web page, with its pictures; attachments are named, and nothing is loaded.",
        between=True,
    ),
    _operation("txt", "Take the words out of an e-mail; attachments are named.", between=False),
)
