"""A22 to A24, A36 to A38: videos and pictures that name other files, and names that are more than names."""

from __future__ import annotations

import io
import zipfile
import zlib

import pytest
from PIL import Image

from . import hostile
from .siege import conversion, import_of

pytestmark = [pytest.mark.attack, pytest.mark.needs("ffmpeg", "convert", "pdftoppm")]


def playlists(bait):
    """Return playlists of every kind that ffmpeg knows by its content."""
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXT-X-MEDIA-SEQUENCE:0\n"
    segment, end = "#EXTINF:5.0,\n{}\n", "#EXT-X-ENDLIST\n"
    manifest = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT5S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
        'bandwidth="1000"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>'
    )
    session = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    outside = [bait.http + "a.ts", f"{bait.world}", f"file://{bait.png}", f"../../../../../..{bait.world}"]
    tricks = [
        f"concat:{bait.world}|{bait.world}",
        f"subfile,,start,0,end,9,,:{bait.world}",
        f"crypto:{bait.world}",
    ]
    lists = {f"m3u8 {place}": head + segment.format(place) + end for place in (*outside, *tricks)}
    lists["m3u8 key"] = f'{head}#EXT-X-KEY:METHOD=AES-128,URI="{bait.http}key"\n{segment.format("a.ts")}{end}'
    lists["m3u8 map"] = f'{head}#EXT-X-MAP:URI="{bait.world}"\n{segment.format(bait.http)}{end}'
    lists["m3u8 variant"] = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{bait.http}v.m3u8\n"
    lists |= {f"concat {place}": f"ffconcat version 1.0\nfile '{place}'\n" for place in outside}
    lists["concat option"] = "ffconcat version 1.0\nfile x\noption protocol_whitelist http,tcp\nstream\n"
    lists |= {f"dash {place}": manifest.format(place) for place in outside}
    lists["sdp"] = session + "a=rtpmap:96 H264/90000\n"
    lists["asx"] = f'<asx version="3.0"><entry><ref href="{bait.http}"/></entry></asx>'
    lists["ram"] = f"{bait.http}\nrtsp://127.0.0.1:{bait.http.rsplit(':')[-1]}\n"
    lists["redirect"] = f"[Reference]\nRef1={bait.http}\n"
    return lists


NAMES = [
    *("m3u8 {http}a.ts", "m3u8 {world}", "m3u8 file://{png}", "m3u8 ../../../../../..{world}"),
    *("m3u8 concat:{world}|{world}", "m3u8 subfile,,start,0,end,9,,:{world}", "m3u8 crypto:{world}"),
    *("m3u8 key", "m3u8 map", "m3u8 variant"),
    *("concat {http}a.ts", "concat {world}", "concat file://{png}", "concat ../../../../../..{world}"),
    *("concat option", "dash {http}a.ts", "dash {world}", "dash file://{png}"),
    *("dash ../../../../../..{world}", "sdp", "asx", "ram", "redirect"),
]


@pytest.fixture(scope="module")
def played(siege):
    """How the conversion of each playlist ended, under several names of videos."""
    found = playlists(siege.bait)
    kinds = ("mp4", "mkv", "ts", "avi")
    jobs = {
        name: conversion(text, f"film.{kinds[number % 4]}", "webm", timeout=20)
        for number, (name, text) in enumerate(found.items())
    }
    return siege.ends(jobs)


def check_refused(siege, played, name):
    bait = siege.bait
    end = played[name.format(http=bait.http, world=bait.world, png=bait.png)]
    siege.harmless(end)
    assert end.failed and end.files == {}
    assert end.made["code"] in {"OPEN_FAILED", "CONVERSION_FAILED"}, end.words


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("m3u8")])
def test_a22_a_playlist_called_a_film_is_refused(siege, played, name):
    check_refused(siege, played, name)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("concat")])
def test_a23_a_list_of_files_called_a_film_is_refused(siege, played, name):
    check_refused(siege, played, name)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(("concat", "m3u8"))])
def test_a24_a_manifest_or_session_called_a_film_is_refused(siege, played, name):
    check_refused(siege, played, name)


def test_a22_a_playlist_called_sound_or_subtitles_is_refused(siege, samples):
    text = playlists(siege.bait)[f"m3u8 {siege.bait.http}a.ts"]
    video = (samples / "made_video.mp4").read_bytes()
    jobs = {
        kind: conversion(text, f"sound.{kind}", "wav", timeout=20) for kind in ("mp3", "ogg", "flac", "wav")
    }
    subtitles = conversion(video, "film.mp4", "mkv", subtitles="lines", subtitles_mode="hard", timeout=30)
    jobs["srt"] = {**subtitles, "lines": import_of(text, "lines.srt")}

    ends = siege.ends(jobs)

    for end in ends.values():
        siege.harmless(end)
    assert all(ends[kind].failed for kind in ("mp3", "ogg", "flac", "wav"))


def test_a36_a_profile_that_names_a_file_is_only_text(siege):
    words = (
        "profile",
        "Profile",
        "profile:exif",
        "profile:icc",
        "icc",
        "filename",
        "comment",
        "label",
        "caption",
    )
    texts = [
        hostile.chunk(b"tEXt", word.encode() + b"\0" + value.encode())
        for word in words
        for value in (f"{siege.bait.world}", f"@{siege.bait.world}", "/etc/passwd")
    ]
    packed = [
        hostile.chunk(b"zTXt", word.encode() + b"\0\0" + zlib.compress(f"{siege.bait.world}".encode()))
        for word in words
    ]
    data = hostile.small_png(*texts, *packed)

    ends = siege.ends(
        {
            target: conversion(data, "in.png", target)
            for target in ("png", "webp", "jpg", "tiff", "pdf", "gif")
        }
        | {"resized": conversion(data, "in.png", "png", width=8, strip=False)}
    )

    for end in ends.values():
        siege.harmless(end)
        assert end.files, end.words


