from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import Image

from engines import chrome
from engines._support import chrome_options
from engines.tests import chromium
from engines.tests.context import RunContext
from jobs.contract import Operation, OptionProblem, Work, reach
from jobs.contract.errors import (
    AddressRefused,
    ConversionFailed,
    DownloadFailed,
    DownloadUnreachable,
    EmptyFile,
    EngineCrashed,
    EngineTimeout,
    OpenFailed,
)

A4 = (595, 842)
RED_AND_BLUE = (
    "<body style='margin:0;background:linear-gradient(90deg,#f00 50%,#00f 50%)'><div style='height:2000px'>"
)
CREAM = (255, 250, 205)


def offer(target: str, *, captured: bool = False, source: str = "html") -> Operation:
    name = "capture-website" if captured else "convert"
    [found] = [
        operation
        for operation in chrome.OPERATIONS
        if operation.name == name and (None if captured else source, target) in operation.conversions
    ]
    return found


@pytest.mark.parametrize("target", ["pdf", "png", "jpg"])
@pytest.mark.parametrize("captured", [False, True])
def test_the_older_name_is_known_for_every_format(target, captured):
    assert offer(target, captured=captured).answers_to("wkhtml")


def options_of(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    known = {option.name: option for option in operation.options}
    return {name: option.default for name, option in known.items()} | {
        name: known[name].read(value) for name, value in given.items()
    }


def planned(target: str, **given: Any) -> dict[str, Any]:
    captured = "url" in given
    return chrome.request(
        Work(
            inputs=() if captured else (Path("/slot/in/in.html"),),
            output_dir=Path("/slot/out"),
            output_format=target,
            options=options_of(offer(target, captured=captured), given),
        )
    )


# --- The plan.


def test_the_name_that_printing_web_pages_once_had_is_answered_to():
    answering = {
        (op.name, pair) for op in chrome.OPERATIONS if op.answers_to("wkhtml") for pair in op.conversions
    }

    pages = {(op.name, pair) for op in chrome.OPERATIONS for pair in op.conversions if "svg" not in pair}
    assert ("convert", ("html", "pdf")) in answering
    assert answering == pages


def test_a_file_is_opened_in_its_folder():
    request = planned("pdf")

    assert request["url"] == "file:///slot/in/in.html"
    assert request["folder"] == "/slot/in"
    assert request["output"] == "/slot/out/in.pdf"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://www.example.com/a/b?c", "example.com.png"),
        ("http://EXAMPLE.com:8080", "example.com.png"),
        ("http://[::1]/", "website.png"),
        ("http://my_site.example/", "website.png"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example.png"),
    ],
)
def test_a_page_of_the_web_is_named_for_its_host_and_reads_no_files(url, name):
    request = planned("png", url=url)

    assert request["url"] == url
    assert request["folder"] is None
    assert request["output"] == f"/slot/out/{name}"


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ({}, {"paperWidth": 21 / 2.54, "paperHeight": 29.7 / 2.54, "preferCSSPageSize": True}),
        ({"page_format": "letter"}, {"paperWidth": 8.5, "paperHeight": 11, "preferCSSPageSize": False}),
        ({"page_format": "Tabloid"}, {"paperWidth": 11, "paperHeight": 17}),
        ({"page_width": "25.4"}, {"paperWidth": 10, "paperHeight": 29.7 / 2.54, "preferCSSPageSize": False}),
        ({"page_format": "A3", "page_height": 50.8}, {"paperWidth": 29.7 / 2.54, "paperHeight": 20}),
        ({"page_orientation": "landscape"}, {"landscape": True}),
        ({"margin_top": 25.4, "margin_left": 0}, {"marginTop": 1, "marginLeft": 0, "marginRight": 10 / 25.4}),
        ({"pages": " 1 - 3, 5"}, {"pageRanges": "1-3,5"}),
        ({"zoom": 0.5, "print_background": "false"}, {"scale": 0.5, "printBackground": False}),
        ({"header_template": "<b>h</b>"}, {"headerTemplate": "<b>h</b>", "footerTemplate": "<span></span>"}),
    ],
)
def test_lengths_reach_the_browser_in_inches(given, printed):
    request = planned("pdf", **given)

    assert {name: request["print"][name] for name in printed} == pytest.approx(printed)


