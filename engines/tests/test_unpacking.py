"""archive/extract and conversions between archives, with the real tools."""

from __future__ import annotations

import gzip
import io
import os
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from engines import archivetool
from engines.tests import archives
from engines.tests.context import RunContext
from jobs.contract import Work, errors, limits
from jobs.contract.names import suffix_of

pytestmark = pytest.mark.needs(
    *("7z", "tar", "unar", "bsdtar", "lzip", "lzop", "rzip", "arj", "cpio", "gzip", "bzip2", "xz", "zstd"),
    "compress",
)
_, extract, convert = archivetool.OPERATIONS
SAMPLES = Path(__file__).parents[2] / "samples"
DAY = 1_700_000_000


@pytest.fixture
def opened(tmp_path):
    """Return a function that runs an operation on an archive's bytes."""
    turn = iter(range(100))

    def run(data, name, *, target="", password=None, context=None):
        here = tmp_path / f"{next(turn)}"
        here.mkdir(mode=0o711)
        output_dir = here / "out"
        output_dir.mkdir()
        kind = suffix_of(name).removeprefix(".")
        source = here / f"in.{kind}"
        source.write_bytes(data)
        work = Work(
            inputs=(source,),
            names=(name,),
            output_dir=output_dir,
            input_format=kind,
            output_format=target or kind,
            options={"password": password},
        )
        result = (convert if target else extract).run(work, context or RunContext())
        assert sorted(path.name for path in here.iterdir()) == sorted([source.name, "out"])
        assert all(path.resolve().is_relative_to(output_dir) for path in (file.path for file in result.files))
        return result

    return run


def files(result):
    return {f"{file.dir}/{file.name}".removeprefix("/"): file.path.read_bytes() for file in result.files}


