from __future__ import annotations

import pytest

from jobs.contract.detection import Finding, agrees, refusal, settled

TEXT = Finding("txt", certain=False)


@pytest.mark.parametrize(
    ("claimed", "found", "taken"),
    [
        ("jpg", "png", "png"),
        ("png", "jpg", "jpg"),
        ("png", "webp", "webp"),
        ("png", "svg", "svg"),
        ("doc", "docx", "docx"),
        ("docx", "doc", "doc"),
        ("doc", "rtf", "rtf"),
        ("docx", "pdf", "pdf"),
        ("docx", "xlsx", "xlsx"),
        ("mp3", "mp4", "mp4"),
        ("wav", "mp3", "mp3"),
        ("txt", "pdf", "pdf"),
        ("", "png", "png"),
        ("bin", "mp4", "mp4"),
        ("", "html", "html"),
        # Close relatives stay what they are called.
        ("mov", "mp4", "mov"),
        ("m4a", "mp4", "m4a"),
        ("docm", "docx", "docm"),
        ("zip", "docx", "zip"),
        ("tar.gz", "gz", "tar.gz"),
        ("ai", "pdf", "ai"),
        ("nef", "tiff", "nef"),
        ("csv", "html", "csv"),
        ("md", "script", "md"),
        ("xml", "svg", "xml"),
        # What is no file to convert overrules no name: it is refused when somebody wants to convert it.
        ("mp4", "m3u8", "mp4"),
        ("png", "exe", "png"),
        ("docx", "html", "docx"),
        ("docx", "zip", "docx"),
        ("", "m3u8", ""),
        ("recipe", "script", "recipe"),
    ],
)
def test_the_real_kind_wins_where_it_is_certain(claimed, found, taken):
    assert settled(claimed, Finding(found)) == taken


@pytest.mark.parametrize("claimed", ["csv", "md", "txt", "html", "tsv", "srt"])
def test_text_is_what_its_name_says(claimed):
    assert settled(claimed, TEXT) == claimed
    assert agrees(claimed, TEXT)


def test_a_guess_overrules_no_name():
    assert settled("dv", Finding("mp3", certain=False)) == "dv"
    assert settled("py", TEXT) == "py"
    assert settled("docx", Finding("")) == "docx"


@pytest.mark.parametrize(
    ("claimed", "found", "words"),
    [
        ("mp4", Finding("m3u8"), r"a playlist \(HLS\), not MP4\. It names other files"),
        ("mp4", Finding("ffconcat"), "a playlist"),
        ("mp4", Finding("sdp"), "a playlist"),
        ("mp4", Finding("mpd"), "a playlist"),
        ("png", Finding("mvg"), "a drawing script"),
        ("svg", Finding("msl"), "a script"),
        ("svg", Finding("mvg"), "a drawing script"),
        ("png", Finding("exe"), r"a program, not PNG\.$"),
        (
            "docx",
            Finding("html"),
            r"a web page \(HTML\), not DOCX\..* login or error page.* input_format to html",
        ),
        ("mp4", TEXT, r"plain text, not MP4\.$"),
        ("xls", TEXT, r"plain text, not XLS\. To convert the text, set input_format to txt or csv\."),
        ("docx", Finding("zip"), "a ZIP archive, not DOCX"),
        ("docx", Finding("tga", certain=False), "damaged or not what its extension says"),
        ("docx", Finding(""), "damaged or not what its extension says"),
    ],
)
def test_what_is_not_converted_is_told_what_it_is(claimed, found, words):
    error = refusal(claimed, found)

    assert error
    assert error.code == "OPEN_FAILED"
    with pytest.raises(type(error), match=words):
        raise error


def test_a_format_the_customer_named_is_theirs_to_change():
    asked = refusal("docx", Finding("png"), asked=True)

    assert asked
    assert asked.message == "The file is PNG, not DOCX. Set input_format to png or leave it out."


@pytest.mark.parametrize(
    ("claimed", "found"),
    [("html", TEXT), ("mp3", Finding("")), ("doc", Finding("cfb")), ("xlsx", Finding("", encrypted=True))],
)
def test_what_may_be_is_left_to_the_engine(claimed, found):
    assert refusal(claimed, found) is None


@pytest.mark.parametrize(
    ("claimed", "found"),
    [
        *(("eml", "txt"), ("pml", "txt"), ("fods", "xml"), ("fodp", "xml"), ("org", "txt"), ("ipynb", "txt")),
        *(("cbr", "rar"), ("cb7", "7z"), ("cbc", "zip"), ("oeb", "zip"), ("vsdx", "zip"), ("zabw", "gz")),
        *(("wps", "doc"), ("et", "xls"), ("dps", "ppt"), ("wps", "cfb"), ("ott", "odt"), ("azw4", "mobi")),
    ],
)
def test_documents_are_taken_for_what_their_names_say(claimed, found):
    weak = {"txt", "xml", "cfb"}
    assert agrees(claimed, Finding(found, certain=found not in weak))
    assert not agrees("png", Finding(found, certain=found not in weak))