@pytest.mark.parametrize(
    ("target", "given", "image"),
    [
        ("png", {}, {"screen_width": 1440, "screen_height": 900, "page_height": None, "factor": 2}),
        ("png", {"screen_height": 300}, {"screen_height": 300, "page_height": 300}),
        ("png", {"transparent_background": True}, {"transparent": True, "format": {"format": "png"}}),
        ("jpg", {"quality": 30}, {"transparent": False, "format": {"format": "jpeg", "quality": 30}}),
    ],
)
def test_images_are_planned(target, given, image):
    request = planned(target, **given)

    assert {name: request["image"][name] for name in image} == image


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "view-source:http://example.com",
        "chrome://version",
        "javascript:alert(1)",
        "example.com",
        "http://",
        "http://exa mple.com/",
        "http://example.com/\nHost: x",
        "http://[::1",
        "http://example.com:99999/",
        "http://user:secret@example.com/",
        "http://b%C3%BCcher.example/",
        "http://example.com\\@127.0.0.1/",
    ],
)
def test_other_addresses_are_refused(url):
    with pytest.raises(OptionProblem, match=r"^The url "):
        chrome_options.URL.read(url)


@pytest.mark.parametrize(
    "headers",
    [{"Host": "x"}, {"content-length": "1"}, {"Proxy-Authorization": "x"}, {"A b": "c"}, {"A": "b\r\nC: d"}],
)
def test_headers_that_would_change_the_request_are_refused(headers):
    with pytest.raises(OptionProblem, match=r"^The headers "):
        chrome_options.HEADERS.read(headers)


@pytest.mark.parametrize("pages", ["1", "1-3", "1-3,5", "2-", "-4", "1, 3 - 4"])
def test_page_ranges_are_read(pages):
    assert planned("pdf", pages=pages)["print"]["pageRanges"] == pages.replace(" ", "")


@pytest.mark.parametrize("pages", ["", "a", "1;2", "1--2", "1,,2", "-", "1-  ," * 100 + "x"])
def test_odd_page_ranges_are_refused(pages):
    with pytest.raises(OptionProblem):
        planned("pdf", pages=pages)


# --- The browser.


@pytest.fixture(scope="module", autouse=True)
def _no_browser_is_left() -> Iterator[None]:
    yield
    chrome.WARM.close()


@pytest.fixture
def convert(tmp_path: Path) -> Callable[..., Path]:
    def run(html: str | bytes, target: str, context: RunContext | None = None, **given: Any) -> Path:
        source = tmp_path / "in.html"
        source.write_bytes(html if isinstance(html, bytes) else html.encode())
        return _run(offer(target), tmp_path / "out", (source,), context, given)

    return run


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    def run(svg: str, target: str, **given: Any) -> Path:
        source = tmp_path / "in.svg"
        source.write_text(svg)
        return _run(offer(target, source="svg"), tmp_path / "out", (source,), None, given)

    return run


@pytest.fixture
def capture(tmp_path: Path) -> Callable[..., Path]:
    def run(url: str, target: str, context: RunContext | None = None, **given: Any) -> Path:
        return _run(offer(target, captured=True), tmp_path / "out", (), context, given | {"url": url})

    return run


def _run(
    operation: Operation,
    output_dir: Path,
    inputs: tuple[Path, ...],
    context: RunContext | None,
    given: dict[str, Any],
) -> Path:
    [(source, target)] = operation.conversions
    output_dir.mkdir(exist_ok=True)
    work = Work(
        inputs=inputs,
        output_dir=output_dir,
        input_format=source or "",
        output_format=target or "",
        options=options_of(operation, given),
    )
    [file] = operation.run(work, context or RunContext()).files
    return file.path


def text_of(path: Path) -> str:
    return " ".join(page.extract_text() for page in pypdf.PdfReader(path).pages)


def size_of(path: Path) -> tuple[int, int]:
    box = pypdf.PdfReader(path).pages[0].mediabox
    return round(box.width), round(box.height)


def near(size: tuple[int, int]) -> Any:
    # The browser rounds paper to its own pixels, a 96th of an inch.
    return pytest.approx(size, abs=1)


def first_word_at(path: Path) -> tuple[float, float]:
    places: list[tuple[float, float]] = []

    def see(text: str, cm: list[float], tm: list[float], _font: Any, _size: float) -> None:
        if text.strip():
            x, y = tm[4], tm[5]
            places.append((x * cm[0] + y * cm[2] + cm[4], x * cm[1] + y * cm[3] + cm[5]))

    pypdf.PdfReader(path).pages[0].extract_text(visitor_text=see)
    return places[0]


needs_chromium = pytest.mark.needs("chromium")

PAGES = (
    "<title>Tïtle</title><h1>One ünï</h1><p style='break-before:page'>two<p style='break-before:page'>three"
)


@needs_chromium
def test_html_becomes_a_pdf(convert):
    made = convert(PAGES, "pdf")

    reader = pypdf.PdfReader(made)
    assert made.name == "in.pdf"
    assert [page.extract_text() for page in reader.pages] == ["One ünï", "two", "three"]
    assert size_of(made) == near(A4)
    assert reader.metadata
    assert reader.metadata.title == "Tïtle"


