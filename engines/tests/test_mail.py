# ruff: noqa: E501 - hostile markup reads best in its own lines
from __future__ import annotations

import random
import re
import struct
from email.message import EmailMessage
from html.parser import HTMLParser

import olefile
import pytest

from engines import mail
from engines._support.mail_html import cleaned, words
from engines._support.outlook_rtf import page_in, unpacked
from engines.tests.compound_file import compound
from engines.tests.context import RunContext
from jobs.contract import Work, detection
from jobs.contract.errors import EmptyFile, OpenFailed

PIXEL = bytes.fromhex("89504e470d0a1a0a") + b"pixel"


@pytest.fixture
def run(tmp_path):
    """Convert a message and return the text made."""
    count = iter(range(100))

    def convert(data, target, source="eml"):
        out = tmp_path / f"out-{next(count)}"
        out.mkdir()
        path = tmp_path / f"in.{source}"
        path.write_bytes(data)
        [op] = [op for op in mail.OPERATIONS if op.offers(source, target)]
        work = Work(inputs=(path,), output_dir=out, input_format=source, output_format=target)
        [file] = op.run(work, RunContext()).files
        return file.path.read_text(encoding="utf-8")

    return convert


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    mail.WARM.close()


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.places, self.text = set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.places += [value for name, value in attrs if name in {"src", "href", "background", "srcset"}]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def letter(**headers):
    message = EmailMessage()
    message["From"] = "Ada Größe <ada@example.com>"
    message["To"] = "Grace <grace@example.com>, Linus <linus@example.com>"
    message["Cc"] = "copy@example.com"
    message["Date"] = "Mon, 02 Feb 2026 10:00:00 +0100"
    message["Subject"] = "Grüße & <b>more</b>"
    return message


def with_picture():
    message = letter()
    message.set_content("plain words")
    message.add_alternative('<p style="color:red">Hello <img src="cid:dot@x" alt="dot"></p>', subtype="html")
    message.get_payload()[1].add_related(PIXEL, "image", "png", cid="<dot@x>", filename="dot.png")
    message.add_attachment(b"x" * 1536, "application", "pdf", filename="Übersicht.pdf")
    return message.as_bytes()


def test_headers_are_shown(run):
    page = Page(run(with_picture(), "html"))

    for shown in (
        "Ada Größe <ada@example.com>",
        "Linus <linus@example.com>",
        "copy@example.com",
        "02 Feb 2026",
    ):
        assert shown in page.text
    assert "Grüße & <b>more</b>" in page.text


def test_the_page_is_shown_with_its_pictures_and_attachments_are_named(run):
    page = Page(run(with_picture(), "html"))

    assert "Hello" in page.text and "plain words" not in page.text
    [place] = page.places
    assert place.startswith("data:image/png;base64,iVBORw0KGgpwaXhlbA==")
    assert "Übersicht.pdf (1.5 kB)" in page.text
    assert "dot.png" not in page.text


def test_text_has_the_same(run):
    text = run(with_picture(), "txt")

    assert text.startswith("From: Ada Größe <ada@example.com>\nTo: Grace")
    assert "\n\nHello\n\nAttachments:\nÜbersicht.pdf (1.5 kB)\n" in text


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "shift_jis", "koi8-r"])
def test_the_charset_is_right(run, charset):
    said = {"shift_jis": "日本語のメール", "koi8-r": "Привет, мир"}.get(charset, "Grüße aus Köln")
    message = letter()
    message.set_content(said, charset=charset, cte="base64")

    assert said in Page(run(message.as_bytes(), "html")).text


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_bytes_of_no_declared_charset_are_read(run, encoding):
    data = "From: Jürgen <j@example.com>\nSubject: Größe\n\nKöln".encode(encoding)

    text = run(data, "txt")

    assert "From: Jürgen <j@example.com>\nSubject: Größe\n\nKöln\n" in text


@pytest.mark.parametrize("charset", ["zip", "hex", "no-such-thing", "x\x01y", "idna"])
def test_a_charset_that_is_none_does_no_harm(run, charset):
    data = f"Subject: a\nContent-Type: text/plain; charset={charset}\n\nGrüße".encode()

    assert "Grüße" in run(data, "txt")


def test_a_message_in_a_message_is_an_attachment(run):
    message = letter()
    message.set_content("outer")
    message.add_attachment(letter(), filename="inner.eml")

    text = run(message.as_bytes(), "txt")

    assert "outer" in text
    assert re.search(r"inner\.eml \(\d+ bytes\)", text)


