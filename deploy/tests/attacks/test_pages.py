"""A25 to A27: HTML that reads files, reaches out, or never ends."""

from __future__ import annotations

import pytest

from .siege import conversion

pytestmark = [pytest.mark.attack, pytest.mark.needs("chromium", "soffice", "pdftoppm")]


def readers(bait):
    """Return pages that show files of others, each in a way of its own."""
    texts = (*bait.texts, bait.page)
    places = [*(f"file://{path}" for path in texts), "file:///etc/passwd", "file:///proc/self/environ"]
    places += [
        f"file://localhost{bait.world}",
        f"file:{bait.world}",
        "file:///etc/",
        f"file://{bait.folder}/",
    ]
    each = "".join
    script = "<script>for (const u of [{}]) {{ {} }}</script>".format(
        ",".join(f"'{place}'" for place in places),
        "try { const r = new XMLHttpRequest(); r.open('GET', u, false); r.send(); document.write(r.responseText) }"
        " catch (e) {} fetch(u).then(r => r.text()).then(t => document.body.append(t)).catch(() => 0);"
        " const i = document.createElement('iframe'); i.src = u; document.body && document.body.append(i);"
        " const s = document.createElement('script'); s.src = u; document.head.append(s);",
    )
    pictures = (f"file://{bait.svg}", f"file://{bait.png}")
    return {
        "iframe": each(f'<iframe width="600" height="300" src="{place}"></iframe>' for place in places),
        "object": each(f'<object width="600" height="300" data="{place}"></object>' for place in places),
        "embed": each(f'<embed width="600" height="300" src="{place}">' for place in places),
        "frame in data": each(
            f'<iframe width="600" height="300" src="data:text/html,<iframe src={place}>"></iframe>'
            for place in places
        ),
        "frame in srcdoc": each(
            f"<iframe srcdoc='<iframe src=\"{place}\"></iframe>'></iframe>" for place in places
        ),
        "frame in svg": each(
            '<svg width="600" height="300"><foreignObject width="600" height="300"><iframe '
            f'xmlns="http://www.w3.org/1999/xhtml" src="{place}"/></foreignObject></svg>'
            for place in places
        ),
        "script": f"<body>{script}</body>",
        "picture": each(f'<img src="{place}"><input type="image" src="{place}">' for place in pictures)
        + each(f'<video poster="{place}"></video><svg><image href="{place}"/></svg>' for place in pictures),
        "style": each(
            f'<style>@import "{place}"; @font-face {{ font-family: f; src: url("{place}") }}</style>'
            f'<link rel="stylesheet" href="{place}">'
            for place in places
        )
        + each(
            f'<div style="width:99px;height:99px;background:url({place});content:url({place})"></div>'
            for place in pictures
        ),
        "symbols": each(f'<svg><use href="{place}#a"/></svg>' for place in places)
        + each(
            f'<div style="width:99px;height:99px;mask:url({place});filter:url({place}#x)">x</div>'
            for place in places
        ),
        "base": f'<base href="file://{bait.folder}/"><iframe src="world.txt"></iframe><img src="square.png">',
        "up": f'<iframe src="{"../" * 12}{bait.world}"></iframe><img src="{"../" * 12}{bait.png}">',
        "refresh": f'<meta http-equiv="refresh" content="0;url=file://{bait.world}">',
        "location": f"<script>location = 'file://{bait.world}'</script>",
        "window": f"<script>open('file://{bait.page}', '_self')</script>",
        "form": f'<form id="f" action="file://{bait.page}"></form><script>f.submit()</script>',
        "source": f"<script>location = 'view-source:file://{bait.world}'</script>",
        "xslt": f'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="file://{bait.world}"?><html>x</html>',
        "entity": f'<!DOCTYPE html [<!ENTITY a SYSTEM "file://{bait.world}">]><html><body>&a;</body></html>',
    }


READERS = [
    *("iframe", "object", "embed", "frame in data", "frame in srcdoc", "frame in svg", "script", "picture"),
    *("style", "symbols", "base", "up", "refresh", "location", "window", "form", "source", "xslt", "entity"),
]


