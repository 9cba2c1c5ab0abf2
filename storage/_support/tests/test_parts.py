"""Parts of a file: their bounds, their digests, what is told of them."""

from __future__ import annotations

import hashlib
import io
import itertools
import os

import pytest

from storage._support import parts

MB = 1024 * 1024


@pytest.mark.parametrize(
    ("size", "most", "count", "length"),
    [
        (1, 10_000, 1, 1),
        (16 * MB, 10_000, 2, 8 * MB),
        (16 * MB + 1, 10_000, 3, 8 * MB),
        (80_000 * MB, 10_000, 10_000, 8 * MB),
        (80_000 * MB + 1, 10_000, 5_001, 16 * MB),
        (5 * 1024 * 1024 * MB, 10_000, 5_120, 1024 * MB),
    ],
)
def test_the_parts_cover_the_file_and_are_not_too_many(size, most, count, length):
    spans = parts.spans(size, most=most)

    assert len(spans) == count
    assert len(spans[0]) == length
    assert spans[0].start == 0 and spans[-1].stop == size
    assert all(before.stop == after.start for before, after in itertools.pairwise(spans))


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(bytes(range(256)) * 4096)
    return path


def test_a_part_reads_as_a_file_of_its_bytes(source):
    span = range(1000, 300_000)
    same = io.BytesIO(source.read_bytes()[1000:300_000])

    with parts.Part(source, span, lambda _: None) as part:
        assert len(part) == 299_000
        assert part.md5() == hashlib.md5(same.getvalue()).digest()
        for act in (
            lambda file: file.read(10),
            lambda file: file.seek(-5, os.SEEK_CUR),
            lambda file: file.read(),
            lambda file: file.read(1),
            lambda file: file.seek(0, os.SEEK_END),
            lambda file: file.tell(),
            lambda file: file.seek(7),
            lambda file: file.read(),
        ):
            assert act(part) == act(same)


def test_what_is_sent_is_told_once_and_what_is_only_read_never(source):
    told = []

    with parts.Part(source, range(100), told.append) as part:
        part.md5()
        part.is_going = False
        part.read()
        part.seek(0)
        part.is_going = True
        part.read(60)
        # The line broke; it is all sent again.
        part.seek(0)
        part.read(60)
        part.read(60)

    assert told == [60, 0, 40]


def test_what_must_not_go_on_is_not_read_on(source):
    def advance(_size):
        raise ValueError("stop")

    with parts.Part(source, range(100), advance) as part, pytest.raises(ValueError, match="stop"):
        part.read()
