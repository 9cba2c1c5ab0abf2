from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP

import pytest

from deploy import demo


def test_every_sample_is_there():
    assert [show.sample for show in demo.SHOWS if not (demo.SAMPLES / show.sample).is_file()] == []


@pytest.mark.parametrize(("number", "text"), [(0, "0.0 kB"), (11693, "11.7 kB"), (3_200_000, "3.2 MB")])
def test_sizes_are_for_people(number, text):
    assert demo.size(number) == text


def test_the_table_says_what_went_in_and_came_out(tmp_path):
    small, picture = tmp_path / "made_video.mp4", tmp_path / "made_video.png"
    small.write_bytes(b"x" * 2000)
    picture.write_bytes(b"x" * 300)

    text = demo.table([demo.Shown(demo.SHOWS[1], (small, picture), 1.25)])

    head, first, second = text.splitlines()
    assert head.split() == ["in", "size", "->", "out", "size", "took"]
    assert first.split() == ["made_video.mp4", "157.8", "kB", "->", f"{small}", "2.0", "kB", "1.2", "s"]
    assert second.split() == ["->", f"{picture}", "0.3", "kB"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"%PDF-1.7"),
        ("a.mp4", b"\0\0\0\x20ftypisom"),
        ("a.png", b"\x89PNG\r\n"),
        ("a.webp", b"RIFF\0\0\0\0WEBP"),
    ],
)
def test_a_file_is_what_its_name_says(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    demo.check(path)

    path.write_bytes(b"an error page")

    with pytest.raises(demo.Failed, match=name):
        demo.check(path)


def test_an_upload_is_a_form_with_the_file_last(tmp_path):
    file = tmp_path / "a b.txt"
    file.write_bytes(b"\r\nhello\xff")

    body = b"".join(demo._multipart({"key": "k/${filename}"}, file, "edge"))

    head = b"Content-Type: multipart/form-data; boundary=edge\r\n\r\n"
    key, sent = message_from_bytes(head + body, policy=HTTP).iter_parts()
    assert key.get_content().strip() == "k/${filename}"
    assert sent.get_filename() == "a b.txt"
    assert sent.get_content_type() == "text/plain"
    assert sent.get_payload(decode=True) == b"\r\nhello\xff"


def test_the_demo_ignores_how_this_shell_is_set_up():
    assert demo._without_settings({"ATHANOR_BROKER_URL": "x", "PATH": "y"}) == {"PATH": "y"}