DRAWN = {
    "iframe": ("odt",),
    "object": ("odt",),
    "picture": ("png", "odt"),
    "style": ("png",),
    "base": ("png",),
}
"""Ways out besides PDF, which shows all that a picture does, and its text too."""


@pytest.fixture(scope="module")
def shown(siege):
    """What came of each page, as PDF, picture and document."""
    return siege.ends(
        {
            (name, target): conversion(page, "in.html", target, timeout=15)
            for name, page in readers(siege.bait).items()
            for target in ("pdf", *DRAWN.get(name, ()))
        }
    )


@pytest.mark.parametrize("name", READERS)
def test_a25_a_page_shows_no_file_but_itself(siege, shown, name):
    ends = {target: end for (each, target), end in shown.items() if each == name}

    for end in ends.values():
        siege.harmless(end, pixels=True)
    assert "pdf" in ends


def test_a25_options_show_no_file_either(siege):
    bait = siege.bait
    frame = (
        f"<iframe width='500' height='500' src='file://{bait.page}'></iframe><img src='file://{bait.png}'>"
    )
    headers = {
        "display_header_footer": True,
        "header_template": frame,
        "footer_template": frame,
        "margin_top": 100,
    }

    end = siege.run(conversion("<p>x</p>", "in.html", "pdf", **headers))

    siege.harmless(end, pixels=True)
    assert not end.failed, end.words


def callers(http):
    """Return pages that reach out, each in a way of its own."""
    ws = http.replace("http:", "ws:")
    port = http.rstrip("/").rpartition(":")[2]
    names = [
        f"http://{host}:{port}/" for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433")
    ]
    each = "".join
    return {
        "script": each(
            f"<script>fetch('{name}'); new Image().src = '{name}'; navigator.sendBeacon('{name}', 'x');"
            f" new EventSource('{name}'); new WebSocket('{ws}'); const x = new XMLHttpRequest();"
            f" x.open('POST', '{name}'); x.send('x')</script>".replace("const x", f"const x{number}").replace(
                " x.", f" x{number}."
            )
            for number, name in enumerate(names)
        ),
        "worker": f"<script>new Worker(URL.createObjectURL(new Blob([`importScripts('{http}'); fetch('{http}')`])));"
        f"import('{http}'); new SharedWorker(URL.createObjectURL(new Blob([`fetch('{http}')`])))</script>",
        "link": each(
            f'<link rel="{kind}" href="{http}" as="script">'
            for kind in (
                *("prefetch", "preload", "preconnect", "dns-prefetch", "prerender", "modulepreload", "icon"),
                *("stylesheet", "manifest", "search", "import", "next"),
            )
        )
        + f'<script type="speculationrules">{{"prerender": [{{"urls": ["{http}"]}}]}}</script>',
        "embedded": f'<img src="{http}"><iframe src="{http}"></iframe><object data="{http}"></object><embed src="{http}">'
        f'<video src="{http}"><track src="{http}"></video><audio src="{http}"></audio><script src="{http}"></script>'
        f'<style>@import "{http}"; body {{ background: url({http}) }}</style><svg><image href="{http}"/></svg>'
        f'<picture><source srcset="{http} 2x"></picture><body background="{http}">',
        "peer": f"<script>const p = new RTCPeerConnection({{iceServers: [{{urls: 'stun:127.0.0.1:{port}'}}, "
        f"{{urls: 'turn:127.0.0.1:{port}?transport=tcp', username: 'a', credential: 'b'}}]}}); p.createDataChannel('x');"
        f" p.createOffer().then(o => p.setLocalDescription(o)); new WebTransport('https://127.0.0.1:{port}/')</script>",
        "refresh": f'<meta http-equiv="refresh" content="0;url={http}">',
        "location": f"<script>location = '{http}'</script>",
        "window": f"<script>open('{http}'); open('{http}', '_self')</script>",
        "form": f'<form id="f" method="post" action="{http}"></form><script>f.submit()</script>',
        "ping": f'<a id="a" href="#x" ping="{http}">x</a><a id="b" download href="{http}">x</a><script>a.click(); b.click()</script>',
        "report": f'<meta http-equiv="Content-Security-Policy" content="img-src none; report-uri {http}"><img src="x:y">',
        "frames": f"<iframe srcdoc=\"<script>parent.location='{http}'; fetch('{http}')</script>\"></iframe>",
        "ftp": f'<img src="ftp://127.0.0.1:{port}/x"><iframe src="gopher://127.0.0.1:{port}/x"></iframe>',
        "debugger": "<script>for (const p of [9222, 9229, 6379]) fetch('http://127.0.0.1:' + p + '/json/list')"
        ".then(r => r.text()).then(t => document.body.append(t))</script>",
    }


