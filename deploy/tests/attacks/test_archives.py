"""A52 to A54: archives that lead out, hold what is no file, or want to be large."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib

import pytest

from . import hostile
from .siege import import_of
from .test_bombs import inflating
from .test_documents import GIGABYTE, Weight

pytestmark = [pytest.mark.attack, pytest.mark.needs("7z", "tar", "xz")]
NAMES = [
    *("../../up.txt", "/etc/cron.d/x", "..\\..\\up.txt", "C:\\windows\\x.txt", "\\\\host\\share\\x.txt"),
    *("a/../../../../b.txt", "nul\0.txt", "line\r\nbreak.txt", "-rf", "--to-command=touch x", "@list", "*"),
    *(
        "~/x",
        "$(id).txt",
        "`id`.txt",
        "a" * 5000,
        "/".join("d" * 3000),
        "con",
        "\u202etxt.exe",
        " ",
        ".",
        "..",
    ),
]


def tarred(*members):
    """Return a tar of (name, content or kind, link's target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, what, *target in members:
            header = tarfile.TarInfo(name)
            content = what if what not in KINDS else b""
            if what in KINDS:
                header.type, header.linkname = what, target[0] if target else ""
            header.mode = 0o6777
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return out.getvalue()


KINDS = {
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.FIFOTYPE,
    tarfile.DIRTYPE,
}


def zipped(names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, name in enumerate(names):
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            archive.writestr(entry, b"%d" % number)
    return out.getvalue()


def extraction(data, name, *, target="", timeout=60):
    made = {"operation": "archive/extract", "input": "in", "timeout": timeout}
    if target:
        made |= {"operation": "convert", "output_format": target}
    return {
        "in": import_of(data, name),
        "made": made,
        "out": {"operation": "export/url", "input": "made"},
    }


def check_clean(siege, ends):
    for name, end in ends.items():
        siege.harmless(end)
        for file in (end.made["result"] or {}).get("files", ()):
            folder, called = file.get("dir", ""), file["filename"]
            assert called not in {"", ".", ".."} and len(called.encode()) <= 200, (name, called)
            assert not any(char in f"{folder}{called}" for char in "\0\r\n\\\u202e"), (name, called)
            assert not folder.startswith("/") and ".." not in folder.split("/"), (name, folder)


def test_a52_names_that_lead_out_are_cleaned(siege):
    jobs = {
        "zip": extraction(zipped(NAMES), "in.zip"),
        "tar": extraction(tarred(*[(name.replace("\0", ""), b"x") for name in NAMES]), "in.tar"),
        "jar": extraction(zipped(NAMES), "in.jar"),
        "zip to tar": extraction(zipped(NAMES), "in.zip", target="tar"),
        "tar to zip": extraction(
            tarred(*[(name.replace("\0", ""), b"x") for name in NAMES]), "in.tar", target="zip"
        ),
    }

    ends = siege.ends(jobs)

    check_clean(siege, ends)
    assert not any(end.failed for end in ends.values())
    assert len(ends["zip"].made["result"]["files"]) == len(NAMES)
    with tarfile.open(fileobj=io.BytesIO(ends["zip to tar"].files["in.tar"])) as archive:
        packed = archive.getnames()
    with zipfile.ZipFile(io.BytesIO(ends["tar to zip"].files["in.zip"])) as archive:
        packed += archive.namelist()
    assert not any(name.startswith("/") or ".." in name.split("/") for name in packed)


def test_a53_links_devices_and_privileges_stay_behind(siege):
    bait = siege.bait
    secret, folder = f"{bait.world}", f"{bait.folder}"
    through = tarred(
        ("link", tarfile.SYMTYPE, folder),
        ("link/stray.txt", b"x"),
        ("up", tarfile.SYMTYPE, "../../.."),
        ("up/stray.txt", b"x"),
        ("secret.txt", tarfile.SYMTYPE, secret),
        ("secret.txt", b"in the link's place"),
        ("hard.txt", tarfile.LNKTYPE, secret),
        ("hard2.txt", tarfile.LNKTYPE, "/input/in.tar"),
        ("etc.txt", tarfile.LNKTYPE, "../../../../etc/passwd"),
        ("pipe", tarfile.FIFOTYPE),
        ("null", tarfile.CHRTYPE),
        ("disk", tarfile.BLKTYPE),
        ("fine.txt", b"fine"),
        ("fine2.txt", tarfile.LNKTYPE, "fine.txt"),
    )
    linked = io.BytesIO()
    with zipfile.ZipFile(linked, "w") as archive:
        for name, mode, text in (
            ("link", 0o120777, folder),
            ("link/stray.txt", 0o100644, "x"),
            ("s", 0o120777, secret),
        ):
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, mode << 16
            archive.writestr(entry, text)
    jobs = {
        f"{name} {target}": extraction(data, f"in.{name}", target=target)
        for name, data in (("tar", through), ("tar.gz", gzip.compress(through)), ("zip", linked.getvalue()))
        for target in ("", "7z", "tar.xz")
        if name != target
    }

    ends = siege.ends(jobs)

    check_clean(siege, ends)
    assert not any(end.failed for end in ends.values())
    names = {file["filename"] for file in ends["tar "].made["result"]["files"]}
    assert names == {"stray.txt", "secret.txt", "fine.txt", "fine2.txt"}
    with tarfile.open(fileobj=io.BytesIO(ends["tar tar.xz"].files["in.tar.xz"])) as archive:
        assert {member.type for member in archive} <= {tarfile.REGTYPE, tarfile.DIRTYPE}
    assert bait.strays() == []


def overlapping(copies):
    """Return a ZIP in which every entry of the directory is the same member, packed once."""
    data = zlib.compress(bytes(1_000_000), 9)[2:-4]
    common = struct.pack(
        "<HHHHHIIIHH", 20, 0, 8, 0, 33, zlib.crc32(bytes(1_000_000)), len(data), 1_000_000, 1, 0
    )
    local = b"PK\3\4" + common + b"a" + data
    central = (
        b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"a"
    ) * copies
    return (
        local
        + central
        + b"PK\5\6"
        + struct.pack("<HHHHIIH", 0, 0, copies, copies, len(central), len(local), 0)
    )


def many(count):
    block = tarred(("x", b""))[:512]
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return (
        b"".join(packer.compress(block) for _ in range(count)) + packer.compress(bytes(1024)) + packer.flush()
    )


def endless(size):
    """Return a gzip file that packs a gigabyte and more a thousand times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(size)) + packer.flush()


def test_a54_bombs_are_stopped_at_the_cap(siege):
    header = tarfile.TarInfo("sparse")
    header.size = 8 * 1024**4
    claim = header.tobuf(tarfile.GNU_FORMAT) + bytes(10_240)
    jobs = {
        "thousandfold": extraction(inflating("zeros", 1000), "in.zip"),
        "overlapping": extraction(overlapping(5000), "in.zip"),
        "gz": extraction(endless(1200), "in.gz"),
        "tar.gz": extraction(endless(1200), "in.tar.gz"),
        "a million": extraction(many(1_000_000), "in.tar.gz"),
        "claimed": extraction(claim, "in.tar"),
        "to another": extraction(endless(1200), "in.gz", target="7z"),
    }

    with Weight(siege) as weight:
        ends = siege.ends(jobs)

    for name, end in ends.items():
        siege.harmless(end)
        assert end.failed, name
        assert end.made["code"] in {"FILE_TOO_LARGE", "OPEN_FAILED", "OUTPUT_TOO_LARGE"}, (name, end.words)
    assert weight.most < GIGABYTE, weight.most


def test_a54_what_is_nested_is_not_opened(siege):
    nested = hostile.packed({"file.txt": "x"})
    for _ in range(50):
        nested = hostile.packed({"inner.zip": nested})
    jobs = {
        "nested": extraction(nested, "in.zip"),
        "packed again": extraction(gzip.compress(gzip.compress(b"x")), "in.gz"),
    }

    ends = siege.ends(jobs)

    assert [*ends["nested"].files] == ["inner.zip"]
    assert gzip.decompress(ends["packed again"].files["in"]) == b"x"
