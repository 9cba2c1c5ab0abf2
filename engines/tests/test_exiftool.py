from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from engines import exiftool
from engines.tests import running
from engines.tests.context import RunContext
from jobs.contract import OptionProblem
from jobs.contract.errors import ConversionFailed, EmptyFile, OpenFailed, PasswordRequired

pytestmark = pytest.mark.needs("exiftool", "qpdf")


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def bring(samples, tmp_path):
    """Bring a sample as a task is given it."""

    def copy(name):
        return Path(shutil.copy(samples / name, tmp_path / f"in{Path(name).suffix}"))

    return copy


@pytest.fixture
def read(out):
    """Return what a file says of itself."""

    def run(path, **options):
        record, work = running.work_for(exiftool.OPERATIONS, path, out, name="metadata", **options)
        context = RunContext()
        result = record.run(work, context)
        assert result.files == ()
        (out / "in.json").unlink()
        return result.extra["metadata"]

    return run


@pytest.fixture
def write(out):
    """Write metadata, and return where the file lies."""

    def run(path, metadata, **options):
        return running.run(
            exiftool.OPERATIONS, path, out, name="metadata/write", metadata=metadata, **options
        )

    return run


def told(path, *flags):
    """Return what the tool itself says of a file, with the groups of what it says."""
    argv = ["exiftool", "-json", "-G1", "-a", "-charset", "filename=utf8", *flags, f"{path}"]
    [found] = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    return found


def planned(metadata, source="jpg"):
    _, work = running.work_for(
        exiftool.OPERATIONS, Path(f"in/in.{source}"), Path("out"), name="metadata/write", metadata=metadata
    )
    return exiftool.writing(work)


def test_names_and_values_stand_on_no_command_line():
    command, listing = planned({"Title": "a & b\n-o /x\r", "XMP-dc:Creator": "Ä"})

    assert command.argv == [
        *("exiftool", "-config", "", "-charset", "utf8", "-charset", "filename=utf8"),
        *("-api", "largefilesupport=1", "-E", "-@", "-", "-o", "out/in.jpg", "in/in.jpg"),
    ]
    assert command.stdin.decode() == "-Title=a &amp; b&#xa;-o /x&#xd;\n-XMP-dc:Creator=Ä\n"
    assert listing.stdin.decode() == "-Title\n-XMP-dc:Creator\n"


def test_a_pdf_is_written_anew_so_that_nothing_old_stays():
    first, second, _ = planned({"Title": "x"}, "pdf")

    assert first.stdin == b"-Title=x\n"
    assert second.argv == ["qpdf", "--warning-exit-0", "--linearize", "--", "out/written.pdf", "out/in.pdf"]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "-o",
            "@",
            "-@",
            "Title<Author",
            "Title<",
            "Title-",
            "Title+",
            "Title=x\n-o",
            "ti tle",
            "",
            "x",
            "j",
        ),
        *(
            "tagsFromFile",
            "json",
            "CSV",
            "FileName",
            "Directory",
            "System:FileName",
            "XMP:HardLink",
            "geotag",
        ),
        *("all", "All:Title", "a:b:c:Title", "Title*", "${x}", "SymLink#", "IPTC", "FilePermissions"),
    ],
)
def test_what_is_no_tag_is_refused_by_name(name):
    with pytest.raises(OptionProblem):
        planned({name: "x"})


def test_nothing_to_write_is_refused():
    with pytest.raises(OptionProblem):
        planned({})


@pytest.mark.parametrize("name", ["Title", "XMP-dc:Creator", "IFD0:Artist", "GPSLatitude#", "IPTC:By-line"])
def test_tags_are_taken(name):
    assert planned({name: "1"})[0].stdin.startswith(f"-{name}=1\n".encode())


def test_metadata_is_a_flat_dictionary_of_words(read, bring):
    found = read(bring("willow_exif_rotated.jpg"))

    assert {key: type(value) for key, value in found.items()} == dict.fromkeys(found, str)
    assert found["MIMEType"] == "image/jpeg"
    assert (found["ImageWidth"], found["ImageHeight"]) == ("450", "600")
    assert found["Orientation"] == "Rotate 90 CW"


