from __future__ import annotations

import pytest

from jobs.files import address
from jobs.files.address import Address

BOTH, NONE = frozenset({"uploads", "downloads"}), frozenset()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", None),
        ("s3://files", Address("s3", "files", direct=BOTH)),
        ("s3://files/a/b/", Address("s3", "files", "a/b/", direct=BOTH)),
        (
            "s3://files?endpoint=http://minio:9000&public=https://f.example.com&region=x&direct=downloads",
            Address(
                *("s3", "files", "", "", "x", "http://minio:9000", "https://f.example.com"),
                direct=frozenset({"downloads"}),
            ),
        ),
        ("s3://files?direct=", Address("s3", "files", direct=NONE)),
        ("azure://acc/files/a", Address("azure", "files", "a/", "acc", direct=frozenset({"downloads"}))),
        ("gs://files.example.com", Address("gs", "files.example.com", direct=frozenset({"downloads"}))),
    ],
)
def test_an_address_is_read(text, meant):
    assert address.read(text) == meant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/srv/files", "write s3://bucket"),
        ("ftp://files", "write s3://bucket"),
        ("s3://", "no name of a bucket"),
        ("s3://Files?endpoint=http://x", "no name of a bucket"),
        ("s3://key:secret@files", "keys do not belong into it"),
        ("s3://files/../x", "prefix"),
        ("s3://files/a//b", "prefix"),
        ("s3://files?endpont=http://x", "not endpont"),
        ("s3://files?endpoint=minio:9000", "endpoint must be an http or https URL"),
        ("s3://files?direct=all", "direct may be downloads or uploads"),
        ("azure://account", "azure://account/container"),
        ("azure://account/files?direct=uploads", "direct may be downloads"),
    ],
)
def test_what_cannot_be_meant_is_said(text, words):
    with pytest.raises(ValueError, match=words) as refusal:
        address.read(text)

    assert "secret" not in f"{refusal.value}".replace("SECRET_KEY", "").lower()