@needs_chromium
@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({"page_format": "A3"}, (842, 1191)),
        ({"page_format": "Legal"}, (612, 1008)),
        ({"page_format": "A5", "page_orientation": "landscape"}, (595, 420)),
        ({"page_width": 10, "page_height": 20}, (283, 567)),
    ],
)
def test_the_paper_is_the_one_asked_for(convert, given, size):
    made = convert("<p>hi", "pdf", **given)

    assert size_of(made) == near(size)


@needs_chromium
def test_the_pages_own_css_chooses_the_paper_unless_the_customer_does(convert):
    html = "<style>@page{size:10cm 20cm}</style>hi"

    assert size_of(convert(html, "pdf")) == near((283, 567))
    assert size_of(convert(html, "pdf", page_format="A4")) == near(A4)


@needs_chromium
def test_only_the_pages_asked_for_are_printed(convert):
    assert text_of(convert(PAGES, "pdf", pages="2-")) == "two three"


@needs_chromium
def test_pages_that_are_not_there_are_a_clear_error(convert):
    with pytest.raises(ConversionFailed, match="pages option"):
        convert(PAGES, "pdf", pages="8-9")


@needs_chromium
def test_margins_move_the_content(convert):
    narrow = first_word_at(convert("<body style='margin:0'>hi", "pdf", margin_left=10, margin_top=10))
    wide = first_word_at(convert("<body style='margin:0'>hi", "pdf", margin_left=60, margin_top=110))

    assert wide[0] - narrow[0] == pytest.approx(50 / 25.4 * 72, abs=2)
    assert narrow[1] - wide[1] == pytest.approx(100 / 25.4 * 72, abs=2)


@needs_chromium
def test_right_and_bottom_margins_take_room(convert):
    html = "<body style='margin:0'>" + "word " * 900

    plain = len(pypdf.PdfReader(convert(html, "pdf")).pages)
    tight = len(pypdf.PdfReader(convert(html, "pdf", margin_right=100, margin_bottom=200)).pages)

    assert plain < tight


@needs_chromium
def test_margins_without_room_are_a_clear_error(convert):
    with pytest.raises(ConversionFailed, match="margins"):
        convert("hi", "pdf", margin_left=400)


@needs_chromium
def test_zoom_changes_how_much_fits_a_page(convert):
    html = "<p>line" * 120

    pages = [len(pypdf.PdfReader(convert(html, "pdf", zoom=zoom)).pages) for zoom in (0.5, 1, 2)]

    assert pages[0] < pages[1] < pages[2]


@needs_chromium
@pytest.mark.parametrize(("wanted", "painted"), [(True, True), (False, False)])
def test_backgrounds_are_printed_when_wanted(convert, wanted, painted):
    made = convert("<body style='background:rgb(0,255,0)'>hi", "pdf", print_background=wanted)

    contents = pypdf.PdfReader(made).pages[0].get_contents()
    assert contents is not None
    assert (b"0 1 0 rg" in contents.get_data()) is painted


@needs_chromium
def test_header_and_footer_are_printed_from_their_templates(convert):
    made = convert(
        PAGES,
        "pdf",
        display_header_footer=True,
        header_template="<div style='font-size:9px'>HEAD <span class=title></span></div>",
        footer_template="<div style='font-size:9px'>FOOT <span class=pageNumber></span></div>",
    )

    last = pypdf.PdfReader(made).pages[2].extract_text()
    assert "HEAD Tïtle" in last
    assert "FOOT 3" in last


@needs_chromium
def test_header_and_footer_need_the_switch(convert):
    assert "HEAD" not in text_of(
        convert("hi", "pdf", header_template="<div style='font-size:9px'>HEAD</div>")
    )


@needs_chromium
def test_the_default_footer_numbers_pages_and_hides_our_folders(convert):
    text = text_of(convert(PAGES, "pdf", display_header_footer=True))

    assert "2/3" in text
    assert "Tïtle" in text
    assert "file:" not in text


@needs_chromium
@pytest.mark.parametrize(("media", "word"), [("print", "PAPER"), ("screen", "GLASS")])
def test_the_media_type_chooses_the_style(convert, media, word):
    html = (
        "<style>@media print{.g{display:none}} @media screen{.p{display:none}}</style>"
        "<p class=p>PAPER<p class=g>GLASS"
    )

    assert text_of(convert(html, "pdf", css_media_type=media)) == word


@needs_chromium
@pytest.mark.parametrize(("allowed", "word"), [(True, "SCRIPTED"), (False, "PLAIN")])
def test_scripts_run_unless_forbidden(convert, allowed, word):
    html = "<p id=a>PLAIN</p><script>document.getElementById('a').textContent = 'SCRIPTED'</script>"

    assert text_of(convert(html, "pdf", javascript=allowed)) == word


