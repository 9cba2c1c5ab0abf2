"""Writes a stranger's web page anew, of what is known to be harmless. Standard library only."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from html import escape
from html.parser import HTMLParser

from engines._support.mail_message import Picture

VOID = {"area", "br", "col", "hr", "img", "wbr"}
TAGS = {
    *(
        "a",
        "abbr",
        "acronym",
        "address",
        "article",
        "aside",
        "b",
        "bdi",
        "bdo",
        "big",
        "blockquote",
        "caption",
    ),
    *("center", "cite", "code", "colgroup", "dd", "del", "details", "dfn", "dir", "div", "dl", "dt", "em"),
    *("figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "i", "ins"),
    *("kbd", "li", "main", "mark", "nav", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section"),
    *("small", "span", "strike", "strong", "style", "sub", "summary", "sup", "table", "tbody", "td", "tfoot"),
    *("th", "thead", "time", "tr", "tt", "u", "ul", "var"),
    *VOID,
}
SILENT = {
    *("applet", "audio", "canvas", "embed", "frameset", "head", "iframe", "math", "noembed", "noframes"),
    *("noscript", "object", "script", "select", "svg", "template", "textarea", "title", "video", "xmp"),
}
"""What is left out with all that is in it; other unknown elements lose only their tags."""
ATTRIBUTES = {
    *("abbr", "align", "alt", "bgcolor", "border", "cellpadding", "cellspacing", "char", "cite", "class"),
    *(
        "clear",
        "color",
        "cols",
        "colspan",
        "dir",
        "face",
        "headers",
        "height",
        "hspace",
        "id",
        "lang",
        "name",
    ),
    *("noshade", "nowrap", "open", "reversed", "rowspan", "rules", "scope", "size", "span", "start", "style"),
    *("summary", "title", "type", "valign", "value", "vspace", "width", "href", "src"),
}
LEADS_TO = re.compile(r"(?:https?:|mailto:|tel:|#)", re.IGNORECASE)
PICTURE = re.compile(r"image/(?:png|jpe?g|pjpeg|gif|webp|bmp|x-ms-bmp|x-png)", re.IGNORECASE)
INSIDE = re.compile(rf"data:({PICTURE.pattern});base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
# Whatever of CSS loads something, or hides that it does.
COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
LOADS = re.compile(
    r"@import|\b(?:url|src|image|image-set|cross-fade|element|paint|expression)\s*\(|behavior|binding|progid",
    re.IGNORECASE,
)
BLOCKS = {
    "address",
    "blockquote",
    "center",
    "div",
    "dd",
    "dt",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "li",
    "p",
    "pre",
    "tr",
}


def cleaned(page: str, pictures: Mapping[str, Picture]) -> str:
    """Return what a page shows, to stand in another one: no scripts or forms, nothing that loads.

    :param pictures: those it may show, by their Content-ID.
    """
    writer = _Writer(pictures)
    writer.feed(page)
    writer.close()
    return "".join([*writer.written, *(f"</{tag}>" for tag in reversed(writer.open))])


def words(page: str) -> str:
    """Return what a page says."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    text = re.sub(r"[ \t\r\f\v]*\n[ \t\r\f\v]*", "\n", "".join(reader.said))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def harmless(style: str) -> str:
    """Return what of a style loads nothing; of one that writes its words in disguise, nothing."""
    style = COMMENT.sub("", style)
    if "\\" in style or "<" in style:
        return ""
    return "".join(piece for piece in re.split("([;{}])", style) if not LOADS.search(piece))


class _Outside(HTMLParser):
    """Knows whether it is in an element that is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Go into an element that is left out, or tell of another one."""
        if tag == "body":
            # A page may forget to end its head.
            self._silent.clear()
        elif tag in SILENT:
            self._silent.append(tag)
        elif tag == "style" or not self._silent:
            self.begun(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        else:
            self.ended(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Pass by an element that holds nothing; for browsers most of these begin one."""
        self.handle_starttag(tag, attrs)

    def begun(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Hear of an element."""

    def ended(self, tag: str) -> None:
        """Hear of its end."""


class _Writer(_Outside):
    def __init__(self, pictures: Mapping[str, Picture]) -> None:
        super().__init__()
        self.written: list[str] = []
        self.open: list[str] = []
        self._pictures = pictures

    def begun(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            return
        kept = "".join(
            f' {name}="{escape(value)}"'
            for name, given in attrs
            if (value := self._kept(tag, name, given or ""))
        )
        self.written.append(f"<{tag}{kept}>")
        if tag not in VOID:
            self.open.append(tag)

    def ended(self, tag: str) -> None:
        if tag in self.open:
            while True:
                last = self.open.pop()
                self.written.append(f"</{last}>")
                if last == tag:
                    break

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.written.append(harmless(data))
        elif not self._silent:
            self.written.append(escape(data))

    def _kept(self, tag: str, name: str, value: str) -> str:
        if name not in ATTRIBUTES:
            return ""
        if name == "src":
            return self._picture(value.strip()) if tag == "img" else ""
        if name in {"href", "cite"}:
            return value.strip() if LEADS_TO.match(value.strip()) else ""
        return harmless(value) if name == "style" else value

    def _picture(self, place: str) -> str:
        if INSIDE.fullmatch(place):
            return place
        found = self._pictures.get(place[4:]) if place[:4].lower() == "cid:" else None
        if not found or not PICTURE.fullmatch(found.kind):
            return ""
        return f"data:{found.kind.lower()};base64,{base64.b64encode(found.data).decode()}"


class _Reader(_Outside):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def begun(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.said.append("\n")
        elif tag in BLOCKS:
            self.said.append("\n\n" if tag in {"p", "h1", "h2", "h3"} else "\n")
        elif tag in {"td", "th"}:
            self.said.append("\t")
        elif tag == "style":
            self._silent.append("style")

    def ended(self, tag: str) -> None:
        if tag in BLOCKS:
            self.said.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(re.sub(r"\s+", " ", data))
