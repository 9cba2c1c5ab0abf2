"""A39: metadata that holds code, names that start a program, and tags that are options of the tool."""

from __future__ import annotations

import io
import json
import struct

import pytest
from PIL import Image

from .siege import conversion, import_of

pytestmark = [pytest.mark.attack, pytest.mark.needs("exiftool", "qpdf")]


def part(name, content):
    """Return one part of a DjVu page."""
    return name + struct.pack(">I", len(content)) + content + b"\0" * (len(content) % 2)


def djvu(annotation, *more):
    """Return a page of DjVu with an annotation as it is, and perhaps more parts."""
    info = b"INFO" + struct.pack(">I", 10) + struct.pack(">HH", 9, 9) + bytes([24, 0, 44, 1, 22, 1])
    body = b"DJVU" + info + b"".join(part(*each) for each in ((b"ANTa", annotation.encode()), *more))
    return b"AT&TFORM" + struct.pack(">I", len(body)) + body


def tiff(annotation):
    """Return a picture that holds a page of DjVu, and code in words of its own."""
    out = io.BytesIO()
    Image.new("RGB", (9, 9)).save(
        out, "TIFF", tiffinfo={270: annotation, 315: annotation, 0xC51B: djvu(annotation)}
    )
    return out.getvalue()


def codes(marker):
    """Return Perl that leaves a mark, in the ways that were found to be run."""
    order = f"touch {marker}"
    return {
        "escape": f"(metadata (Author \"\\c${{system('{order}')}}\"))",
        "continued": f'(metadata (Author "\\\n".qx({order}).\\\n" b"))',
        "at": f'(metadata (Author "@{{[qx({order})]}}"))',
        "dollar": f'(metadata (Author "${{\\ qx({order})}}" Title "`{order}`"))',
        "bare": f"(metadata \"\\c${{system('{order}')}};\")",
    }


CODES = ["escape", "continued", "at", "dollar", "bare"]


def asked(data, name, operation="metadata", **more):
    return {"in": import_of(data, name), "made": {"operation": operation, "input": "in", **more}}


@pytest.fixture(scope="module")
def told(siege):
    """What each file said of itself."""
    jobs = {
        (code, kind): asked(make(text), f"in.{kind}")
        for code, text in codes(siege.bait.marker).items()
        for kind, make in (("djvu", djvu), ("tiff", tiff))
    }
    return siege.ends(jobs)


@pytest.mark.parametrize("code", CODES)
def test_a39_code_in_metadata_is_not_run(siege, told, code):
    for kind in ("djvu", "tiff"):
        end = told[code, kind]
        siege.harmless(end)
        assert end.made["status"] == "finished"
        assert end.made["result"]["metadata"]["FileType"] in {"DJVU", "TIFF"}
    assert not siege.bait.marker.exists()


def books(siege):
    """Return pages of DjVu whose annotations lead outside, and one that wants another file in itself."""
    # A text, the version, and one zone, the page: its box, its place in the text, and no smaller zones.
    zone = struct.pack(">B5H", 1, 0x8000, 0x8000, 0x8009, 0x8009, 0x8000) + b"\0\0\5" + b"\0\0\0"
    words = (b"TXTa", b"\0\0\5Hello\1" + zone)
    outside = [f"http://127.0.0.1:{siege.canary.port}/djvu", f"file://{siege.bait.world}"]
    links = [
        f'(maparea (url "{url}" "_top") "x" (rect 0 0 9 9) (xor)) (background "{url}")' for url in outside
    ]
    found = {name: djvu(text, words) for name, text in codes(siege.bait.marker).items()}
    found |= {f"link {n}": djvu(text, words) for n, text in enumerate(links)}
    found["deep"] = djvu("(" * 100_000, words)
    found["include"] = djvu("", words, (b"INCL", f"{siege.bait.world}".encode()))
    return found


@pytest.mark.needs("ddjvu", "djvutxt")
def test_a39_annotations_of_a_book_do_nothing(siege):
    pages = books(siege)
    jobs = {
        (name, target): conversion(data, "in.djvu", target)
        for name, data in pages.items()
        for target in ("pdf", "tiff", "txt")
    }

    ends = siege.ends(jobs)

    for (name, target), end in ends.items():
        siege.harmless(end)
        assert end.made["status"] == "finished" or name == "include", (name, target, end.words)
        if target == "txt" and end.files:
            assert b"Hello" in next(iter(end.files.values()))
    assert not siege.bait.marker.exists()
    siege.unharmed()


def test_a39_a_name_is_no_program_to_start(siege, samples):
    data = (samples / "willow_exif_rotated.jpg").read_bytes()
    names = [
        f"touch {siege.bait.marker} |",
        f"| touch {siege.bait.marker}",
        f"x.jpg;touch {siege.bait.marker}|",
        "-all=",
    ]
    jobs = {name: asked(data, name) for name in names}

    ends = siege.ends(jobs)

    for end in ends.values():
        assert end.made["result"]["metadata"]["FileType"] == "JPEG"
    siege.unharmed()


def test_a39_a_tag_is_no_option_and_names_no_file(siege, samples):
    data = (samples / "willow_exif_rotated.jpg").read_bytes()
    world = siege.bait.world
    tags = [
        "-o",
        "@",
        "Comment<",
        "Comment<=",
        "tagsFromFile",
        "json",
        "Directory",
        "FileName",
        "HardLink",
        "geotag",
    ]
    for tag in [*tags, f"Comment<={world}", "Title=x\n-Comment<", "Comment\n-@\n"]:
        task = asked(data, "in.jpg", "metadata/write", metadata={tag: f"{world}"})

        answer = siege.stack.api.post("/v2/jobs", json={"tasks": task})

        assert answer.status_code == 422, tag
        assert "metadata" in json.dumps(answer.json())


def test_a39_a_value_is_a_value(siege, samples):
    data = (samples / "willow_exif_rotated.jpg").read_bytes()
    values = {
        "Comment": f"x\n-Artist<={siege.bait.world}\n-execute\n-o\n/output/y",
        "Artist": f"$(touch {siege.bait.marker})",
        "Copyright": f"@{siege.bait.world}",
        "XMP-dc:Title": f"<{siege.bait.world}>",
    }
    tasks = asked(data, "in.jpg", "metadata/write", metadata=values)

    end = siege.run({**tasks, "out": {"operation": "export/url", "input": "made"}})

    [made] = end.files.values()
    siege.harmless(end)
    with Image.open(io.BytesIO(made)) as image:
        assert image.getexif()[315] == values["Artist"]
        assert image.info["comment"].decode() == values["Comment"]
    siege.unharmed()
