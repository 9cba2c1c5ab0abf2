"""Colours as customers write them: by number, or by the names that web pages know."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engines._support import librsvg
from engines._support.child import Refused

_HEXADECIMAL = re.compile(r"#([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_FUNCTION = re.compile(r"rgba?\(([^()]*)\)", re.IGNORECASE)
_DOT = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1" fill="{}">'
    '<path d="M0 0h1v1H0z" fill="{}"/></svg>'
)


@dataclass(frozen=True)
class Colour:
    """Red, green and blue from 0 to 255, and how much it hides, from 0 to 1."""

    red: int
    green: int
    blue: int
    alpha: float = 1.0

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Red, green and blue."""
        return self.red, self.green, self.blue


def read(text: str) -> Colour:
    """Return the colour of a name or number.

    :raises Refused: when there is none.
    """
    found = _by_digits(text) or _by_numbers(text) or _by_name(text)
    if not found:
        raise Refused("ConversionFailed", f"{text} is not a colour. Use something like #ff8800.")
    return found


def _by_digits(text: str) -> Colour | None:
    match = _HEXADECIMAL.fullmatch(text)
    if not match:
        return None
    digits = match[1] if len(match[1]) > 4 else "".join(2 * digit for digit in match[1])
    red, green, blue, alpha = bytes.fromhex(f"{digits}ff"[:8])
    return Colour(red, green, blue, alpha / 255)


def _by_numbers(text: str) -> Colour | None:
    match = _FUNCTION.fullmatch(text)
    parts = re.split(r"[ ,]+", match[1].strip()) if match else []
    try:
        values = [float(part.removesuffix("%")) / (100 if part.endswith("%") else 1) for part in parts]
    except ValueError:
        return None
    if len(values) not in {3, 4}:
        return None
    whole = [255 if part.endswith("%") else 1 for part in parts]
    red, green, blue = (min(255, round(value * by)) for value, by in zip(values[:3], whole, strict=False))
    return Colour(red, green, blue, min(1.0, values[3]) if len(values) == 4 else 1.0)


def _by_name(text: str) -> Colour | None:
    if text.lower() in {"none", "transparent"}:
        return Colour(0, 0, 0, 0.0)
    if not text.isascii() or not text.isalpha():
        return None
    # A name that nobody knows leaves what was there before.
    seen = {_dot(text, ground) for ground in ("#000001", "#010000")}
    return seen.pop() if len(seen) == 1 else None


def _dot(colour: str, ground: str) -> Colour:
    with librsvg.Drawing(_DOT.format(ground, colour).encode()) as drawing:
        blue, green, red, _ = drawing.draw(1, 1).data
    return Colour(red, green, blue)
