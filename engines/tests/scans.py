"""Scans: pictures of pages with words on them, for programs that read."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ENGLISH = (
    "It was a bright cold day in spring, and the bells of the town were striking noon. The harbour was"
    " quiet; only a few boats had gone out before dawn, and nobody expected them back until the evening"
    " tide. Somewhere behind the warehouses a dog barked twice and fell silent. The old keeper put down"
    " his newspaper, looked at the barometer, and decided that the weather would hold for another day."
)
GERMAN = (
    "Über den Dächern lag früher Nebel, und die Straßen waren noch völlig leer. Der Bäcker öffnete müde"
    " seine Tür, grüßte die Nachbarin und stellte die süßen Brötchen ins Schaufenster. Später würde es"
    " regnen, sagte er, doch die Kinder hörten nicht zu. Sie liefen über die Brücke zum großen Fluss."
)
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf"


def page(text: str, turned: int = 0) -> Image.Image:
    """Return a page of 150 dots per inch with a text on it, turned by so many degrees."""
    picture = Image.new("L", (1000, 600), 255)
    lines = "\n".join(textwrap.wrap(text, 60))
    font = ImageFont.truetype(FONT, 26)
    ImageDraw.Draw(picture).multiline_text((60, 50), lines, font=font, fill=0, spacing=10)
    return picture.rotate(turned, expand=True)


def save(path: Path, pages: Sequence[Image.Image]) -> Path:
    """Write pages, as the format that the path's ending says, and return the path."""
    first, *others = pages
    more = {"save_all": True, "append_images": others} if path.suffix in {".pdf", ".tiff"} else {}
    if path.suffix == ".pdf":
        first.save(path, resolution=150, **more)
    else:
        first.save(path, dpi=(150, 150), **more)
    return path


def words(text: str) -> list[str]:
    """Return a text's words in the order of the alphabet: what stands where, programs see differently."""
    return sorted(text.split())
