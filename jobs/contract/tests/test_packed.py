from __future__ import annotations

import pytest

from jobs.contract import formats


@pytest.mark.parametrize("name", ["jpg", "mp4", "mp3", "zip", "tar.gz", "docx", "epub"])
def test_what_is_compressed_in_itself_is_not_worth_packing(name):
    assert formats.is_packed(name)


@pytest.mark.parametrize("name", ["txt", "csv", "bmp", "wav", "tar", "svg", "pdf", "doc", ""])
def test_the_rest_is(name):
    assert not formats.is_packed(name)
