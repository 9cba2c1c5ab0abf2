from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from engines import libraw, vips
from engines._support import launcher
from engines.tests.test_pictures import Bench, close_to
from jobs.contract import Work, errors, tools

pytestmark = pytest.mark.needs("dcraw_emu")
WIDTH, HEIGHT = 96, 64
RED, BLUE = (250, 40, 40), (40, 40, 250)
XYZ_TO_CAMERA = (
    *(3.2406, -1.5372, -0.4986),
    *(-0.9689, 1.8758, 0.0415),
    *(0.0557, -0.2040, 1.0570),
)
"""A camera whose three colours are those of sRGB."""
SHORT, LONG, BYTE, TEXT, RATIONAL, SIGNED = 3, 4, 1, 2, 5, 10


def _charge(x: int, y: int) -> int:
    seen = (0, 0) if x < WIDTH // 2 else (1, 1)  # the place of red, or of blue, in each four
    return 40_000 if (x % 2, y % 2) == seen else 1_300


def dng(orientation: int = 1) -> bytes:
    """An uncompressed DNG as a camera of ours would write it: red on the left, blue on the right."""
    rows = b"".join(struct.pack(f"<{WIDTH}H", *(_charge(x, y) for x in range(WIDTH))) for y in range(HEIGHT))
    matrix = b"".join(struct.pack("<ii", round(value * 10_000), 10_000) for value in XYZ_TO_CAMERA)
    neutral = 3 * struct.pack("<II", 1, 1)
    entries = [
        (254, LONG, 1, struct.pack("<I", 0)),
        (256, LONG, 1, struct.pack("<I", WIDTH)),
        (257, LONG, 1, struct.pack("<I", HEIGHT)),
        (258, SHORT, 1, struct.pack("<HH", 16, 0)),
        (259, SHORT, 1, struct.pack("<HH", 1, 0)),
        (262, SHORT, 1, struct.pack("<HH", 32803, 0)),
        (271, TEXT, 8, b"Athanor\0"),
        (272, TEXT, 8, b"Furnace\0"),
        (273, LONG, 1, b"DATA"),
        (274, SHORT, 1, struct.pack("<HH", orientation, 0)),
        (277, SHORT, 1, struct.pack("<HH", 1, 0)),
        (278, LONG, 1, struct.pack("<I", HEIGHT)),
        (279, LONG, 1, struct.pack("<I", len(rows))),
        (33421, SHORT, 2, struct.pack("<HH", 2, 2)),
        (33422, BYTE, 4, bytes((0, 1, 1, 2))),
        (50706, BYTE, 4, bytes((1, 4, 0, 0))),
        (50708, TEXT, 16, b"Athanor Furnace\0"),
        (50714, LONG, 1, struct.pack("<I", 0)),
        (50717, LONG, 1, struct.pack("<I", 65_535)),
        (50721, SIGNED, 9, matrix),
        (50728, RATIONAL, 3, neutral),
        (50778, SHORT, 1, struct.pack("<HH", 21, 0)),
    ]
    place = 8 + 2 + 12 * len(entries) + 4
    data = sum(len(value) for *_, value in entries if len(value) > 4) + place
    head, rest = struct.pack("<2sHIH", b"II", 42, 8, len(entries)), b""
    for tag, kind, count, value in entries:
        if len(value) > 4:
            head += struct.pack("<HHII", tag, kind, count, place + len(rest))
            rest += value
        else:
            number = struct.pack("<I", data) if value == b"DATA" else value
            head += struct.pack("<HHI4s", tag, kind, count, number)
    return head + struct.pack("<I", 0) + rest + rows


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path, (libraw,))


@pytest.fixture(scope="module", autouse=True)
def end() -> Iterator[None]:
    yield
    vips.WARM.close()


def test_a_photo_is_developed_beside_a_link_to_it():
    work = Work(
        inputs=(Path("/input/in.nef"),),
        output_dir=Path("/output"),
        output_format="tiff",
        options={"width": None},
        facts={"deep": True},
    )

    beside, command = libraw.develop(work)

    assert beside.argv == ["ln", "-s", "--", "/input/in.nef", "/output/in.raw"]
    assert command.argv == [
        *("dcraw_emu", "-w", "-o", "1", "-g", "2.4", "12.92", "-T", "-6"),
        *("-Z", "tiff", "/output/in.raw"),
    ]
    assert command.outputs == (Path("/output/in.tiff"),)


@pytest.mark.parametrize("target", ["avif", "jpg", "png", "tiff", "webp"])
def test_a_raw_photo_becomes_a_picture(target, bench):
    picture = bench.picture(dng(), "dng", target)

    assert picture.size == (WIDTH, HEIGHT)
    if not picture.mode.startswith("I"):
        assert close_to(picture, (20, 32), RED, within=40)
        assert close_to(picture, (76, 32), BLUE, within=40)


def test_only_the_result_is_left(bench):
    [file] = bench.run(dng(), "dng", "jpg").files

    assert [path.name for path in file.path.parent.iterdir() if not path.is_symlink()] == ["in.jpg"]


def test_a_tiff_has_all_the_bits(bench):
    with Image.open(bench.one(dng(), "dng", "tiff")) as picture:
        assert picture.tag_v2[258] == (16, 16, 16)


@pytest.mark.parametrize("name", ["convert", "thumbnail"])
def test_a_raw_photo_gets_the_size_asked_for(name, bench):
    assert bench.picture(dng(), "dng", "jpg", name=name, width=30).size == (30, 20)


def test_a_raw_photo_is_turned_upright(bench):
    picture = bench.picture(dng(orientation=6), "dng", "jpg")

    assert picture.size == (HEIGHT, WIDTH)
    assert close_to(picture, (32, 20), RED, within=40)


def test_a_raw_photo_can_be_marked(bench):
    picture = bench.picture(dng(), "dng", "png", watermark_text="██", watermark_font_color="white")

    assert max(picture.convert("L").crop((40, 28, 56, 36)).getextrema()) > 200


@pytest.mark.parametrize("data", [b"no photo " * 100, dng()[:3000]])
def test_what_is_no_raw_photo_is_refused(data, bench):
    with pytest.raises(errors.OpenFailed):
        bench.run(data, "dng", "jpg")


def test_the_library_tells_its_version():
    assert tools.version(
        libraw.TOOL, lambda argv: launcher.ask(argv, deadline=time.monotonic() + 20, like=libraw.RUN)
    )
