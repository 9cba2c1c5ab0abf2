from __future__ import annotations

import pytest

from storage._support import filenames


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ""),
        ("inline", ""),
        ("attachment; filename=a.txt", "a.txt"),
        ('attachment; filename="a b.txt"', "a b.txt"),
        ('attachment; filename="a;b.txt"; size=3', "a;b.txt"),
        ('attachment; filename="a \\"b\\".txt"', 'a "b".txt'),
        ('attachment;FileName = "a.txt" ', "a.txt"),
        ("attachment; filename=a b.txt", "a b.txt"),
        ('attachment; filename="open.txt', "open.txt"),
        ('attachment; filename="日本.txt"', "日本.txt"),
        ("attachment; filename*=UTF-8''%e2%82%ac%20a.txt", "€ a.txt"),
        ("attachment; filename*=iso-8859-1'en'%A3.txt", "£.txt"),
        ("attachment; filename*=\"UTF-8''a.txt\"", "a.txt"),
        ("attachment; filename=plain.txt; filename*=utf-8''better.txt", "better.txt"),
        ("attachment; filename*=utf-8''better.txt; filename=plain.txt", "better.txt"),
        ("attachment; filename*=UTF-8''%FF.txt", "\ufffd.txt"),
        ("attachment; filename*=klingon''a.txt", "a.txt"),
        ("attachment; filename*=broken; filename=plain.txt", "plain.txt"),
        ("filename=a.txt", "a.txt"),
        (";" * 50_000 + "filename=a.txt", "a.txt"),
        ("a;" + " " * 50_000 + "filename=a.txt", "a.txt"),
        ("; a=" * 20_000, ""),
        ('; a="\\' * 10_000, ""),
    ],
)
def test_the_name_in_a_disposition(header, expected):
    assert filenames.from_disposition(header) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/pdf", "pdf"),
        ("IMAGE/JPEG; q=1", "jpg"),
        ("video/mp4", "mp4"),
        ("audio/ogg", "ogg"),
        ("text/html; charset=utf-8", "html"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
        ("application/octet-stream", ""),
        ("made/up", ""),
        ("", ""),
    ],
)
def test_the_extension_of_a_type(kind, expected):
    assert filenames.extension_of(kind) == expected


@pytest.mark.parametrize(
    ("disposition", "segment", "kind", "expected"),
    [
        ("attachment; filename=a.txt", "b.txt", "application/pdf", "a.txt"),
        ("attachment; filename=a", "b.txt", "application/pdf", "a"),
        ("", "b.txt", "application/pdf", "b.txt"),
        ("", "b", "application/pdf", "b.pdf"),
        ("", "b", "application/octet-stream", "b"),
        ("", "", "application/pdf", "file.pdf"),
        ("", "", "", "file"),
        ("", "..", "text/plain", "file.txt"),
        ("attachment; filename=../../etc/passwd", "", "", "passwd"),
    ],
)
def test_the_name_of_an_answer(disposition, segment, kind, expected):
    assert filenames.of_answer(disposition, segment, kind) == expected