@needs_chromium
def test_dialogs_and_popups_do_not_stop_a_page(convert):
    html = (
        "<p id=a>x</p><script>alert('a'); confirm('b'); prompt('c'); window.open('about:blank');"
        "document.getElementById('a').textContent = 'PAST'</script>"
    )

    assert text_of(convert(html, "pdf")) == "PAST"


@needs_chromium
def test_a_page_is_waited_for_by_time(convert):
    html = "<p id=a>early</p><script>setTimeout(() => {a.textContent = 'LATE'}, 900)</script>"

    assert text_of(convert(html, "pdf", wait_time=1200)) == "LATE"


@needs_chromium
def test_a_page_is_waited_for_by_an_element_even_without_scripts(convert):
    html = "<script>setTimeout(() => {document.body.innerHTML = '<p class=done>LATE'}, 900)</script>"

    assert text_of(convert(html, "pdf", wait_for_element="p.done")) == "LATE"
    assert text_of(convert("<p class=done>x", "pdf", wait_for_element="p.done", javascript=False)) == "x"


@needs_chromium
def test_an_element_that_never_comes_is_a_clear_error(convert, monkeypatch):
    monkeypatch.setattr(chrome, "PATIENCE", 0.2)

    with pytest.raises(ConversionFailed, match="wait_for_element"):
        convert("<p>hi", "pdf", wait_for_element="#never")


@needs_chromium
def test_a_selector_that_is_none_is_a_clear_error(convert):
    with pytest.raises(ConversionFailed, match="valid CSS selector"):
        convert("<p>hi", "pdf", wait_for_element="p[[")


@needs_chromium
@pytest.mark.parametrize(
    "html",
    [
        "<iframe src='{url}'></iframe>",
        "<object data='{url}'></object>",
        "<script>document.write('<iframe src=\"{url}\"></iframe>')</script>",
        "<script>fetch('{url}').then(r => r.text()).then(t => document.body.append(t))</script>",
        "<iframe src='{folder}'></iframe>",
    ],
)
def test_a_page_reads_no_file_but_its_own(convert, tmp_path, html):
    secret = tmp_path / "secret-name.html"
    secret.write_text("SECRET")
    page = html.format(url=secret.as_uri(), folder=tmp_path.as_uri()) + "<p>page"

    text = text_of(convert(page, "pdf", wait_until="networkidle0"))

    assert "SECRET" not in text
    assert "secret-name" not in text.replace(secret.as_uri(), "")


@needs_chromium
def test_a_header_reads_no_file(convert, tmp_path):
    secret = tmp_path / "secret.html"
    secret.write_text("SECRET")
    header = f"<div style='font-size:9px'>HEAD <iframe src='{secret.as_uri()}'></iframe></div>"

    text = text_of(convert("hi", "pdf", display_header_footer=True, header_template=header, margin_top=80))

    assert "HEAD" in text
    assert "SECRET" not in text


@needs_chromium
@pytest.mark.parametrize("target", ["png", "jpg"])
def test_html_becomes_an_image_of_the_whole_page(convert, target):
    made = convert(RED_AND_BLUE, target)

    with Image.open(made) as image:
        assert image.format == {"png": "PNG", "jpg": "JPEG"}[target]
        assert image.size == (2880, 4000)
        assert image.getpixel((10, 3990)) == pytest.approx((255, 0, 0), abs=4)
        assert image.getpixel((2870, 3990)) == pytest.approx((0, 0, 255), abs=4)


