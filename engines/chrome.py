"""Chromium: HTML files and web pages to PDF and images, in a browser that is kept warm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from jobs.contract import Inputs, Operation, Tool, Work

from ._support.cdp import program
from ._support.cells import BROWSER
from ._support.chrome_options import DRAWN, OPTIONS, PAGES, URL
from ._support.warm import Warm

CM_PER_INCH = 2.54
MM_PER_INCH = 25.4
PATIENCE = 60
"""Seconds for an address to answer, and for a page to become what the options wait for."""
SCREEN_WIDTH, SCREEN_HEIGHT = 1440, 900
"""Of the window in which a page is laid out that is photographed whole."""
_SMALL = "width:100%;margin:0 10mm;font:8px sans-serif;display:flex;justify-content:space-between"
NOTHING = "<span></span>"
TEMPLATES = {
    "header": f'<div style="{_SMALL}"><span class="title"></span><span class="date"></span></div>',
    "footer": f'<div style="{_SMALL}"><span></span>'
    '<span><span class="pageNumber"></span>/<span class="totalPages"></span></span></div>',
}
"""What is printed when a header and footer are wanted and neither is given."""


def request(work: Work) -> dict[str, Any]:
    """Return what the warm child must do for this work."""
    options = work.options
    asked = {
        **{name: options[name] for name in ("wait_until", "wait_for_element", "wait_time", "javascript")},
        "headers": options["headers"] or {},
        "patience": PATIENCE,
    }
    place: dict[str, Any]
    if work.inputs:
        place = {
            "url": work.input.as_uri(),
            "folder": f"{work.input.parent}",
            "output": f"{work.output}",
        }
    else:
        name = _name(options["url"])
        place = {
            "url": options["url"],
            "folder": None,
            "output": f"{work.output_dir / name}.{work.output_format}",
        }
    if work.output_format == "pdf":
        return {**place, **asked, "media": options["css_media_type"], "print": _print(options)}
    drawn = work.input_format == "svg"
    return {**place, **asked, "image": _image(options, work.output_format, drawn=drawn)}


def _name(url: str) -> str:
    # The host is what a customer knows the page by; anything odd in it never becomes a file's name.
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return host if re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,99}", host) else "website"


def _print(options: Mapping[str, Any]) -> dict[str, Any]:
    sizes = (options["page_format"], options["page_width"], options["page_height"])
    width, height = PAGES[options["page_format"] or "A4"]
    printed = {
        "scale": options["zoom"],
        "paperWidth": (options["page_width"] or width) / CM_PER_INCH,
        "paperHeight": (options["page_height"] or height) / CM_PER_INCH,
        "preferCSSPageSize": not any(sizes),
        "landscape": options["page_orientation"] == "landscape",
        "printBackground": options["print_background"],
        "displayHeaderFooter": options["display_header_footer"],
        "pageRanges": re.sub(r"\s", "", options["pages"] or ""),
    }
    for side in ("top", "bottom", "left", "right"):
        printed[f"margin{side.title()}"] = options[f"margin_{side}"] / MM_PER_INCH
    given = {part: options[f"{part}_template"] for part in ("header", "footer")}
    # The browser's own ones would print the address, which for a file is a folder of ours.
    templates = {part: given[part] or NOTHING for part in given} if any(given.values()) else TEMPLATES
    printed |= {f"{part}Template": template for part, template in templates.items()}
    return printed


def _image(options: Mapping[str, Any], output_format: str, *, drawn: bool) -> dict[str, Any]:
    written: dict[str, Any] = {"format": "png"}
    if output_format == "jpg":
        written = {"format": "jpeg", "quality": options["quality"]}
    return {
        "format": written,
        "drawn": drawn,
        "screen_width": options.get("screen_width") or SCREEN_WIDTH,
        "screen_height": options.get("screen_height") or SCREEN_HEIGHT,
        "page_height": options.get("screen_height"),
        "width": options["width"],
        "height": options["height"],
        "fit": options["fit"],
        "factor": options["device_scale_factor"],
        "transparent": options.get("transparent_background", False),
    }


WARM = Warm(
    name="chrome",
    script="chrome_child.py",
    request=request,
    profile=BROWSER,
    secret=("headers",),
    egress=True,
)
TOOL = Tool(name="chromium", argv=(program(), "--version"))


def _operation(target: str, *, captured: bool) -> Operation:
    return Operation(
        name="capture-website" if captured else "convert",
        engine="chrome",
        queue="chrome",
        help="Capture a web page." if captured else "Render an HTML file as a browser shows it.",
        run=WARM,
        conversions=frozenset({(None if captured else "html", target)}),
        options=(URL, *OPTIONS[target]) if captured else OPTIONS[target],
        inputs=Inputs.NONE if captured else Inputs.EACH,
        # The name of an older one, which integrations still send.
        aliases=frozenset({"wkhtml"}),
        tool=TOOL,
    )


OPERATIONS = (
    *(_operation(target, captured=captured) for captured in (False, True) for target in OPTIONS),
    *(
        Operation(
            name="convert",
            engine="chrome",
            queue="chrome",
            help="Draw an SVG file as a browser shows it.",
            run=WARM,
            conversions=frozenset({("svg", target)}),
            options=options,
            cost=1.3,
            tool=TOOL,
        )
        for target, options in DRAWN.items()
    ),
)
