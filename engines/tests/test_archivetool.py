from __future__ import annotations

import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from engines import archivetool
from engines._support.unpacking import Unpacked
from engines.tests.context import RunContext
from jobs.contract import Inputs, Work
from jobs.contract.errors import DiskFull, Stopped

operation, extract, convert = archivetool.OPERATIONS
FORMATS = ["zip", "7z", "tar", "tar.gz", "tar.bz2", "tar.xz"]
OUT = Path("/run/out")


def plan(output_format, *names):
    related: dict[str, tuple[Path, ...]] = {}
    for name in names:
        kind = archivetool.kind_of(name, output_format)
        related[kind] = (*related.get(kind, ()), Path("/related", kind, name))
    work = Work(names=names, output_dir=OUT, output_format=output_format, related=related)
    return [command.argv for command in archivetool.archive(work)]


def test_zip_packs_what_gains_and_stores_the_rest():
    packed, stored = plan("zip", "a.txt", "b.jpg", "c.csv")

    head = ["7z", "a", "-tzip"]
    tail = ["-bd", "-y", "-mcu=on", "--", "/run/out/out.zip"]
    assert packed == [*head, "-mx=5", *tail, "/related/packed/*"]
    assert stored == [*head, "-mx=0", *tail, "/related/stored/*"]


@pytest.mark.parametrize(("name", "level"), [("a.txt", "-mx=5"), ("a.mp4", "-mx=0"), ("a", "-mx=5")])
def test_one_kind_needs_one_command(name, level):
    [argv] = plan("7z", name)

    folder = {"-mx=5": "packed", "-mx=0": "stored"}[level]
    assert argv[:4] == ["7z", "a", "-t7z", level]
    assert argv[-3:] == ["--", "/run/out/out.7z", f"/related/{folder}/*"]


@pytest.mark.parametrize(
    ("output_format", "flags"),
    [("tar", []), ("tar.gz", ["--gzip"]), ("tar.bz2", ["--bzip2"]), ("tar.xz", ["--xz"])],
)
def test_tar_names_every_member_so_that_none_is_an_option(output_format, flags):
    [argv] = plan(output_format, "-x.jpg", "@a", "b:c")

    assert argv[:3] == ["tar", "--create", "--format=pax"]
    assert argv[3 : 3 + len(flags)] == flags
    assert f"--file=/run/out/out.{output_format}" in argv
    assert argv[-5:] == [
        *("--directory=/related/packed", "--mode=0644"),
        *("--add-file=-x.jpg", "--add-file=@a", "--add-file=b:c"),
    ]


def test_a_full_disk_is_told_from_a_failure():
    assert isinstance(archivetool.explain("tar: x: Wrote only 4096 bytes: No space left on device"), DiskFull)
    assert archivetool.explain("tar: x: Cannot stat") is None


def test_what_was_unpacked_is_packed_by_its_list():
    unpacked = Unpacked(tree=Path("/work/tree"), listing=Path("/work/list"))

    zipped, tarred = (archivetool.repack(unpacked, OUT / name).argv for name in ("out.zip", "out.tar.xz"))

    assert zipped == [
        *("7z", "a", "-tzip", "-mx=5", "-bd", "-y", "-mcu=on"),
        "--",
        "/run/out/out.zip",
        "/work/tree/*",
    ]
    assert tarred[:4] == ["tar", "--create", "--format=pax", "--xz"]
    assert tarred[-5:] == [
        "--directory=/work/tree",
        *("--no-recursion", "--null", "--verbatim-files-from", "--files-from=/work/list"),
    ]


def test_every_kind_of_archive_is_opened_and_brought_to_what_can_be_made():
    assert all(extract.offers(source, None) for source in archivetool.OPENED)
    assert all(
        convert.offers(source, target)
        for source in archivetool.OPENED
        for target in FORMATS
        if source != target
    )
    assert not extract.offers("ace", None)
    assert not any(target == "rar" for _, target in convert.conversions)
    assert all(option.secret for record in (extract, convert) for option in record.options)


def test_every_format_is_offered_whatever_comes_in():
    assert all(operation.offers(source, target) for source in ("txt", "zip", None) for target in FORMATS)
    assert not operation.offers("txt", "rar")
    assert operation.inputs is Inputs.ALL


FILES = [
    ("a.txt", b"text" * 1000),
    ("a.txt", b"another of that name"),
    ("A.TXT", b"and one more"),
    ("-x", b"no option"),
    ("--help", b"neither"),
    ("@list.txt", b"no list"),
    ("*", b"no pattern"),
    ("a[b]?.txt", b"no pattern either"),
    ("../../escape.txt", b"stays inside"),
    ("C:\\temp\\windows.txt", b"here too"),
    ("line\nbreak\x00.txt", b"one line"),
    ("Ünï ★ 日本.jpg", b"picture" * 100),
    ("with space.mp4", b"video" * 100),
    (".hidden", b"seen"),
    ("empty.txt", b""),
    ("a:b=c;d|e&f'g.txt", b"nothing special"),
    ("n" * 400 + ".txt", b"long"),
]
EXPECTED = dict(
    zip(
        [
            *("a.txt", "a-2.txt", "A-3.TXT", "-x", "--help", "@list.txt", "*", "a[b]?.txt", "escape.txt"),
            *("windows.txt", "linebreak.txt", "Ünï ★ 日本.jpg", "with space.mp4", ".hidden", "empty.txt"),
            *("b=c;d|e&f'g.txt", "n" * 196 + ".txt"),
        ],
        [content for _, content in FILES],
        strict=True,
    )
)


