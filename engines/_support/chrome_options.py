"""What a customer can ask of the chrome engine: its options, for PDFs, images and every page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from jobs.contract import Option, urls

from .frame import LONGEST

PAGES = {
    "A3": (29.7, 42.0),
    "A4": (21.0, 29.7),
    "A5": (14.8, 21.0),
    "Letter": (21.59, 27.94),
    "Legal": (21.59, 35.56),
    "Tabloid": (27.94, 43.18),
}
"""Width and height in centimetres."""
RESERVED = re.compile(r"(?i)host|content-length|transfer-encoding|connection|te|upgrade|keep-alive|proxy-.*")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _address(value: str) -> str:
    try:
        urls.parse(value)
    except urls.InvalidURL:
        raise URL.problem(
            "format is invalid. Use something like https://example.com/page; a login goes into headers."
        ) from None
    return value


def _headers(value: Mapping[str, str]) -> Mapping[str, str]:
    for name, text in value.items():
        if not TOKEN.fullmatch(name) or RESERVED.fullmatch(name):
            raise HEADERS.problem(f"must not set {name[:60]!r}.")
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
            raise HEADERS.problem(f"has a value for {name[:60]!r} that is not a single line of text.")
    return value


URL = Option(
    name="url",
    help="The http or https address of the page.",
    required=True,
    max_length=8192,
    check=_address,
)
HEADERS = Option(
    name="headers",
    help="Request headers to send to the page's own site (for an HTML file: to every site it loads from).",
    type="dictionary",
    secret=True,
    check=_headers,
)
PAGE = (
    Option(
        name="wait_until",
        help="What to wait for, up to 60 seconds: an event, or a network with at most none or two requests.",
        type="enum",
        default="load",
        values=("load", "domcontentloaded", "networkidle0", "networkidle2"),
    ),
    Option(
        name="wait_for_element",
        help="A CSS selector; wait until an element matches it, up to 60 seconds.",
        max_length=2000,
    ),
    Option(
        name="wait_time",
        help="Milliseconds to wait after everything else.",
        type="integer",
        default=0,
        minimum=0,
        maximum=120_000,
    ),
    Option(name="javascript", help="Run the page's scripts.", type="boolean", default=True),
    HEADERS,
)


def _margin(side: str) -> Option:
    return Option(
        name=f"margin_{side}",
        help=f"The {side} margin in millimetres.",
        type="float",
        default=10,
        minimum=0,
        maximum=1000,
    )


def _length(name: str, side: str) -> Option:
    return Option(
        name=name,
        help=f"The page's {side} in centimetres; goes before page_format.",
        type="float",
        minimum=1,
        maximum=500,
    )


# One way only to read each space, or a long text that does not match takes for ever.
_RANGE = r"\s*(?:\d+\s*(?:-\s*(?:\d+\s*)?)?|-\s*\d+\s*)"

PDF = (
    Option(
        name="pages",
        help="Pages to keep, such as 1-3,5,8-.",
        pattern=rf"{_RANGE}(,{_RANGE})*",
        example="1-3,5,8-",
        selects=True,
        max_length=1000,
    ),
    Option(
        name="zoom",
        help="Scale of the content, 1 being 100 %.",
        type="float",
        default=1,
        minimum=0.1,
        maximum=2,
    ),
    Option(
        name="page_format",
        help="Paper size. Without it, page_width and page_height, the page's own CSS decides; else A4.",
        type="enum",
        values=tuple(PAGES),
    ),
    _length("page_width", "width"),
    _length("page_height", "height"),
    Option(
        name="page_orientation",
        help="Which way the paper lies.",
        type="enum",
        default="portrait",
        values=("portrait", "landscape"),
    ),
    *map(_margin, ("top", "bottom", "left", "right")),
    Option(
        name="print_background", help="Print background colours and images.", type="boolean", default=True
    ),
    Option(
        name="display_header_footer",
        help="Print the header and the footer, in the margins.",
        type="boolean",
        default=False,
    ),
    Option(
        name="header_template",
        help="HTML of the header; what is of class date, title, url, pageNumber or totalPages is filled in.",
    ),
    Option(name="footer_template", help="HTML of the footer, like header_template."),
    Option(
        name="css_media_type",
        help="The CSS media type to lay the page out for.",
        type="enum",
        default="print",
        values=("print", "screen"),
    ),
)
WIDTH = Option(name="width", help="Width of the image in pixels.", type="integer", minimum=1, maximum=LONGEST)
HEIGHT = Option(
    name="height", help="Height of the image in pixels.", type="integer", minimum=1, maximum=LONGEST
)
FIT = Option(
    name="fit",
    help="How to reach width and height: max never enlarges, crop fills and cuts the bottom or both "
    "sides, scale forces both.",
    type="enum",
    default="max",
    values=("max", "crop", "scale"),
)
FACTOR = Option(
    name="device_scale_factor",
    help="Image pixels per CSS pixel, before width and height.",
    type="float",
    default=2,
    minimum=0.1,
    maximum=4,
)
IMAGE = (
    Option(
        name="screen_width",
        help="Width of the browser's window in CSS pixels.",
        type="integer",
        default=1440,
        minimum=16,
        maximum=LONGEST // 4,
    ),
    Option(
        name="screen_height",
        help=f"Height of the window in CSS pixels, and of what is taken; without it the whole page is (the "
        f"image is at most {LONGEST} pixels high).",
        type="integer",
        minimum=16,
        maximum=LONGEST // 4,
    ),
    WIDTH,
    HEIGHT,
    FIT,
    FACTOR,
)
QUALITY = Option(
    name="quality",
    help="JPEG quality in percent.",
    type="integer",
    default=80,
    minimum=1,
    maximum=100,
)
TRANSPARENT = Option(
    name="transparent_background",
    help="Leave what the page does not paint transparent instead of white.",
    type="boolean",
    default=False,
)
OPTIONS = {
    "pdf": (*PAGE, *PDF),
    "png": (*PAGE, *IMAGE, TRANSPARENT),
    "jpg": (*PAGE, *IMAGE, QUALITY),
}
_DRAWN = (WIDTH, HEIGHT, FIT, replace(FACTOR, default=1))
DRAWN = {
    "png": (*PAGE, *_DRAWN, replace(TRANSPARENT, default=True)),
    "jpg": (*PAGE, *_DRAWN, QUALITY),
}
"""Of drawings, which have a size of their own and no background."""