def test_metadata_tells_nothing_of_our_machine(read, bring, tmp_path):
    path = bring("willow_exif_rotated.jpg")

    found = read(path)

    assert found["FileName"] == "in.jpg"
    assert not exiftool.OURS.difference({"FileName"}) & set(found)
    words = json.dumps(found)
    assert "/input" not in words and f"{tmp_path}" not in words


def test_a_pdf_tells_its_pages_and_title(read, bring):
    found = read(bring("tika_text.pdf"))

    assert found["PageCount"] == "1"
    assert found["Title"] == "Apache Tika - Apache Tika"
    assert found["Author"] == "Bertrand Delacrétaz"


@pytest.mark.parametrize(
    ("sample", "key", "value"),
    [
        ("made_video.mp4", "MIMEType", "video/mp4"),
        ("jod_simple.docx", "FileType", "DOCX"),
        ("tika_tagged.flac", "FileType", "FLAC"),
        ("made_shapes.svg", "MIMEType", "image/svg+xml"),
        ("willow_tree.heic", "FileType", "HEIC"),
    ],
)
def test_every_kind_of_file_is_asked(read, bring, sample, key, value):
    assert read(bring(sample))[key] == value


def test_values_become_words_and_what_is_no_word_is_left_out():
    found = {"A": "(Binary data 12 bytes, use -b option to extract)", "B": [1, "x"], "C": True, "D": "a\0b"}

    assert exiftool.said({**found, "E": "x" * 9000}, "my.jpg") == {
        "FileName": "my.jpg",
        "B": "1, x",
        "C": "true",
        "D": "ab",
    }


def test_what_is_of_no_known_kind_is_refused(read, tmp_path):
    path = tmp_path / "in.bin"
    path.write_bytes(bytes(range(1, 200)) * 9)

    with pytest.raises(OpenFailed, match="no kind"):
        read(path)


def test_an_empty_file_is_refused(read, tmp_path):
    path = tmp_path / "in.jpg"
    path.touch()

    with pytest.raises(EmptyFile):
        read(path)


WISHES = {
    "Title": "Zwei\nZeilen & ein <Zeichen>",
    "Author": "Ärger, Ltd.",
    "Copyright": "© 日本語",
    "Keywords": "eins, zwei",
}


@pytest.mark.parametrize("sample", ["willow_exif_rotated.jpg", "willow_alpha_icc.png", "willow_tree.heic"])
def test_a_picture_keeps_all_else(write, bring, sample):
    path = bring(sample)

    made = write(path, WISHES)

    found = told(made)
    values = {key.partition(":")[2]: value for key, value in found.items()}
    assert values["Title"] in {"Zwei\nZeilen & ein <Zeichen>", "Zwei.Zeilen & ein <Zeichen>"}
    assert (values["Author"], values["Copyright"]) == ("Ärger, Ltd.", "© 日本語")
    assert ["eins", "zwei"] in (values.get("Keywords"), values.get("Subject"))
    if path.suffix != ".heic":
        assert Image.open(made).tobytes() == Image.open(path).tobytes()
    before = {key for key in told(path) if key.startswith(("IFD0", "ExifIFD", "ICC", "JFIF", "PNG"))}
    assert before <= set(found)


def test_line_breaks_are_kept(write, bring):
    made = write(bring("willow_exif_rotated.jpg"), {"XMP-dc:Title": "Zwei\nZeilen\r\n"})

    assert told(made, "-b")["XMP-dc:Title"].split() == ["Zwei", "Zeilen"]
    assert "Zwei\nZeilen" in told(made, "-b")["XMP-dc:Title"]


def test_a_place_south_and_west_is_one(write, bring):
    made = write(bring("willow_exif_rotated.jpg"), {"GPSLatitude": "-33.5", "GPSLongitude": "-70.25"})

    assert told(made, "-n")["Composite:GPSPosition"] == "-33.5 -70.25"


def test_words_of_all_letters_go_where_they_can_be_written(write, bring):
    made = write(bring("willow_exif_rotated.jpg"), {"Keywords": "春, 秋"})

    assert told(made)["XMP-dc:Subject"] == ["春", "秋"]


def test_a_film_tells_its_title_to_players(write, bring):
    made = write(bring("made_video.mp4"), {"Title": "Ein Film"})

    assert told(made)["ItemList:Title"] == "Ein Film"


