"""A39: metadata that holds code, names that start a program, and tags that are options of the tool."""

from __future__ import annotations

import io
import json
import struct

import pytest
from PIL import Image

from .siege import import_of

pytestmark = [pytest.mark.attack, pytest.mark.needs("exiftool", "qpdf")]


def djvu(annotation):
    """Return a page of DjVu with an annotation as it is."""
    info = b"INFO" + struct.pack(">I", 10) + struct.pack(">HH", 9, 9) + bytes([24, 0, 44, 1, 22, 1])
    text = annotation.encode()
    body = b"DJVU" + info + b"ANTa" + struct.pack(">I", len(text)) + text + b"\0" * (len(text) % 2)
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
