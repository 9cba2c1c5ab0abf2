"""The setting that says where files are kept, read into its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

S3, AZURE, GOOGLE = "s3", "azure", "gs"
UPLOADS, DOWNLOADS = "uploads", "downloads"
_QUERY = {
    S3: {"region", "endpoint", "public", "direct"},
    AZURE: {"endpoint", "direct"},
    GOOGLE: {"endpoint", "direct"},
}
_DIRECT = {S3: {UPLOADS, DOWNLOADS}, AZURE: {DOWNLOADS}, GOOGLE: {DOWNLOADS}}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._/-]{0,200}")


@dataclass(frozen=True)
class Address:
    """A bucket, and how it is come by."""

    kind: str
    bucket: str
    prefix: str = ""
    """What all our keys in it begin with: empty, or words that end with a slash."""
    account: str = ""
    """Azure's storage account."""
    region: str = ""
    endpoint: str = ""
    """Where its service is; empty for the vendor's own."""
    public: str = ""
    """The same as clients reach it; empty when that is no other."""
    direct: frozenset[str] = frozenset()
    """What clients do with the bucket itself: uploads, downloads, both or neither."""


def read(text: str) -> Address | None:
    """Return the bucket that a setting means; None when it is empty, for a folder of this machine.

    :raises ValueError: when it cannot be meant, with what is wrong.
    """
    if not text:
        return None
    url = urlsplit(text)
    if url.scheme not in _QUERY:
        raise ValueError("write s3://bucket, azure://account/container or gs://bucket")
    if url.username or url.password:
        raise ValueError(
            "keys do not belong into it: set ATHANOR_FILE_STORE_ACCESS_KEY and ATHANOR_FILE_STORE_SECRET_KEY"
        )
    account, place = (url.netloc, url.path[1:]) if url.scheme == AZURE else ("", f"{url.netloc}{url.path}")
    bucket, _, path = place.partition("/")
    prefix = unquote(path).strip("/")
    query = _query(url.scheme, url.query)
    if not _NAME.fullmatch(bucket) or (url.scheme == AZURE and not _NAME.fullmatch(account)):
        raise ValueError(
            "there is no name of a bucket in it" if url.scheme != AZURE else "write azure://account/container"
        )
    if not _PREFIX.fullmatch(prefix) or ".." in prefix or "//" in prefix:
        raise ValueError("the prefix may hold letters, digits, dots, dashes, underscores and single slashes")
    direct = query.pop("direct", ",".join(_DIRECT[url.scheme]))
    return Address(
        url.scheme,
        bucket,
        f"{prefix}/" if prefix else "",
        account,
        direct=_direct(url.scheme, direct),
        **query,
    )


def _query(kind: str, text: str) -> dict[str, str]:
    query = dict(parse_qsl(text, keep_blank_values=True))
    if unknown := sorted(query.keys() - _QUERY[kind]):
        raise ValueError(f"{kind}:// takes {', '.join(sorted(_QUERY[kind]))} behind the ?, not {unknown[0]}")
    for name in ("endpoint", "public"):
        url = urlsplit(query.get(name, ""))
        if query.get(name) and (url.scheme not in {"http", "https"} or not url.hostname or url.username):
            raise ValueError(f"{name} must be an http or https URL")
    return query


def _direct(kind: str, text: str) -> frozenset[str]:
    wanted = frozenset(word.strip() for word in text.split(",") if word.strip())
    if wanted - _DIRECT[kind]:
        raise ValueError(f"direct may be {' or '.join(sorted(_DIRECT[kind]))}, or empty")
    return wanted