def test_a_pdf_says_the_new_and_nothing_of_the_old(write, bring):
    path = bring("tika_text.pdf")

    made = write(path, {"Title": "Neuer Titel", "Author": "日本", "Keywords": "a, b"})

    reader = PdfReader(made)
    assert reader.metadata.title == "Neuer Titel"
    assert reader.metadata.author == "日本"
    assert reader.metadata["/Keywords"] == "a, b"
    assert reader.metadata.creator == "Firefox"
    assert reader.pages[0].extract_text() == PdfReader(path).pages[0].extract_text()
    data = made.read_bytes()
    assert data.count(b"%%EOF") == 2 and b"/Linearized" in data[:1024]
    assert b"Bertrand" not in data and b"Apache Tika - Apache Tika" not in data


def test_an_empty_value_removes_a_tag(write, bring):
    assert PdfReader(write(bring("tika_text.pdf"), {"Title": ""})).metadata.title is None


def protected(path, password):
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_metadata({"/Title": "Old"})
    writer.encrypt(password, "owner", algorithm="RC4-128")
    writer.write(path)
    return path


def test_a_protected_pdf_is_opened_and_stays_protected(read, write, tmp_path):
    path = protected(tmp_path / "in.pdf", "geheim")

    assert read(path)["FileType"] == "PDF"
    assert read(path, password="geheim")["Title"] == "Old"
    with pytest.raises(PasswordRequired):
        write(path, {"Title": "New"})

    reader = PdfReader(write(path, {"Title": "New"}, password="geheim"))
    assert reader.is_encrypted
    reader.decrypt("geheim")
    assert reader.metadata.title == "New"


@pytest.mark.parametrize("password", ["#1", " ", " =x^", '"$@\\'])
def test_a_password_may_hold_what_means_something_to_the_tool(password, read, write, tmp_path):
    path = protected(tmp_path / "in.pdf", password)

    assert read(path, password=password)["Title"] == "Old"
    assert (
        PdfReader(write(path, {"Title": "New"}, password=password), password=password).metadata.title == "New"
    )


def test_the_password_is_on_no_command_line(tmp_path, out):
    path = protected(tmp_path / "in.pdf", "geheim")
    record, work = running.work_for(
        exiftool.OPERATIONS, path, out, name="metadata/write", metadata={"Title": "x"}, password="geheim"
    )
    context = RunContext()

    record.run(work, context)

    assert "geheim" not in f"{context.recorded}"


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"Title": "x", "Gibberish": "x"}, "Gibberish"),
        ({"Title": "x", "FileSize": "3"}, "FileSize"),
        ({"Title": "x", "Orientation": "sideways"}, "Orientation"),
        ({"Title": "x", "GPSLatitude": "north"}, "GPSLatitude"),
        ({"DateTimeOriginal": "today"}, "DateTimeOriginal"),
        ({"Title": "x", "Nowhere:Title": "x"}, "Nowhere:Title"),
    ],
)
def test_what_cannot_be_written_is_named(write, bring, metadata, named):
    with pytest.raises(ConversionFailed, match=f"could not be written: .*{named}"):
        write(bring("willow_exif_rotated.jpg"), metadata)


def test_what_a_format_has_no_place_for_is_named(write, bring):
    assert told(write(bring("made_anim.gif"), {"Title": "-"}))["XMP-dc:Title"] == "-"

    with pytest.raises(ConversionFailed, match=r"could not be written: By-line\."):
        write(bring("made_anim.gif"), {"Title": "x", "IPTC:By-line": "x"})


@pytest.mark.parametrize("sample", ["made_truncated.jpg", "qpdf_xref_loop.pdf"])
def test_a_damaged_file_ends_in_an_output_or_a_clear_error(write, read, bring, sample):
    path = bring(sample)

    assert read(path)["FileType"]
    with contextlib.suppress(OpenFailed, ConversionFailed):
        assert write(path, {"Title": "x"}).stat().st_size


def test_what_is_no_picture_is_refused(write, tmp_path):
    path = tmp_path / "in.jpg"
    path.write_text("no picture")

    with pytest.raises(OpenFailed):
        write(path, {"Title": "x"})
