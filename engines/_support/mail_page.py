"""Writes a message as one web page, or as text. Standard library only, for the warm child."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from engines._support.mail_html import cleaned, words
from engines._support.mail_message import Body, Message

# The browser's own lock, should anything have come through.
LOCK = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = (
    "body{font-family:sans-serif;font-size:11pt;overflow-wrap:anywhere}img{max-width:100%}"
    "pre{font:inherit;white-space:pre-wrap}th{text-align:left;vertical-align:top;padding-right:1em}"
)
UNITS = ("bytes", "kB", "MB", "GB")


def page(message: Message) -> str:
    """Return the message as a web page that loads nothing: its pictures are inside, scripts are not."""
    title = escape(message.headers.get("Subject", ""))
    parts = [
        '<!DOCTYPE html><html><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(LOCK)}">',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        _table(message.headers),
        *(_shown(body, message) for body in message.bodies),
        _attachments(message),
        "</body></html>\n",
    ]
    return "".join(parts)


def text(message: Message) -> str:
    """Return the message as text."""
    head = [f"{name}: {value}" for name, value in message.headers.items()]
    said = [words(body.words) if body.is_html else body.words for body in message.bodies]
    files = ["Attachments:", *_named(message)] if message.unseen else []
    pieces = ["\n".join(head), *said, "\n".join(files)]
    return "\n\n".join(piece.replace("\r\n", "\n").strip("\n") for piece in pieces if piece.strip()) + "\n"


def _table(rows: dict[str, str]) -> str:
    shown = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items()
    )
    return f"<table>{shown}</table><hr>"


def _shown(body: Body, message: Message) -> str:
    if body.is_html:
        return f"<div>{cleaned(body.words, message.pictures)}</div>"
    return f"<pre>{escape(body.words)}</pre>"


def _attachments(message: Message) -> str:
    if not message.unseen:
        return ""
    items = "".join(f"<li>{escape(name)}</li>" for name in _named(message))
    return f"<hr><p>Attachments:</p><ul>{items}</ul>"


def _named(message: Message) -> Iterator[str]:
    for each in message.unseen:
        yield f"{each.name} ({_size(each.size)})"


def _size(count: float) -> str:
    for unit in UNITS:
        if count < 1000 or unit == UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == UNITS[0] else f"{count:.1f} {unit}"