CALLERS = [
    *(
        "script",
        "worker",
        "link",
        "embedded",
        "peer",
        "refresh",
        "location",
        "window",
        "form",
        "ping",
        "report",
    ),
    *("frames", "ftp", "debugger"),
]


@pytest.mark.parametrize("name", CALLERS)
def test_a26_a_page_reaches_nobody(siege, name):
    page = callers(siege.bait.http)[name]

    # A wait would be given to every request that a page makes late.
    end = siege.run(conversion(page, "in.html", "png", timeout=40, wait_time=300))

    siege.harmless(end)
    assert end.made["code"] != "TIMEOUT"


@pytest.mark.parametrize("name", CALLERS)
def test_a26_a_captured_page_reaches_nobody_either(siege, name):
    page = callers(siege.bait.http)[name]
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page.encode())}\r\nConnection: close\r\n\r\n"
    usual, siege.origin.answer = siege.origin.answer, lambda _path: (head + page).encode()
    try:
        end = siege.run(
            {
                "made": {
                    "operation": "capture-website",
                    "url": siege.origin.url(host="127.0.0.77"),
                    "output_format": "png",
                    "timeout": 40,
                    "wait_time": 300,
                }
            }
        )
    finally:
        siege.origin.answer = usual

    siege.harmless(end)
    assert siege.origin.heard
    assert end.made["code"] != "TIMEOUT"


def test_a26_documents_made_of_a_page_reach_nobody(siege):
    pages = callers(siege.bait.http)

    ends = siege.ends(
        {name: conversion(pages[name], "in.html", "odt") for name in ("embedded", "link", "refresh")}
    )

    for end in ends.values():
        siege.harmless(end)


ENDLESS = {
    "loop": "<script>while (true) {}</script>",
    "timer": "<script>setInterval(() => { const s = Date.now(); while (Date.now() - s < 900) {} }, 1)</script>",
    "windows": "<script>for (let i = 0; i < 1000; i++) open('about:blank', 'w' + i)</script>",
    "dialogs": "<script>for (;;) { alert(1); confirm(2); prompt(3) }</script>",
    "history": "<script>for (;;) history.pushState({}, '', '#' + Math.random())</script>",
    "memory": "<script>const a = []; for (;;) a.push(new Uint8Array(50e6).fill(1))</script>",
    "nodes": "<script>for (;;) document.body.append(document.createElement('p'))</script>",
    "workers": "<script>for (let i = 0; i < 300; i++) new Worker(URL.createObjectURL(new Blob(['for(;;){}'])))</script>",
    "tall": '<div style="height:30000000px">x</div>',
    "canvas": "<canvas id=c width=16000 height=16000></canvas><script>c.getContext('2d').fillRect(0,0,16000,16000)</script>",
    "lock": "<script>Atomics.wait && debugger; for (;;) debugger</script>",
}


def test_a27_a_page_that_does_not_end_is_ended(siege):
    ends = siege.ends(
        {
            name: conversion(f"<body>{page}</body>", "in.html", "pdf", timeout=4)
            for name, page in ENDLESS.items()
        }
    )

    for name, end in ends.items():
        siege.harmless(end)
        allowed = {None, "TIMEOUT", "ENGINE_CRASHED", "CONVERSION_FAILED", "OUTPUT_TOO_LARGE", "OPEN_FAILED"}
        assert end.made["code"] in allowed, (name, end.words)
    assert ends["loop"].made["code"] == "TIMEOUT"
    # Whoever comes next finds a browser that works.
    after = siege.run(conversion("<p>x</p>", "in.html", "pdf"))
    assert not after.failed, after.words
