"""Reads messages as they are sent (RFC 5322, MIME). Standard library only, for the warm child."""

from __future__ import annotations

import email
from email.header import decode_header
from email.message import Message as Part
from pathlib import Path

from engines._support.mail_message import SHOWN, Attachment, Body, Message, Picture, decoded

KNOWN = (*SHOWN, "Sender", "Received", "Message-ID", "MIME-Version", "Return-Path", "Delivered-To")
"""A file that has none of these headers is no message."""
DEPTH = 50
"""How deep parts may be nested."""


def read(path: Path) -> Message:
    """Read a message.

    :raises ValueError: when it is none.
    """
    whole = email.message_from_bytes(path.read_bytes())
    if not any(name in whole for name in KNOWN):
        raise ValueError("no header of a message")
    message = Message()
    _read(whole, message, DEPTH)
    message.headers = {name: words for name in SHOWN if (words := _header(whole, name))}
    # One without any of the usual ones is still a message.
    message.headers.setdefault("Subject", "")
    return message


def _read(part: Part, message: Message, depth: int) -> None:
    if not depth:
        raise ValueError("nested too deep")
    kind = part.get_content_type()
    if kind == "multipart/alternative":
        _read_best(part, message, depth)
    elif part.is_multipart() and kind != "message/rfc822":
        for each in _parts(part):
            _read(each, message, depth - 1)
    elif kind in {"text/plain", "text/html"} and not _is_attached(part):
        words = decoded(_data(part), part.get_content_charset())
        message.bodies.append(Body(words, is_html=kind == "text/html"))
    else:
        _attach(part, kind, message)


def _read_best(part: Part, message: Message, depth: int) -> None:
    """Read the alternatives, and keep what says most: the last with a web page in it, else the first."""
    before = message.bodies
    found = []
    for each in _parts(part):
        message.bodies = []
        _read(each, message, depth - 1)
        if message.bodies:
            found.append(message.bodies)
    pages = [bodies for bodies in found if any(body.is_html for body in bodies)]
    best = pages[-1:] or found[:1]
    message.bodies = before + [body for bodies in best for body in bodies]


def _attach(part: Part, kind: str, message: Message) -> None:
    data = _data(part)
    name = _decoded_header(part.get_filename() or "") or kind
    key = (part.get("Content-ID") or "").strip().strip("<>")
    if key and kind.startswith("image/"):
        message.pictures.setdefault(key, Picture(kind, data))
    message.attachments.append(Attachment(name, len(data), key))


def _is_attached(part: Part) -> bool:
    return part.get_content_disposition() == "attachment"


def _parts(part: Part) -> list[Part]:
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Part)] if isinstance(payload, list) else []


def _data(part: Part) -> bytes:
    if part.is_multipart():
        return b"".join(each.as_bytes() for each in _parts(part))
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _header(part: Part, name: str) -> str:
    # Raw, for bytes that are not ASCII come through only there.
    values = (f"{value}" for key, value in part.raw_items() if key.lower() == name.lower())
    return ", ".join(filter(None, map(_decoded_header, values)))


def _decoded_header(text: str) -> str:
    words = []
    try:
        pieces = decode_header(text)
    except (ValueError, LookupError):
        pieces = [(text, None)]
    for piece, charset in pieces:
        # What is not encoded may still be in another charset than ASCII: the parser kept its bytes.
        data = piece.encode("ascii", "surrogateescape") if _is_raw(piece) else piece
        words.append(data if isinstance(data, str) else decoded(data, charset))
    return " ".join("".join(words).split())


def _is_raw(piece: str | bytes) -> bool:
    return isinstance(piece, str) and all(ord(char) < 128 or 0xDC80 <= ord(char) <= 0xDCFF for char in piece)
