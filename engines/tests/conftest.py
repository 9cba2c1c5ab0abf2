"""Small pictures whose every pixel is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

RED, BLUE = (220, 30, 30), (30, 60, 200)


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """A picture, red on the left and blue on the right."""
    picture = Image.new("RGB", (24, 16), RED)
    picture.paste(BLUE, (12, 0, 24, 16))
    picture.save(tmp_path / "halves.png")
    return tmp_path / "halves.png"


@pytest.fixture
def glass(tmp_path: Path) -> Path:
    """A picture, red on the left and transparent on the right."""
    picture = Image.new("RGBA", (24, 16), (*RED, 255))
    picture.paste((0, 0, 0, 0), (12, 0, 24, 16))
    picture.save(tmp_path / "glass.png")
    return tmp_path / "glass.png"
