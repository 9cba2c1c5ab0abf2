"""A35: PostScript that reads, writes or lists files, starts programs, or looks at the environment."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader

from .siege import conversion

pytestmark = [pytest.mark.attack, pytest.mark.needs("gs", "pdftoppm")]
SHOWN = "/Helvetica findfont 9 scalefont setfont 20 400 moveto\n"


def documents(bait):
    """Return PostScript that leads outside, each in a way of its own; what it finds it shows."""
    reading = "({}) (r) file 4000 string readstring pop show"
    return {
        **{f"reads {path.name}": reading.format(path) for path in bait.texts},
        "reads passwords": reading.format("/etc/passwd"),
        "reads its own environment": reading.format("/proc/self/environ"),
        "reads the first process": reading.format("/proc/1/environ"),
        "runs a file": f"({bait.world}) run",
        "lists temporary files": f"({bait.folder}*) {{ show ( ) show }} 1000 string filenameforall",
        "lists ours": f"({bait.folder}/*) {{ show ( ) show }} 1000 string filenameforall",
        "writes ours": f"({bait.marker}) (w) file dup (x) writestring closefile",
        "deletes ours": f"({bait.world}) deletefile",
        "renames ours": f"({bait.world}) ({bait.marker}) renamefile",
        "starts a program": f"(%pipe%touch {bait.marker}) (w) file closefile",
        "writes by a device": f"<< /OutputFile ({bait.marker}) >> setpagedevice",
        "starts by a device": f"<< /OutputFile (%pipe%touch {bait.marker}) >> setpagedevice",
        "asks the environment": "(SEEDED_SECRET) getenv { show } if",
        "leaves the safe mode": f"currentglobal << /LockSafetyParams false >> setuserparams {reading.format(bait.world)}",
        "loops": "{ } loop",
        "fills the memory": "[ { 1000000 string } loop ]",
        "has a page of kilometres": "<< /PageSize [1000000 1000000] >> setpagedevice",
    }


NAMES = list(documents(type("Any", (), {"texts": (), "world": "", "folder": "", "marker": ""})))


@pytest.fixture(scope="module")
def ends(siege):
    """What came of each document, as PostScript and as EPS, made into a PDF and into pictures."""
    jobs = {}
    for name, deed in documents(siege.bait).items():
        for kind, head in (
            ("ps", "%!PS-Adobe-3.0"),
            ("eps", "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 600 600"),
        ):
            text = f"{head}\n{SHOWN}{deed}\nshowpage\n"
            for target in ("pdf", "png"):
                jobs[name, kind, target] = conversion(text, f"in.{kind}", target, timeout=20)
    return siege.ends(jobs)


def test_a35_every_document_ends_and_shows_nothing(siege, ends):
    assert {name for name, _, _ in ends} >= set(NAMES)
    for end in ends.values():
        siege.harmless(end)


def shown(data):
    """Return the words of a PDF; a name that was listed is no secret text, so it is looked for here."""
    return "".join("".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(data)).pages)


def test_a35_no_file_of_ours_is_listed(siege, ends):
    listed = [end for (name, _, target), end in ends.items() if name.startswith("lists") and target == "pdf"]
    words = [shown(data) for end in listed for data in end.files.values()]

    assert len(listed) == 4
    assert not [each for each in words if siege.bait.folder.name in each or siege.bait.world.name in each]


def test_a35_nothing_was_written_deleted_or_started(siege, ends):
    assert siege.bait.strays() == []
    assert siege.bait.world.read_text() == f"{siege.bait.stem}world"


def test_a35_honest_postscript_is_still_converted(siege):
    end = siege.run(conversion(f"%!PS-Adobe-3.0\n{SHOWN}(honest) show showpage\n", "in.ps", "pdf"))

    assert not end.failed and end.files