def commands(bait):
    """Return what only ImageMagick's readers of programs and scripts understand."""
    return {
        "mvg": f"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 'url({bait.http}x.jpg\"|touch {bait.marker}\")'\n"
        "pop graphic-context\n",
        "mvg file": f"push graphic-context\nviewbox 0 0 400 400\nimage over 0,0 400,400 '{bait.png}'\npop graphic-context\n",
        "mvg label": f"push graphic-context\nviewbox 0 0 400 400\nimage over 0,0 400,400 'label:@{bait.world}'\n"
        "pop graphic-context\n",
        "mvg ephemeral": f"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 9,9 'ephemeral:{bait.world}'\n"
        "pop graphic-context\n",
        "msl": f'<?xml version="1.0"?><image><read filename="{bait.png}"/><write filename="{bait.marker}.png"/></image>',
        "msl http": f'<?xml version="1.0"?><image><read filename="{bait.http}"/></image>',
        "postscript": f"%!PS\n(%pipe%touch {bait.marker}) (w) file closefile\nshowpage\n",
        "eps": f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({bait.world}) (r) file 80 string readstring pop show\n",
        "xml": f'<!DOCTYPE x [<!ENTITY a SYSTEM "file://{bait.world}">]><x>&a;</x>',
        "uil": f"text:@{bait.world}",
        "vid": f"vid:{bait.png}",
    }


KINDS = [
    "mvg",
    "mvg file",
    "mvg label",
    "mvg ephemeral",
    "msl",
    "msl http",
    "postscript",
    "eps",
    "xml",
    "uil",
    "vid",
]


@pytest.fixture(scope="module")
def drawn(siege):
    """How the conversion of each script called a picture ended."""
    return siege.ends(
        {
            (name, kind): conversion(text, f"in.{kind}", "jpg", timeout=30)
            for name, text in commands(siege.bait).items()
            for kind in ("png", "svg", "jpg", "gif", "tiff", "psd", "xpm", "ico")
        }
    )


@pytest.mark.parametrize("name", KINDS)
def test_a37_a_script_called_a_picture_is_refused(siege, drawn, name):
    ends = [end for (each, _), end in drawn.items() if each == name]

    for end in ends:
        siege.harmless(end, pixels=True)
        assert end.failed, end.job


ODD_NAMES = [
    *(
        "https://127.0.0.1/x.png",
        "text:_etc_hostname.png",
        "@bait.png",
        "|touch x.png",
        "x.png|",
        "-write.png",
    ),
    *("--help.png", "in.png[0-9999].png", "$(touch x).png", "`touch x`.png", "x; touch x.png", "%d%s%n.png"),
    *(
        "msl:x.png",
        "ephemeral:x.png",
        "-.png",
        "fd:0.png",
        "file.png\u202e",
        "'\"\\'.png",
        "<script>.png",
        "~.png",
    ),
    *("../../../x.png", "..\\..\\x.png", "/etc/x.png", "C:\\x.png", "CON.png", ".png", "..png", "* ?.png"),
    *(
        "a\tb.png",
        "nul\u2028.png",
        f"{'n' * 250}.png",
        "concat:a|b.png",
        "pipe:0.png",
        "http:x.png",
        "-o.png",
    ),
]


@pytest.fixture(scope="module")
def called(siege):
    """What became of the same picture under each odd name."""
    data = hostile.small_png()
    jobs = {}
    for number, name in enumerate(ODD_NAMES):
        jobs[name] = conversion(data, name, "webp", input_format="png", timeout=30)
        jobs[name]["out"]["inline"] = bool(number % 2)
    return siege.ends(jobs)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a38_an_odd_name_is_only_a_name(siege, called, name):
    end = called[name]

    [(shown, data)] = end.files.items()
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    red, green, blue = picture.getpixel((8, 8))
    assert picture.size == (16, 16) and green > 150 > red and blue < 150
    assert "/" not in shown and "\\" not in shown and shown.isprintable() and len(shown.encode()) <= 255
    assert shown.endswith(".webp")


def test_a38_odd_names_are_plain_in_archives_and_for_other_engines(siege, samples):
    text = {
        f"t{number}": import_of("text", name.replace(".png", ".txt")) for number, name in enumerate(ODD_NAMES)
    }
    more = ["@list", "-tzip.txt", "-x!*.txt", "-spf", "-i@list.txt", "-sdel", "-o..", "!x", "a\nb.txt"]
    text |= {f"m{number}": import_of("text", name) for number, name in enumerate(more)}
    archive = {
        "operation": "archive",
        "input": list(text),
        "output_format": "zip",
        "filename": "-sfx../x.zip",
    }
    out = {"out": {"operation": "export/url", "input": "made"}}
    jobs = {"archive": {**text, "made": archive, **out}}
    for name, target in (
        ("made_tone.mp3", "wav"),
        ("tika_text.pdf", "png"),
        ("jod_simple.docx", "txt"),
        ("made_page.html", "png"),
    ):
        kind = name.rpartition(".")[2]
        for odd in ("-i", "@x", "|id", "--help", "$(id)", "%d", "file:///etc/passwd"):
            jobs[kind, odd] = conversion(
                (samples / name).read_bytes(), f"{odd}.{kind}", target, filename=f"{odd}.{target}"
            )

    ends = siege.ends(jobs)

    for name, end in ends.items():
        siege.harmless(end)
        assert end.files, (name, end.words)
        assert all("/" not in each for each in end.files)
    [data] = ends["archive"].files.values()
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert len(names) == len(text)
    assert not [name for name in names if name in {".", ".."} or {"/", "\\"} & set(name)]