@needs_chromium
@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({"screen_width": 500, "device_scale_factor": 1}, (500, 2000)),
        ({"screen_width": 500, "screen_height": 300, "device_scale_factor": 1.5}, (750, 450)),
        ({"width": 200}, (200, 278)),
        ({"height": 101}, (73, 101)),
        ({"width": 333, "height": 100}, (72, 100)),
        ({"width": 5000, "height": 9000}, (2880, 4000)),
        ({"width": 333, "height": 100, "fit": "crop"}, (333, 100)),
        ({"width": 100, "height": 333, "fit": "crop"}, (100, 333)),
        ({"width": 333, "height": 100, "fit": "scale"}, (333, 100)),
        ({"screen_width": 100, "screen_height": 50, "width": 400, "fit": "scale"}, (400, 200)),
    ],
)
def test_images_get_the_size_asked_for(convert, given, size):
    made = convert(RED_AND_BLUE, "png", **given)

    with Image.open(made) as image:
        assert image.size == size
        # Both colours, half and half: nothing was cut from one side, or left empty.
        assert image.convert("RGB").getpixel((2, size[1] // 2)) == pytest.approx((255, 0, 0), abs=4)
        assert image.convert("RGB").getpixel((size[0] - 3, size[1] // 2)) == pytest.approx((0, 0, 255), abs=4)


@needs_chromium
def test_cropping_keeps_the_top(convert):
    html = (
        "<body style='margin:0'><div style='height:900px;background:#0f0'></div><div style='height:5000px'>"
    )

    made = convert(html, "png", width=160, height=100, fit="crop")

    with Image.open(made) as image:
        assert image.convert("RGB").getpixel((80, 98)) == (0, 255, 0)


@needs_chromium
def test_a_page_longer_than_an_image_is_cut_and_says_so(tmp_path):
    source = tmp_path / "in.html"
    source.write_text("<div style='height:9000px'>long")
    (tmp_path / "out").mkdir()
    operation = offer("jpg")
    options = options_of(operation, {"screen_width": 100})

    result = operation.run(
        Work(inputs=(source,), output_dir=tmp_path / "out", output_format="jpg", options=options),
        RunContext(),
    )

    assert result.message == "The page was cut to 200 x 16384 pixels."
    with Image.open(result.files[0].path) as image:
        assert image.size == (200, 16384)


@needs_chromium
@pytest.mark.parametrize("given", [{}, {"width": 50, "height": 90, "fit": "scale"}])
def test_a_transparent_background_stays_transparent(convert, given):
    html = "<div style='width:9999px;height:20px;background:#00f'></div>"

    made = convert(html, "png", transparent_background=True, screen_width=100, screen_height=100, **given)

    with Image.open(made) as image:
        assert image.mode == "RGBA"
        assert image.getpixel((image.width // 2, image.height - 2))[3] == 0
        assert image.getpixel((image.width // 2, image.height // 5))[3] == 255


@needs_chromium
def test_a_background_is_white_by_default(convert):
    with Image.open(convert("hi", "png", screen_width=50, screen_height=50)) as image:
        assert image.convert("RGB").getpixel((90, 90)) == (255, 255, 255)


@needs_chromium
def test_a_lower_quality_makes_a_smaller_file(convert):
    html = "<h1>Quality</h1>" * 20

    sizes = [convert(html, "jpg", screen_width=400, quality=quality).stat().st_size for quality in (10, 95)]

    assert sizes[0] < sizes[1] / 2


DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 100 50">'
    '<rect width="50" height="50" fill="#f00"/></svg>'
)


@needs_chromium
@pytest.mark.parametrize(
    ("size", "given", "expected"),
    [
        ('width="100" height="50"', {}, (100, 50)),
        ('width="100" height="50"', {"device_scale_factor": 3}, (300, 150)),
        ('width="100" height="50"', {"width": 400}, (400, 200)),
        ('width="100" height="50"', {"width": 400, "height": 100}, (200, 100)),
        ('width="100" height="50"', {"width": 40, "height": 40, "fit": "crop"}, (40, 40)),
        ('width="100" height="50"', {"width": 40, "height": 40, "fit": "scale"}, (40, 40)),
    ],
)
def test_a_drawing_has_its_own_size_and_may_be_enlarged(draw, size, given, expected):
    image = Image.open(draw(DRAWING.format(size=size), "png", **given)).convert("RGBA")

    assert image.size == expected
    assert image.getpixel((1, 1)) == (255, 0, 0, 255)
    # The edge is sharp at whatever size, and where nothing is drawn nothing is seen.
    assert "fit" in given or image.getpixel((image.width - 2, 1)) == (0, 0, 0, 0)


@needs_chromium
def test_a_drawing_runs_no_script_of_others_and_reads_no_file(draw, tmp_path):
    secret = tmp_path / "secret.svg"
    secret.write_text(DRAWING.format(size='width="100" height="50"'))
    linked = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50">'
        f'<image href="file://{secret}" width="100" height="50"/></svg>'
    )

    image = Image.open(draw(linked, "jpg")).convert("RGB")

    assert image.getpixel((1, 1)) == (255, 255, 255)


@needs_chromium
def test_the_customers_sample_becomes_a_pdf(convert, samples):
    text = text_of(convert((samples / "made_page.html").read_bytes(), "pdf"))

    assert "Sample — ünïcöde" in text


@needs_chromium
@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", EmptyFile), (b"\x89PNG\r\n\0\0", OpenFailed), (b"%PDF-1.4 \xff", OpenFailed)],
)
def test_what_is_not_html_is_refused(convert, content, error):
    with pytest.raises(error):
        convert(content, "pdf")


@needs_chromium
def test_utf16_is_html_too(convert):
    assert text_of(convert("<p>ünï".encode("utf-16"), "pdf")) == "ünï"


@needs_chromium
def test_endless_scripts_end_at_the_deadline_and_the_next_page_is_served(convert):
    with pytest.raises(EngineTimeout):
        convert("<script>for(;;);</script>", "pdf", RunContext(seconds=4))

    assert text_of(convert("<p>next", "pdf")) == "next"


# --- Pages of the web.


@dataclass
class Site:
    """A small web site: what it answers, by path, and what it was asked."""

    port: int = 0
    pages: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Message]] = field(default_factory=list)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def headers(self, path: str) -> Message:
        return next(headers for asked, headers in self.asked if asked == path)


@pytest.fixture
def site(loopback: None) -> Iterator[Site]:
    site = Site()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers))
            page = site.pages.get(self.path, (404, {}, "<p>lost"))
            status, headers, body = page() if callable(page) else page
            with contextlib.suppress(ConnectionError):
                self._answer(status, headers, body)

        def _answer(self, status: int, headers: dict[str, str], body: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "text/html", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        site.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield site
        server.shutdown()


@needs_chromium
def test_a_web_page_becomes_a_pdf_named_for_its_host(capture, site):
    site.pages["/page"] = (200, {}, "<p>WEB PAGE")

    made = capture(site.url("/page"), "pdf")

    assert made.name == "127.0.0.1.pdf"
    assert text_of(made) == "WEB PAGE"


@needs_chromium
@pytest.mark.parametrize("target", ["png", "jpg"])
def test_a_web_page_becomes_an_image(capture, site, target):
    site.pages["/"] = (200, {}, "<body style='background:rgb(255,250,205)'>")

    with Image.open(capture(site.url("/"), target, screen_width=300, screen_height=200)) as image:
        assert image.size == (600, 400)
        assert image.getpixel((300, 200)) == pytest.approx(CREAM, abs=4)


@needs_chromium
def test_headers_reach_the_page_and_its_own_site_but_no_other(capture, site):
    other = site.url("/other.gif", host="localhost")
    site.pages["/"] = (200, {}, f"<img src=/own.gif><img src='{other}'>")

    capture(site.url("/"), "pdf", headers={"Authorization": "Bearer secret", "user-agent": "Me"})

    assert site.headers("/")["Authorization"] == "Bearer secret"
    assert site.headers("/")["User-Agent"] == "Me"
    assert site.headers("/own.gif")["Authorization"] == "Bearer secret"
    assert site.headers("/other.gif")["Authorization"] is None


@needs_chromium
def test_headers_do_not_follow_a_redirect_to_another_site(capture, site):
    site.pages["/"] = (302, {"Location": site.url("/there", host="localhost")}, "")
    site.pages["/there"] = (200, {}, "<p>THERE")

    made = capture(site.url("/"), "pdf", headers={"X-Key": "secret"})

    assert text_of(made) == "THERE"
    assert site.headers("/")["X-Key"] == "secret"
    assert site.headers("/there")["X-Key"] is None


@needs_chromium
def test_headers_are_not_recorded(capture, site):
    context = RunContext()
    site.pages["/"] = (200, {}, "hi")

    capture(site.url("/"), "pdf", context, headers={"X-Key": "topsecret"})

    assert context.recorded
    assert "topsecret" not in f"{context.recorded}"


@needs_chromium
def test_an_error_page_is_a_page_too(capture, site):
    assert text_of(capture(site.url("/missing"), "pdf")) == "lost"


@needs_chromium
@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((302, {"Location": "file:///etc/hostname"}, ""), "redirects to one that may not be opened"),
        ((302, {"Location": "/"}, ""), "redirects too often"),
        ((404, {}, ""), "error and no page"),
        ((204, {}, ""), "no page"),
        (
            (200, {"Content-Disposition": "attachment; filename=a.bin", "Content-Type": "a/b"}, "x"),
            "file to download",
        ),
    ],
)
def test_an_address_without_a_page_is_a_clear_error(capture, site, answer, sentence):
    site.pages["/"] = answer

    with pytest.raises(DownloadFailed, match=sentence):
        capture(site.url("/"), "pdf")