@pytest.fixture
def work(tmp_path):
    """Inputs as the worker brings them; two are one file in the store."""
    inputs = []
    for number, (_, content) in enumerate(FILES):
        path = tmp_path / f"in-{number}"
        path.write_bytes(content)
        inputs.append(path)
    twin = tmp_path / "in-twin"
    twin.hardlink_to(inputs[0])
    names = [name for name, _ in FILES]
    output_dir = tmp_path / "out put"
    output_dir.mkdir()
    return Work(inputs=(*inputs, twin), names=(*names, "twin.txt"), output_dir=output_dir)


def run(work, output_format, context=None):
    from dataclasses import replace

    [output] = operation.run(replace(work, output_format=output_format), context or RunContext()).files
    assert output.name == f"archive.{output_format}"
    assert [path.name for path in work.output_dir.iterdir()] == [output.path.name]
    return output.path


@pytest.mark.needs("7z")
@pytest.mark.parametrize("output_format", ["zip", "7z"])
def test_seven_zip_keeps_every_name_and_byte(work, output_format, tmp_path):
    made = run(work, output_format)

    folder = tmp_path / "unpacked"
    subprocess.run(["7z", "x", f"{made}", f"-o{folder}"], check=True, capture_output=True)
    found = {f"{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*")}
    assert found == EXPECTED | {"twin.txt": b"text" * 1000}


@pytest.mark.needs("7z")
def test_zip_is_read_by_others(work):
    with zipfile.ZipFile(run(work, "zip")) as archive:
        assert archive.testzip() is None
        found = {info.filename: archive.read(info) for info in archive.infolist()}
        method = {info.filename: info.compress_type for info in archive.infolist()}

    assert found == EXPECTED | {"twin.txt": b"text" * 1000}
    assert method["a.txt"] == zipfile.ZIP_DEFLATED
    assert method["with space.mp4"] == zipfile.ZIP_STORED


@pytest.mark.needs("tar", "gzip", "bzip2", "xz")
@pytest.mark.parametrize("output_format", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_tar_keeps_every_name_byte_and_the_order(work, output_format):
    mode = {"tar": "r:"}.get(output_format, f"r:{output_format[4:]}")

    with tarfile.open(run(work, output_format), mode) as archive:
        members = archive.getmembers()
        found = {member.name: archive.extractfile(member).read() for member in members}

    assert found == EXPECTED | {"twin.txt": b"text" * 1000}
    assert [member.name for member in members] == [*EXPECTED, "twin.txt"]
    assert {member.type for member in members} == {tarfile.REGTYPE}
    assert {(member.uid, member.gid, stat.S_IMODE(member.mode)) for member in members} == {(0, 0, 0o644)}


@pytest.mark.needs("7z", "tar", "xz")
@pytest.mark.parametrize("output_format", FORMATS)
def test_folders_are_kept_and_the_same_files_give_the_same_archive(tmp_path, output_format):
    folders = ("", "a/b", "a/b", "../up", "A")
    names = ("x.txt", "x.txt", "x.txt", "x.txt", "other.txt")
    paths = []
    for number in range(len(names)):
        paths.append(tmp_path / f"in-{number}.txt")
        paths[-1].write_bytes(b"%d" % number)

    made = []
    for turn in ("one", "two"):
        (tmp_path / turn).mkdir(mode=0o711)
        output_dir = tmp_path / turn / "out"
        output_dir.mkdir()
        work = Work(inputs=tuple(paths), names=names, folders=folders, output_dir=output_dir)
        made.append(run(work, output_format))

    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpack = ["7z", "x", f"{made[0]}", f"-o{folder}"]
    if output_format.startswith("tar"):
        unpack = ["tar", "-xf", f"{made[0]}", "-C", f"{folder}"]
    subprocess.run(unpack, check=True, capture_output=True)
    found = {f"{p.relative_to(folder)}": p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == {
        "x.txt": b"0",
        "a/b/x.txt": b"1",
        "a/b/x-2.txt": b"2",
        "up/x.txt": b"3",
        "a/other.txt": b"4",
    }
    assert made[0].read_bytes() == made[1].read_bytes()


@pytest.mark.needs("7z")
def test_inputs_are_left_alone(work):
    before = {path: (path.read_bytes(), path.stat().st_mode) for path in work.inputs}

    run(work, "zip")

    assert {path: (path.read_bytes(), path.stat().st_mode) for path in work.inputs} == before


@pytest.mark.needs("7z")
def test_it_can_be_stopped_and_leaves_no_members(work):
    with pytest.raises(Stopped):
        run(work, "zip", RunContext(stopped="cancelled"))

    assert not (work.output_dir / archivetool.MEMBERS).exists()


@pytest.mark.needs("7z")
def test_the_version_is_told():
    from jobs.contract import tools

    def ask(argv):
        return subprocess.run(argv, check=False, capture_output=True, text=True).stdout

    assert tools.version(operation.tool, ask)
