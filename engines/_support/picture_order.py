"""What a child that works on pictures is asked for, and what is known of the formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines._support import picture_size
from jobs.contract import limits

Size = picture_size.Size

DRAWINGS = {"svg", "svgz"}
ANIMATED = {"gif", "webp"}
"""Frames one after the other in one file."""
PAGED = {"tiff", "pdf"}
"""Pages in one file."""
WITHOUT_ALPHA = {"bmp", "jpg", "ppm"}
WITHOUT_ICC = {"bmp", "gif", "ico", "jp2", "ppm", "tga"}
"""Formats that hold no colour profile, or one that no reader looks at."""
WITHOUT_GRAY = {"avif", "heic", "webp"}
"""Formats where a profile for shades of gray would not fit what is written."""
WITH_CMYK = {"jpg", "pdf", "psd", "tiff"}
LOSSY = {"avif", "heic", "jpg", "webp"}
HEIF = {"avif", "heic"}
CODERS = {
    **{name: name for name in ("bmp", "gif", "ico", "jp2", "pcx", "pgm", "png", "pnm", "ppm", "psb", "psd")},
    **{name: name for name in ("tga", "tiff", "webp", "xbm", "xpm")},
    "jpg": "jpeg",
}
"""ImageMagick's names for what it reads: always given, so that no content chooses its own reader."""

PIXELS = limits.IMAGE_PIXELS
"""How many a picture may have."""
TOGETHER = 4 * PIXELS
"""The same, for all pictures that are held at once."""
SIDE = limits.IMAGE_SIDE
FRAMES = limits.IMAGE_FRAMES
DRAWN_SIDE = min(SIDE, 32_000)
"""The longest side of what is drawn: Cairo stops a little above."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One conversion."""

    source: Path
    source_format: str
    target: Path
    """Where a single file belongs; of several, each has its number after the stem."""
    target_format: str
    watermark_image: Path | None
    options: Mapping[str, Any]

    @classmethod
    def read(cls, request: Mapping[str, Any]) -> Order:
        """Return the order a request holds."""
        image = request["watermark_image"]
        return cls(
            source=Path(request["source"]),
            source_format=request["source_format"],
            target=Path(request["target"]),
            target_format=request["target_format"],
            watermark_image=Path(image) if image else None,
            options=request["options"],
        )

    @property
    def animated(self) -> bool:
        """Whether frames stay one animation; those that are counted are pictures of their own."""
        both = self.source_format in ANIMATED and self.target_format in ANIMATED
        return both and "count" not in self.options

    @property
    def together(self) -> bool:
        """Whether all pictures go into one file."""
        return self.animated or self.target_format in PAGED

    @property
    def resizes(self) -> bool:
        """Whether a size is asked for."""
        return bool(self.options["width"] or self.options["height"])

    def numbered(self, number: int) -> Path:
        """Return where the picture of a number belongs when there are several, counted from 1."""
        return self.target.with_stem(f"{self.target.stem}-{number}")

    def box(self, size: Size, *, grows: bool = False) -> tuple[Size, Size]:
        """Return the size to scale a picture to, and the size to cut out of that.

        :param grows: a drawing, which has no pixels yet, fills its box also where a photograph would not.
        """
        wanted = (self.options["width"], self.options["height"])
        return picture_size.box(size, wanted, self.options["fit"], grows=grows)