@needs_chromium
def test_a_host_that_does_not_exist_is_a_clear_error(capture):
    with pytest.raises(DownloadFailed, match="not found"):
        capture("http://nowhere.invalid/", "pdf")


@needs_chromium
def test_a_refused_connection_is_worth_another_attempt(capture, site):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port

    with pytest.raises(DownloadUnreachable, match="refused the connection"):
        capture(f"http://127.0.0.1:{port}/", "pdf")


@needs_chromium
def test_a_silent_server_is_given_up(capture, site, monkeypatch):
    monkeypatch.setattr(chrome, "PATIENCE", 0.5)
    over = threading.Event()
    site.pages["/"] = lambda: over.wait(60) and (200, {}, "late")

    with pytest.raises(DownloadUnreachable, match="did not answer in time"):
        capture(site.url("/"), "pdf")
    over.set()


@needs_chromium
@pytest.mark.parametrize("html", ["<iframe src='{0}'></iframe>", "<script>location = '{0}'</script>"])
def test_a_web_page_reads_no_file(capture, site, tmp_path, html):
    secret = tmp_path / "secret.html"
    secret.write_text("SECRET")
    site.pages["/"] = (200, {}, html.format(secret.as_uri()) + "<p>page")

    text = text_of(capture(site.url("/"), "pdf", wait_until="networkidle0"))

    assert "page" in text
    assert "SECRET" not in text