def tarred(members, mode="w"):
    """Return a tar of (name or header, content)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members:
            header = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            header.size = len(content)
            header.mtime = header.mtime or DAY
            archive.addfile(header, io.BytesIO(content))
    return out.getvalue()


def special(name, kind, target=""):
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return (header, b"")


def zipped(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            entry = zipfile.ZipInfo("x", date_time=(2020, 2, 3, 4, 5, 6))
            entry.filename = name
            archive.writestr(entry, content, method)
    return out.getvalue()


def through(argv, data):
    return subprocess.run(argv, input=data, check=True, capture_output=True).stdout


TREE = {"a.txt": b"hello", "d/b.txt": b"again"}
TAR = tarred(TREE.items())


def made(kind, tmp_path):
    """Return an archive of the tree, made by a program that makes such."""
    folder = tmp_path / "made"
    for name, content in TREE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    def run(*argv, said=None):
        subprocess.run(argv, cwd=folder, input=said, check=True, capture_output=True)

    if kind == "7z":
        run("7z", "a", "../x.7z", ".")
    elif kind == "arj":
        run("arj", "a", "-r", "../x.arj", ".")
    elif kind == "cpio":
        run("cpio", "-o", "-H", "newc", "-F", "../x.cpio", said=b"a.txt\nd\nd/b.txt\n")
    elif kind == "deb":
        control = folder / "DEBIAN/control"
        control.parent.mkdir()
        fields = ["Package: x", "Version: 1", "Architecture: all", "Maintainer: a <a@b.c>", "Description: x"]
        control.write_text("".join(f"{field}\n" for field in fields))
        run("dpkg-deb", "--build", ".", "../x.deb")
    return (tmp_path / f"x.{kind}").read_bytes()


@pytest.mark.parametrize("kind", ["7z", "arj", "cpio", "deb"])
def test_what_programs_make_is_opened(opened, tmp_path, kind):
    assert files(opened(made(kind, tmp_path), f"x.{kind}")) == TREE


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("zip", zipped(TREE.items()), TREE),
        ("jar", zipped(TREE.items()), TREE),
        ("tar", TAR, TREE),
        ("cab", archives.cab({"a.txt": b"hello", "d\\b.txt": b"again"}), TREE),
        ("alz", archives.alz(b"d/b.txt", b"again"), {"d/b.txt": b"again"}),
        ("arc", archives.kept("arc"), {"a.txt": b"hello"}),
        ("lha", archives.kept("lha"), TREE),
        ("iso", archives.kept("iso"), TREE),
        ("img", archives.kept("img"), TREE),
        ("rpm", archives.kept("rpm"), {f"opt/{name}": content for name, content in TREE.items()}),
    ],
)
def test_archives_of_every_kind_are_opened(opened, kind, data, expected):
    assert files(opened(data, f"x.{kind}")) == expected


@pytest.mark.parametrize("version", ["rar", "rar, old"])
def test_both_kinds_of_rar_are_opened(opened, version):
    found = files(opened(archives.kept(version), "x.rar"))

    assert set(found) == {
        *("sub/dir1/file1.txt", "sub/dir2/file2.txt", "sub/with space/long fn.txt", "sub/üȵĩöḋè/file.txt"),
    }
    assert found["sub/dir1/file1.txt"].strip() == b"file1"


PACKERS = {
    "gz": ["gzip", "-c"],
    "bz2": ["bzip2", "-c"],
    "bz": ["bzip2", "-c"],
    "xz": ["xz", "-c"],
    "z": ["compress", "-c"],
    "lzma": ["xz", "--format=lzma", "-c"],
    "lz": ["lzip", "-c"],
    "lzo": ["lzop", "-c"],
    "zst": ["zstd", "-c"],
}


@pytest.mark.parametrize("kind", PACKERS)
def test_a_tar_is_opened_whatever_it_is_packed_with(opened, kind):
    assert files(opened(through(PACKERS[kind], TAR), f"x.tar.{kind}")) == TREE


def test_a_tar_in_a_7z_is_opened(opened, tmp_path):
    (tmp_path / "x.tar").write_bytes(TAR)
    subprocess.run(["7z", "a", "x.tar.7z", "x.tar"], cwd=tmp_path, check=True, capture_output=True)

    assert files(opened((tmp_path / "x.tar.7z").read_bytes(), "x.tar.7z")) == TREE


@pytest.mark.parametrize("kind", [*PACKERS, "rz"])
def test_one_packed_file_is_called_by_the_rest_of_its_name(opened, tmp_path, kind):
    content = b"some,csv\n" * 10_000
    if kind == "rz":
        (tmp_path / "data.csv").write_bytes(content)
        subprocess.run(["rzip", "data.csv"], cwd=tmp_path, check=True)
        data = (tmp_path / "data.csv.rz").read_bytes()
    else:
        data = through(PACKERS[kind], content)

    assert files(opened(data, f"data.csv.{kind}")) == {"data.csv": content}


def test_what_is_in_an_archive_is_not_opened_in_turn(opened):
    inner = zipped(TREE.items())

    packed = gzip.compress(TAR)

    assert files(opened(zipped([("a.zip", inner), ("b.tar.gz", packed)]), "x.zip")) == {
        "a.zip": inner,
        "b.tar.gz": packed,
    }
    assert files(opened(gzip.compress(packed), "c.tar.gz.gz")) == {"c.tar.gz": packed}


# --- Names


HOSTILE = [
    ("../../up.txt", "up.txt"),
    ("/etc/passwd", "etc/passwd"),
    ("C:\\windows\\win.ini", "windows/win.ini"),
    ("\\\\server\\share\\x.txt", "server/share/x.txt"),
    ("d/../../../y.txt", "d/y.txt"),
    ("same.txt", "same.txt"),
    ("same.txt", "same-2.txt"),
    ("SAME.txt", "SAME-3.txt"),
    ("n" * 5000 + ".txt", "n" * 196 + ".txt"),
    ("con/aux.txt", "_con/_aux.txt"),
    ("-rf", "-rf"),
    ("--help", "--help"),
    ("a;b|c&d`e$(f).txt", "a;b|c&d`e$(f).txt"),
    ("Ünï ★ 日本.txt", "Ünï ★ 日本.txt"),
    ("invoice\u202egpj.exe", "invoicegpj.exe"),
]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_hostile_names_are_cleaned_and_nobodys_file_is_lost(opened, kind):
    members = [(name, b"%d" % number) for number, (name, _) in enumerate(HOSTILE)]
    data = zipped(members) if kind == "zip" else tarred(members)

    found = files(opened(data, f"x.{kind}"))

    assert found == {clean: b"%d" % number for number, (_, clean) in enumerate(HOSTILE)}


def test_line_breaks_are_no_part_of_a_name(opened):
    members = [("a\r\nb.txt", b"x"), ("c\x01.txt", b"y")]

    in_zip, in_tar = opened(zipped(members), "x.zip"), opened(tarred(members), "x.tar")

    assert files(in_zip) == {"a_b.txt": b"x", "c.txt": b"y"}  # 7-Zip shows it so
    assert files(in_tar) == {"ab.txt": b"x", "c.txt": b"y"}


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("日本語テスト.txt", "cp932"),
        ("会議資料.txt", "cp932"),
        ("資料A.txt", "cp932"),
        ("Grüße_é.txt", "cp437"),
        ("Grüße_é.txt", "cp1252"),
        ("Général.txt", "cp1252"),
    ],
)
def test_names_in_old_encodings_are_guessed(opened, name, encoding):
    raw = name.encode(encoding)
    marked = zipped([("A" * len(raw), b"1"), ("plain.txt", b"2")]).replace(b"A" * len(raw), raw)
    in_tar = tarred([(raw.decode("utf-8", "surrogateescape"), b"1")])

    assert files(opened(marked, "x.zip")) == {name: b"1", "plain.txt": b"2"}
    assert files(opened(in_tar, "x.tar")) == {name: b"1"}


def test_the_sample_that_leads_out_stays_inside(opened):
    assert set(files(opened((SAMPLES / "made_traversal.zip").read_bytes(), "x.zip"))) == {
        "outside.txt",
        "inside.txt",
    }


# --- What is not published


def test_links_and_devices_are_left_out(opened):
    data = tarred(
        [
            special("link", tarfile.SYMTYPE, "/etc"),
            ("link/passwd", b"not through the link"),
            special("outside", tarfile.LNKTYPE, "/etc/passwd"),
            special("pipe", tarfile.FIFOTYPE),
            special("disk", tarfile.BLKTYPE),
            ("real.txt", b"real"),
            special("again.txt", tarfile.LNKTYPE, "real.txt"),
        ]
    )

    result = opened(data, "x.tar")

    assert files(result) == {
        "link/passwd": b"not through the link",
        "real.txt": b"real",
        "again.txt": b"real",
    }
    assert result.message == "4 links or special files of the archive were left out."
    assert {stat.S_IMODE(file.path.stat().st_mode) for file in result.files} == {0o644}


def test_set_user_id_is_no_more(opened):
    header = tarfile.TarInfo("run")
    header.mode = 0o6755

    [file] = opened(tarred([(header, b"#!")]), "x.tar").files

    assert stat.S_IMODE(file.path.stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (zipped([]), "x.zip"),
        (tarred([]), "x.tar"),
        (gzip.compress(tarred([]), mtime=0), "x.tar.gz"),
        (zipped([("folder/", b"")]), "x.zip"),
    ],
)
def test_an_empty_archive_says_so(opened, data, name):
    with pytest.raises(errors.OpenFailed, match="The archive is empty"):
        opened(data, name)


def test_an_archive_of_links_says_so(opened):
    with pytest.raises(errors.OpenFailed, match="nothing but links"):
        opened(tarred([special("link", tarfile.SYMTYPE, "/etc")]), "x.tar")


# --- Damaged, locked, too large


def damaged(data, at):
    return data[:at] + bytes(255 - byte for byte in data[at : at + 4]) + data[at + 4 :]


BIG = os.urandom(50_000)
TWO = [("fine.txt", b"fine" * 100), ("docs/broken.bin", BIG)]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (damaged(zipped(TWO), 20_000), "x.zip"),
        (damaged(zipped(TWO, zipfile.ZIP_STORED), 20_000), "x.zip"),
        (gzip.compress(tarred(TWO))[:30_000], "x.tar.gz"),
        (tarred(TWO)[:30_000], "x.tar"),
    ],
)
def test_a_damaged_member_is_named(opened, data, name):
    with pytest.raises(errors.OpenFailed, match=r"damaged: docs/broken\.bin cannot be unpacked"):
        opened(data, name)


@pytest.mark.parametrize("kind", sorted(archivetool.OPENED))
def test_what_is_none_is_a_clear_error(opened, kind):
    with pytest.raises(errors.OpenFailed, match="cannot be unpacked"):
        opened(b"This is no archive at all. " * 100, f"x.{kind}")


def test_a_damaged_header_is_not_the_end(opened):
    data = tarred([("a.txt", b"a"), ("b.txt", b"b")])

    with pytest.raises(errors.OpenFailed, match=r"damaged: a\.txt|damaged"):
        opened(damaged(data, 1024 + 150), "x.tar")


def locked(tmp_path, *flags, password="password"):
    (tmp_path / "s.txt").write_bytes(b"secret content")
    name = f"locked{len(flags)}.{'7z' if '-t7z' in flags else 'zip'}"
    subprocess.run(
        ["7z", "a", f"-p{password}", *flags, name, "s.txt"], cwd=tmp_path, check=True, capture_output=True
    )
    return (tmp_path / name).read_bytes(), name


@pytest.mark.parametrize("flags", [("-tzip",), ("-tzip", "-mem=AES256"), ("-t7z",), ("-t7z", "-mhe=on")])
def test_the_password_opens_what_is_locked(opened, tmp_path, flags):
    right = "pässword" if "-t7z" in flags else "password"  # 7-Zip makes no other ZIP
    data, name = locked(tmp_path, *flags, password=right)
    context = RunContext()

    result = opened(data, name, password=right, context=context)

    assert files(result) == {"s.txt": b"secret content"}
    assert right not in f"{context.recorded}"
    for password in (None, "wrong"):
        with pytest.raises(errors.PasswordRequired):
            opened(data, name, password=password)


@pytest.mark.parametrize("version", ["rar, locked", "rar, old, locked"])
def test_the_password_of_a_rar_opens_it(opened, version):
    data = archives.kept(version)

    assert len(opened(data, "x.rar", password="password").files) == 2
    for password in (None, "wrong"):
        with pytest.raises(errors.PasswordRequired):
            opened(data, "x.rar", password=password)


BOMB = {
    "zip": zipped([("zeros", bytes(80_000_000))]),
    "tar.gz": gzip.compress(tarred([("zeros", bytes(80_000_000))])),
    "gz": gzip.compress(bytes(80_000_000)),
}


@pytest.mark.parametrize("kind", BOMB)
def test_a_bomb_is_stopped_at_what_its_size_allows(opened, kind):
    with pytest.raises(errors.FileTooLarge, match="unpack to more than"):
        opened(BOMB[kind], f"x.{kind}")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_too_many_members_are_refused(opened, monkeypatch, kind):
    monkeypatch.setattr(limits, "ARCHIVE_ENTRIES", 20)
    members = [(f"{number}.txt", b"") for number in range(21)]

    with pytest.raises(errors.FileTooLarge, match="more than the 20 entries"):
        opened(zipped(members) if kind == "zip" else tarred(members), f"x.{kind}")


def test_more_files_than_a_task_may_make_are_refused(opened, monkeypatch):
    monkeypatch.setattr(limits, "OUTPUT_FILES", 20)

    with pytest.raises(errors.TooMuchOutput):
        opened(tarred([(f"{number}.txt", b"") for number in range(21)]), "x.tar")


def test_it_can_be_stopped(opened):
    with pytest.raises(errors.Stopped):
        opened(TAR, "x.tar", context=RunContext(stopped="cancelled"))


# --- From one kind to another


def read_back(path, target):
    if target in {"zip", "7z"}:
        listing = subprocess.run(
            ["7z", "l", "-slt", "-ba", f"{path}"], check=True, capture_output=True, text=True
        )
        return [
            line.removeprefix("Path = ") for line in listing.stdout.splitlines() if line.startswith("Path = ")
        ]
    with tarfile.open(path) as archive:
        return archive.getnames()


@pytest.mark.parametrize("target", archivetool.MADE)
def test_an_archive_is_brought_to_another_kind(opened, target):
    folder = tarfile.TarInfo("empty")
    folder.type = tarfile.DIRTYPE
    program = tarfile.TarInfo("d/run.sh")
    program.mode = 0o755
    source = tarred(
        [(folder, b""), *TREE.items(), (program, b"#!/bin/sh\n"), ("-y", b"no option"), ("@x", b"no list")]
    )
    context = RunContext()

    result = opened(through(PACKERS["lz"], source), "backup.tar.lz", target=target, context=context)

    [made] = result.files
    assert made.name == f"backup.{target}"
    assert sorted(read_back(made.path, target)) == ["-y", "@x", "a.txt", "d", "d/b.txt", "d/run.sh", "empty"]
    again = opened(made.path.read_bytes(), made.name)
    assert files(again) == {**TREE, "d/run.sh": b"#!/bin/sh\n", "-y": b"no option", "@x": b"no list"}
    assert context.percents[-1] == 100


def test_dates_and_what_can_be_run_are_kept(opened):
    program = tarfile.TarInfo("run.sh")
    program.mode = 0o755
    source = tarred([("a.txt", b"a"), (program, b"#!")])

    [made] = opened(source, "x.tar", target="tar.gz").files

    with tarfile.open(made.path) as archive:
        found = {member.name: (member.mtime, member.mode, member.uid, member.uname) for member in archive}
    assert found == {"a.txt": (DAY, 0o644, 0, ""), "run.sh": (DAY, 0o755, 0, "")}


def test_one_packed_file_becomes_an_archive_of_one(opened):
    [made] = opened(gzip.compress(b"some,csv\n"), "data.csv.gz", target="zip").files

    with zipfile.ZipFile(made.path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"data.csv": b"some,csv\n"}


def test_a_locked_archive_is_packed_again_with_its_password(opened, tmp_path):
    data, name = locked(tmp_path, "-t7z")

    [made] = opened(data, name, target="zip", password="password").files

    with zipfile.ZipFile(made.path) as archive:
        assert archive.read("s.txt") == b"secret content"
