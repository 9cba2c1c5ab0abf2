"""What can be said of a bucket, and of an object that is put into it; and what cannot be meant."""

from __future__ import annotations

import re
from email.header import Header
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jobs.contract import Option, OptionProblem, formats, urls

from .place import Location

_HEADER = re.compile(r"[ -~]*")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def how(location: Location, source: Path, key: str) -> dict[str, Any]:
    """Return what else is said of an object that is put."""
    own = formats.mime_type(source.name)
    if own == "application/octet-stream":
        own = formats.mime_type(key)
    tags = location["tagging"]
    wanted = {
        "ACL": location["acl"],
        "CacheControl": location["cache_control"],
        "ContentDisposition": location["content_disposition"],
        "ContentType": location["content_type"] or own,
        "Metadata": {name: _ascii(value) for name, value in (location["metadata"] or {}).items()},
        "ServerSideEncryption": location["server_side_encryption"],
        "Tagging": urlencode(tags, quote_via=quote) if tags else None,
    }
    return {name: value for name, value in wanted.items() if value}


def _ascii(text: str) -> str:
    # As S3 does itself with what is not ASCII, when it gives it out.
    return text if text.isascii() else Header(text, "utf-8").encode(splitchars="", maxlinelen=0)


def _endpoint(text: str) -> str:
    text = text.strip()
    try:
        url = urls.parse(text if "://" in text else f"https://{text}")
    except urls.InvalidURL:
        raise OptionProblem("The endpoint must be an http or https URL.") from None
    if "?" in url.target or "#" in text:
        raise OptionProblem("The endpoint must be a URL without a query.")
    return f"{url}".rstrip("/")


def _credential(name: str, text: str) -> str:
    text = text.strip()
    if not re.fullmatch(r"[!-~]+", text):
        raise OptionProblem(f"The {name} must be ASCII without spaces.")
    return text


def _key(name: str, text: str) -> str:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise OptionProblem(f"The {name} must be valid text.") from None
    if size > 1024 or not (text or name == "key_prefix"):
        raise OptionProblem(f"The {name} must have 1 to 1024 bytes.")
    return text


def _header(name: str, text: str) -> str:
    if not _HEADER.fullmatch(text):
        hint = " Write others as filename*=UTF-8''..." if name == "content_disposition" else ""
        raise OptionProblem(f"The {name} must be of printable ASCII characters.{hint}")
    return text.strip()


def _metadata(entries: dict[str, str]) -> dict[str, str]:
    for name, value in entries.items():
        if not _NAME.fullmatch(name):
            raise OptionProblem(f"The metadata must not have a name like {name[:50]!r}.")
        if not "".join(value.split(" ")).isprintable():
            raise OptionProblem(f"The metadata must not have line breaks or control characters in {name}.")
    return {name: value.strip() for name, value in entries.items()}


def _tags(entries: dict[str, str]) -> dict[str, str]:
    if len(entries) > 10:
        raise OptionProblem("The tagging must have at most 10 entries.")
    if any(not 0 < len(name) <= 128 or len(value) > 256 for name, value in entries.items()):
        raise OptionProblem("The tagging must have names of 1 to 128 and values of up to 256 characters.")
    return entries


def _secret(name: str, help_text: str, *, required: bool = True) -> Option:
    return Option(name=name, help=help_text, required=required, secret=True, check=partial(_credential, name))


def _said(name: str, help_text: str) -> Option:
    return Option(name=name, help=help_text, check=partial(_header, name))


LOCATION = (
    Option(
        name="bucket",
        help="The bucket's name.",
        required=True,
        inside=True,
        pattern=r"[A-Za-z0-9._-]{1,255}",
        example="my-bucket",
    ),
    Option(
        name="region",
        help="Where the bucket is; us-east-1 or auto where other services have none.",
        required=True,
        pattern=r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
        example="eu-central-1",
    ),
    Option(
        name="endpoint",
        help="The URL of another service than Amazon's.",
        check=_endpoint,
        example="https://s3.example.com",
    ),
    _secret("access_key_id", "Who asks."),
    _secret("secret_access_key", "The key's secret."),
    _secret("session_token", "The token that belongs to temporary keys.", required=False),
)
ONE = Option(name="key", help="The object's key.", check=partial(_key, "key"))
MANY = Option(
    name="key_prefix", help="How the keys of several objects begin.", check=partial(_key, "key_prefix")
)
EXPORT = (
    Option(
        name="acl",
        type="enum",
        help="Who may do what with the object; by default what the bucket says: private, as a rule.",
        values=(
            "private",
            "public-read",
            "public-read-write",
            "authenticated-read",
            "bucket-owner-read",
            "bucket-owner-full-control",
        ),
    ),
    _said("cache_control", "The Cache-Control header it is given out with."),
    _said("content_disposition", "The Content-Disposition header it is given out with."),
    _said("content_type", "Its MIME type; by default that of the file."),
    Option(
        name="metadata",
        type="dictionary",
        help="Further names and values to keep with it.",
        check=_metadata,
    ),
    Option(
        name="server_side_encryption",
        type="enum",
        help="How the storage encrypts it.",
        values=("AES256", "aws:kms"),
    ),
    Option(name="tagging", type="dictionary", help="Tags for it: up to 10 names and values.", check=_tags),
)