# --- Where pages may reach: one address of this machine is allowed here, its neighbour stands for the rest.


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inside]:
    """Servers at an address that is not allowed."""
    allows = reach.Reach.read("127.0.0.1")
    monkeypatch.setattr(reach, "allowed", lambda: allows)
    with (
        socket.create_server(("127.0.0.2", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.2", tcp.getsockname()[1]))
        yield Inside(tcp, udp)


@dataclass
class Inside:
    """What must hear nothing."""

    tcp: socket.socket
    udp: socket.socket

    @property
    def place(self) -> str:
        return f"127.0.0.2:{self.tcp.getsockname()[1]}"

    @property
    def was_reached(self) -> bool:
        return bool(select.select([self.tcp, self.udp], [], [], 0)[0])


@needs_chromium
@pytest.mark.parametrize("way", ["at once", "redirect", "refresh"])
def test_an_address_inside_is_refused_and_the_next_page_is_served(capture, site, inside, way):
    url = f"http://{inside.place}/"
    site.pages["/"] = (302, {"Location": url}, "")
    site.pages["/refresh"] = (200, {}, f"<meta http-equiv=refresh content='0;url={url}'>")
    site.pages["/fine"] = (200, {}, "<p>fine")
    start = {"at once": url, "redirect": site.url("/"), "refresh": site.url("/refresh")}

    with pytest.raises(ConversionFailed if way == "refresh" else AddressRefused):
        capture(start[way], "pdf", wait_until="networkidle0")

    assert not inside.was_reached
    assert text_of(capture(site.url("/fine"), "pdf")) == "fine"


@needs_chromium
@pytest.mark.parametrize("host", ["2130706434", "0x7f.2", "[::ffff:127.0.0.2]", "127.0.0.2"])
def test_however_it_is_written(capture, site, inside, host):
    port = inside.place.rpartition(":")[2]

    with pytest.raises(AddressRefused):
        capture(f"http://{host}:{port}/", "pdf")

    assert not inside.was_reached


EVERYTHING = """<p>page
<link rel=stylesheet href='http://{0}/a.css'><link rel=prefetch href='http://{0}/b'>
<link rel=preconnect href='http://{0}/'><link rel=dns-prefetch href='http://{0}/'>
<link rel=preload as=image href='https://{0}/c'><link rel=modulepreload href='http://{0}/d'>
<img src='http://{0}/e'><img srcset='//{0}/f 2x'><iframe src='http://{0}/g'></iframe>
<object data='http://{0}/h'></object><embed src='http://{0}/i'><video src='http://{0}/j'></video>
<audio autoplay src='http://{0}/k'></audio><script src='http://{0}/l'></script><a ping='http://{0}/' href='#'>
<style>@import 'http://{0}/m';
@font-face {{font-family: x; src: url('http://{0}/n')}} p {{font-family: x}}</style>
<svg><image href='http://{0}/o'/></svg><form id=f method=post target=t action='http://{0}/p'></form>
<iframe name=t></iframe><script>
for (const go of [
  () => fetch('http://{0}/q', {{mode: 'no-cors'}}), () => new WebSocket('ws://{0}/r'),
  () => new WebSocket('wss://{0}/s'), () => new EventSource('http://{0}/t'),
  () => navigator.sendBeacon('http://{0}/u', 'x'),
  () => {{ const x = new XMLHttpRequest(); x.open('GET', 'http://{0}/v'); x.send() }},
  () => new Worker(URL.createObjectURL(new Blob(["fetch('http://{0}/w', {{mode: 'no-cors'}})"]))),
  () => new Worker('http://{0}/x.js'), () => f.submit(), () => open('http://{0}/y'),
  () => new WebTransport('https://{0}/z'),
  async () => {{
    const c = new RTCPeerConnection({{iceServers: [
      {{urls: 'stun:{0}'}}, {{urls: 'turn:{0}?transport=tcp', username: 'x', credential: 'x'}}]}});
    c.createDataChannel('x'); await c.setLocalDescription(await c.createOffer());
  }},
]) try {{ const p = go(); p && p.catch && p.catch(() => 0) }} catch (e) {{}}
</script>"""


@needs_chromium
@pytest.mark.parametrize("kind", ["file", "page"])
def test_nothing_that_a_page_loads_reaches_inside(convert, capture, site, inside, kind):
    html = EVERYTHING.format(inside.place) + f"<img src='{site.url('/allowed.gif')}'>"
    site.pages["/"] = (200, {}, html)

    waits = {"wait_until": "networkidle0", "wait_time": 1000}
    made = convert(html, "pdf", **waits) if kind == "file" else capture(site.url("/"), "pdf", **waits)

    assert text_of(made).startswith("page")
    assert site.headers("/allowed.gif")
    assert not inside.was_reached


@needs_chromium
def test_the_canary_hears_a_page_that_may_reach_it(convert, inside, loopback):
    convert(f"<img src='http://{inside.place}/'>", "pdf", wait_until="domcontentloaded", wait_time=1000)

    assert inside.was_reached


@needs_chromium
def test_the_network_can_be_waited_for(capture, site):
    site.pages["/"] = (
        200,
        {},
        """<p id=a>early</p><script>onload = async () => {
        for (let i = 0; i < 30; i++) await (await fetch('/more' + i)).text();
        a.textContent = 'QUIET'}</script>""",
    )

    assert text_of(capture(site.url("/"), "pdf", wait_until="networkidle0")) == "QUIET"


@needs_chromium
def test_what_never_ends_loading_is_taken_as_it_is(capture, site, monkeypatch):
    over = threading.Event()
    site.pages["/"] = (200, {}, "<p>HERE<img src=/never>")
    site.pages["/never"] = lambda: over.wait(60) and (404, {}, "")

    assert text_of(capture(site.url("/"), "pdf", wait_until="domcontentloaded")) == "HERE"
    assert text_of(capture(site.url("/"), "pdf", wait_until="networkidle2", wait_time=10)) == "HERE"
    monkeypatch.setattr(chrome, "PATIENCE", 0.5)
    assert text_of(capture(site.url("/"), "pdf", wait_until="load")) == "HERE"
    over.set()


@needs_chromium
def test_images_below_the_fold_are_loaded(capture, site):
    site.pages["/"] = (200, {}, "<div style='height:20000px'></div><img loading=lazy src=/deep.gif>")

    capture(site.url("/"), "pdf")

    assert site.headers("/deep.gif")


@needs_chromium
def test_nothing_is_downloaded(capture, site):
    site.pages["/"] = (200, {}, "<p>page<a id=a download=evil.bin href=/evil></a><script>a.click()</script>")
    site.pages["/evil"] = (200, {"Content-Type": "application/octet-stream"}, "evil")

    made = capture(site.url("/"), "pdf", wait_until="networkidle0")

    assert text_of(made) == "page"
    slots = [child.slot for child in chrome.WARM._idle]
    assert slots
    assert not [path for slot in slots for path in slot.rglob("*evil*")]


@needs_chromium
@pytest.mark.parametrize("kind", [chromium.RENDERER, chromium.BROWSER])
def test_a_crash_is_told_and_the_next_page_is_served(capture, site, kind):
    killed = []

    def crash() -> tuple[int, dict[str, str], str]:
        killed.append(chromium.kill(kind))
        return (404, {}, "")

    site.pages["/"] = (200, {}, "<img src=/crash><script>for(;;);</script>")
    site.pages["/crash"] = crash
    site.pages["/next"] = (200, {}, "<p>next")

    with pytest.raises(EngineCrashed):
        capture(site.url("/"), "pdf", RunContext(seconds=30))

    assert killed[0]
    assert text_of(capture(site.url("/next"), "pdf", RunContext(owner="somebody else"))) == "next"


@needs_chromium
def test_a_page_that_wants_a_login_is_shown_as_it_says_so(capture, site):
    site.pages["/"] = (401, {"WWW-Authenticate": 'Basic realm="x"'}, "<p>LOGIN")

    assert text_of(capture(site.url("/"), "pdf")) == "LOGIN"


@needs_chromium
def test_a_pdf_is_no_page(capture, site):
    site.pages["/"] = (200, {"Content-Type": "application/pdf"}, "%PDF-1.4")

    with pytest.raises(DownloadFailed, match="holds a PDF"):
        capture(site.url("/"), "png")


@needs_chromium
def test_a_page_that_ends_in_nowhere_is_no_page(capture, site):
    site.pages["/"] = (200, {}, "<script>location = 'http://nowhere.invalid/'</script>")

    with pytest.raises(ConversionFailed, match="went on to an address"):
        capture(site.url("/"), "pdf", wait_until="networkidle0")


@needs_chromium
def test_a_page_that_reloads_itself_for_ever_holds_still_for_its_picture(capture, site):
    site.pages["/"] = (200, {}, "<p>again<script>setTimeout(() => location.reload(), 40)</script>")

    assert text_of(capture(site.url("/"), "pdf", wait_time=100)) == "again"
    assert capture(site.url("/"), "png", wait_time=100).stat().st_size