HOSTILE = {
    "script": "<script>alert(1)</script><scr<script>ipt>x</script>",
    "script in a script": "<svg><script>alert(1)</script></svg><math><mtext><script>x</script>",
    "handler": '<p onclick="x()" onload=x()>a</p><img src=x onerror=alert(1)>',
    "remote picture": '<img src="http://evil.example/x.png"><img src=//evil.example/y><img srcset="http://evil.example 2x">',
    "file": '<img src="file:///etc/passwd"><a href="file:///etc/passwd">a</a>',
    "frame": '<iframe src="http://evil.example"></iframe><frameset><frame src="http://evil.example"></frameset>',
    "object": '<object data="http://evil.example"><embed src="http://evil.example"></object>',
    "link": '<link rel=stylesheet href="http://evil.example"><base href="http://evil.example"><meta http-equiv=refresh content="0;url=http://evil.example">',
    "style": "<style>@import 'http://evil.example'; p { background: url(http://evil.example) } q{c:url(//evil.example)}</style>",
    "style in disguise": r"<style>p{background:\75rl(http://evil.example)} @\69mport 'http://evil.example'</style>",
    "style with a comment": "<style>@im/**/port 'http://evil.example';p{background:u/**/rl(http://evil.example)}</style>",
    "style set": '<p style="background-image:image-set(\'http://evil.example\' 1x)">a</p>',
    "style attribute": '<p style="background:url(http://evil.example)" background="http://evil.example">a</p><table background="//evil.example">',
    "style that ends": "<style></style/><script>x</script><style><!--</style><script>x</script>-->",
    "javascript": '<a href="javascript:alert(1)">a</a><a href=" java\nscript:alert(1)">b</a><a href="&#106;avascript:x">c</a>',
    "data": '<a href="data:text/html,<script>x</script>">a</a><img src="data:image/svg+xml;base64,AAAA">',
    "form": '<form action="http://evil.example"><input src="http://evil.example" type=image><button formaction="http://evil.example">x</button></form>',
    "attribute": '<p title="&quot;><script>x</script>">a</p><p title=\'"><script>x</script>\'>b</p>',
    "comment": "<!--><script>x</script>--><!--[if mso]><script>x</script><![endif]--><![CDATA[<script>x</script>]]>",
    "media": '<video src="http://evil.example" poster="http://evil.example"></video><audio src="http://evil.example">',
    "svg": '<svg><image href="http://evil.example"/><use href="http://evil.example#x"/></svg>',
    "plain": "<xmp><script>x</script></xmp><plaintext><script>x</script>",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_does_nothing(run, name):
    data = b"Subject: x\nContent-Type: text/html; charset=utf-8\n\n" + HOSTILE[name].encode() + b"<p>end</p>"

    made = run(data, "html")

    page = Page(made)
    assert page.tags <= {*("html", "head", "meta", "title", "style", "body", "table", "tr", "th", "td"), *("hr", "div", "p", "a", "img")}  # fmt: skip
    assert [place for place in page.places if place] == []
    assert not re.search(r"evil|javascript:|file:", re.sub(r">[^<]*<", "><", made.split("</head>")[1]))
    assert "evil" not in "".join(re.findall(r"<style>(.*?)</style>", made, re.DOTALL))
    assert "default-src 'none'" in made.replace("&#x27;", "'")


def test_a_page_keeps_its_look():
    page = '<head><title>t</title><style>p { color: red }</style><body bgcolor=white><p class="a" style="margin:0;font-family:\'A\'">x<a href="https://a.example/?a=1&b=2">y</a></p><ul><li>z'

    assert cleaned(page, {}) == (
        '<style>p { color: red }</style><p class="a" style="margin:0;font-family:&#x27;A&#x27;">x'
        '<a href="https://a.example/?a=1&amp;b=2">y</a></p><ul><li>z</li></ul>'
    )


def test_the_words_of_a_page_are_read():
    assert words("<style>p{}</style><p>One<br>two</p><table><tr><td>a<td>b</table>") == "One\ntwo\n\na\tb"


# --- Outlook


def properties(head, **values):
    numbers = {"submitted": (0x39, 0x40), "page": (0x3FDE, 3), "kind": (0xC15, 3)}
    rows = (
        struct.pack("<HHIQ", numbers[name][1], numbers[name][0], 6, value) for name, value in values.items()
    )
    return bytes(head) + b"".join(rows)


def substance(number, value):
    kind, data = (0x102, value) if isinstance(value, bytes) else (0x1F, value.encode("utf-16-le"))
    return {f"__substg1.0_{number:04X}{kind:04X}": data}


def outlook(**more):
    """Return a message as Outlook would keep it; properties by ``p`` and their number."""
    found = {0x37: "Grüße", 0xC1A: "Ada", 0x5D01: "ada@example.com"}
    found |= {int(name[1:], 16): value for name, value in more.items() if name.startswith("p")}
    tree = {
        "__properties_version1.0": properties(
            32, submitted=134145000000000000, page=more.get("codepage", 65001)
        )
    }
    for number, value in found.items():
        tree |= substance(number, value)
    for number, (kind, name) in enumerate([(1, "Grace"), (1, "Linus"), (2, "Copy")]):
        people = substance(0x3001, name) | substance(0x39FE, f"{name.lower()}@example.com")
        tree[f"__recip_version1.0_#{number:08X}"] = people | {
            "__properties_version1.0": properties(8, kind=kind)
        }
    for number, file in enumerate(more.get("files", ())):
        inside = {"__properties_version1.0": properties(8)}
        for key, value in file.items():
            inside |= substance(key, value)
        tree[f"__attach_version1.0_#{number:08X}"] = inside
    return compound(tree)


FILES = (
    {0x3707: "dot.png", 0x3701: PIXEL, 0x3712: "dot@x", 0x370E: "image/png"},
    {0x3707: "Übersicht.pdf", 0x3701: b"x" * 9000, 0x370E: "application/pdf"},
)


def packed(rtf):
    """Return RTF as Outlook keeps it, in literal bytes only."""
    data = b"".join(b"\0" + rtf[at : at + 8] for at in range(0, len(rtf), 8))
    return (
        struct.pack("<I4sI", len(data) + 12, b"", 0)[:0]
        + struct.pack("<II4sI", len(data) + 12, len(rtf), b"LZFu", 0)
        + data
    )


RTF = (
    rb"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fcharset204 Arial;}}{\colortbl\red0;}"
    rb"{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Gr\'fc\'dfe {\f1 \'cf\'f0}\u8364? \{x\}{\*\htmltag84 <b>}\htmlrtf {\b\htmlrtf0 bold"
    rb"\htmlrtf }\htmlrtf0{\*\htmltag92 </b>}{\*\mhtmltag1 <hidden>}\par\htmlrtf lost\htmlrtf0{\*\htmltag84 <img src='cid:dot@x'>}"
    rb"{\*\htmltag72 </p>}}"
)


def test_the_compound_files_here_are_ones():
    file = olefile.OleFileIO(outlook(p1000="x" * 5000))

    assert file.openstream("__substg1.0_1000001F").read().decode("utf-16-le") == "x" * 5000


def test_outlooks_messages_are_told_from_others(tmp_path):
    (tmp_path / "in.msg").write_bytes(outlook())

    assert detection.detect(tmp_path / "in.msg").format == "msg"


def test_outlooks_headers_are_shown(run):
    text = run(outlook(p1000="Hello\r\nworld"), "txt", "msg")

    assert text == (
        "From: Ada <ada@example.com>\nTo: Grace <grace@example.com>; Linus <linus@example.com>\n"
        "Cc: Copy <copy@example.com>\nDate: Mon, 02 Feb 2026 10:00:00 +0000\nSubject: Grüße\n\nHello\nworld\n"
    )


@pytest.mark.parametrize(("codepage", "charset"), [(65001, "utf-8"), (1251, "cp1251"), (932, "cp932")])
def test_outlooks_page_is_shown(run, codepage, charset):
    said = {"cp932": "日本語"}.get(charset, "Привет")
    data = outlook(p1013=f"<p>{said} <img src=cid:dot@x>".encode(charset), codepage=codepage, files=FILES)

    page = Page(run(data, "html", "msg"))

    assert said in page.text
    assert page.places == ["data:image/png;base64,iVBORw0KGgpwaXhlbA=="]
    assert "Übersicht.pdf (9.0 kB)" in page.text
    assert "dot.png" not in page.text


def test_the_page_in_outlooks_rtf_is_shown(run):
    page = Page(run(outlook(p1009=packed(RTF), p1000="plain", files=FILES), "html", "msg"))

    assert "Grüße Пр€ {x}bold\r\n" in page.text.replace("\n", "\r\n").replace("\r\r", "\r")
    assert page.places == ["data:image/png;base64,iVBORw0KGgpwaXhlbA=="]
    assert "b" in page.tags
    assert "lost" not in page.text


def test_packed_rtf_refers_to_what_came_before():
    # The example of [MS-OXRTFCP] 4.1.1.
    data = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )

    assert unpacked(data) == rb"{\rtf1\ansi\ansicpg1252\pard hello world}" + b"\r\n"


def test_rtf_of_no_page_is_left_alone():
    assert page_in(rb"{\rtf1\ansi hello}") == ""


# --- Bad input


@pytest.mark.parametrize("target", ["html", "txt"])
@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("eml", random.Random(7).randbytes(20_000)),
        ("eml", b"Just some text, and no message.\n"),
        ("msg", random.Random(7).randbytes(20_000)),
        ("msg", outlook()[:1500]),
        ("msg", compound({"WordDocument": b"x" * 500})),
        ("msg", b"Subject: x\n\ny"),
        ("eml", b"Subject: x\nContent-Type: multipart/mixed; boundary=a0\n\n" + b"".join(
            b"--a%d\nContent-Type: multipart/mixed; boundary=a%d\n\n" % (n, n + 1) for n in range(3000))),
    ],
    ids=["noise", "text", "noise msg", "half", "word", "text msg", "deep"],
)  # fmt: skip
def test_what_is_no_message_is_refused(run, source, data, target):
    with pytest.raises(OpenFailed):
        run(data, target, source)


def test_an_empty_file_is_refused(run):
    with pytest.raises(EmptyFile):
        run(b"", "html")
