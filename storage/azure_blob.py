"""import/azure/blob, export/azure/blob: Azure Blob Storage, in all its clouds, and emulators."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, unquote
from uuid import uuid4

from jobs.contract import Option, OptionProblem, formats, outbound, urls
from jobs.contract.errors import AthanorError, StorageUnreachable

from ._support import azure_refusals, refusals
from ._support.place import Advance, Item, Location, Trail
from ._support.side_by_side import in_order
from ._support.transfers import WORKLOAD_IDENTITY, transfers

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContentSettings

    from ._support.azure import Credential

PIECE = 4 * 1024 * 1024
"""What one request brings, and the most that is put in one."""
BLOCK = 8 * 1024 * 1024
MOST_BLOCKS = 50_000
WIDTH = 4
"""How many parts of one blob move at once."""
_ACCOUNT = r"[a-z0-9]{3,24}"
_EMULATED = r"[A-Za-z0-9-]{1,63}"
_CONTAINER = r"\$?[a-z0-9-]{1,63}"
_CLOUDS = (
    *(".core.windows.net", ".core.usgovcloudapi.net", ".core.chinacloudapi.cn", ".core.cloudapi.de"),
    ".storage.azure.net",
)
"""Where the machine's own credentials may be shown: to no other host than Azure's."""


class AzureBlob:
    """A container of an account."""

    shared: ClassVar[bool] = True
    lanes: ClassVar[int] = 8

    def __init__(self, location: Location, trail: Trail) -> None:
        from ._support import azure

        del trail  # Blocks that no list names cannot be taken back; they vanish.
        self._location = location
        self._name = _named(location, "container", _CONTAINER)
        where = _where(location)
        credential, self._fields = _credential(location, where)
        self._host = where.host
        try:
            outbound.resolve(where.host, where.port)
        except OSError as error:
            field = "endpoint" if location.get("endpoint") else "storage_account"
            raise StorageUnreachable(f"There is no storage at {where.host}. Check {field}.") from error
        self._container = azure.opened(f"{where}".rstrip("/"), self._name, credential)

    def check(self) -> None:
        """Return if the account lets us in."""
        with self._sentences("list", allowed=True):
            next(iter(self._container.list_blobs(results_per_page=1)), None)

    def find(self, key: str) -> Item:
        """Return the blob that has this name."""
        with self._sentences("read", key):
            found = self._container.get_blob_client(key).get_blob_properties()
        return Item(key, found.size, _quoted(found.etag))

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield every blob whose name begins with the prefix; folders of a hierarchical account are none."""
        with self._sentences("list"):
            for found in self._container.list_blobs(name_starts_with=prefix, include=["metadata"]):
                marks = {name.lower(): value for name, value in (found.metadata or {}).items()}
                if marks.get("hdi_isfolder") != "true":
                    yield Item(found.name, found.size, _quoted(found.etag))

    def fetch(self, item: Item, target: Path, advance: Advance) -> None:
        """Write the blob, as it was when it was found."""
        blob = self._container.get_blob_client(item.key)
        size = item.size or 0
        digest, wanted = hashlib.md5(usedforsecurity=False), b""

        def bring(number: int) -> tuple[bytes, bytes]:
            with self._sentences("read", item.key):
                start = number * PIECE
                return self._piece(blob, item, range(start, min(start + PIECE, size)), advance)

        with target.open("xb") as file:
            for data, wanted in in_order(bring, -(-size // PIECE), width=WIDTH):  # noqa: B007 - the last
                digest.update(data)
                file.write(data)
        if wanted and wanted != digest.digest():
            raise refusals.altered(item.key)

    def _piece(self, blob: BlobClient, item: Item, wanted: range, advance: Advance) -> tuple[bytes, bytes]:
        """Return the bytes, and the whole blob's MD5 if its owner has noted it."""
        from azure.core import MatchConditions

        from ._support.azure import Told

        stream = blob.download_blob(
            wanted.start,
            len(wanted),
            etag=item.version,
            match_condition=MatchConditions.IfNotModified,
            decompress=False,
            told=Told(advance, item.key, len(wanted)),
        )
        data = b"".join(stream.chunks())
        if len(data) != len(wanted):
            raise refusals.altered(item.key)
        # Whoever appends to a blob seldom notes it anew.
        is_block_blob = stream.properties.blob_type == "BlockBlob"
        return data, bytes(stream.properties.content_settings.content_md5 or b"") if is_block_blob else b""

    def store(self, source: Path, key: str, advance: Advance) -> None:
        """Put the file under this name: in one request, or in blocks that a last request makes a blob."""
        blob = self._container.get_blob_client(key)
        size = source.stat().st_size
        if size > PIECE:
            self._in_blocks(blob, source, size, advance)
            return
        from ._support.azure import Told

        with self._sentences("write to", key):
            blob.upload_blob(
                source.read_bytes(),
                length=size,
                overwrite=True,
                validate_content=True,
                content_settings=self._settings(key),
                metadata=self._location.get("metadata"),
                told=Told(advance, key, size),
            )

    def _in_blocks(self, blob: BlobClient, source: Path, size: int, advance: Advance) -> None:
        from azure.storage.blob import BlobBlock

        from ._support.azure import Told

        key = blob.blob_name
        length = max(BLOCK, -(-size // MOST_BLOCKS))
        # Another attempt's blocks have other names, all of the length that Azure's own tools give theirs.
        attempt = uuid4().hex
        names = [f"{attempt}{number:016}" for number in range(-(-size // length))]
        digest = hashlib.md5(usedforsecurity=False)

        with source.open("rb") as file:

            def read(number: int) -> bytes:
                return os.pread(file.fileno(), length, number * length)

            def put(number: int) -> None:
                data = read(number)
                with self._sentences("write to", key):
                    # The server refuses a block whose MD5 is another.
                    blob.stage_block(
                        names[number], data, validate_content=True, told=Told(advance, key, len(data))
                    )

            for number, _ in enumerate(in_order(put, len(names), width=WIDTH)):
                digest.update(read(number))
        with self._sentences("write to", key):
            advance(0)
            blob.commit_block_list(
                [BlobBlock(name) for name in names],
                content_settings=self._settings(key, digest.digest()),
                metadata=self._location.get("metadata"),
            )

    def _settings(self, key: str, md5: bytes | None = None) -> ContentSettings:
        from azure.storage.blob import ContentSettings

        given = self._location.get
        return ContentSettings(
            content_type=given("content_type") or formats.mime_type(key),
            cache_control=given("cache_control"),
            content_disposition=given("content_disposition"),
            content_md5=bytearray(md5) if md5 else None,
        )

    def tidy(self, loose_end: str) -> None:
        """Do nothing: blocks that no list names are gone with the next blob of that name, or in a week."""

    def close(self) -> None:
        """Hang up."""
        self._container.close()

    @contextmanager
    def _sentences(self, doing: str, key: str = "", *, allowed: bool = False) -> Iterator[None]:
        """Turn the library's failures into ours.

        :param allowed: whether it is fine to be let in and not allowed to do this.
        """
        from azure.core.exceptions import AzureError

        try:
            yield
        except AzureError as error:
            if refusal := outbound.refusal_of(error):
                raise refusal from error
            answer = azure_refusals.answer(error)
            if allowed and answer.code == "AuthorizationPermissionMismatch":
                return
            raise self._refusal(answer, doing, key) from error

    def _refusal(self, answer: azure_refusals.Answer, doing: str, key: str) -> AthanorError:
        if not answer.status:
            if answer.is_untrusted:
                return refusals.refused(f"the certificate of {self._host} is not valid", "endpoint")
            return refusals.unreachable(self._host, broke_off=answer.broke_off)
        return azure_refusals.refusal(
            answer,
            doing=doing,
            key=key,
            host=self._host,
            container=self._name,
            fields=self._fields,
        )


def _named(location: Location, field: str, pattern: str) -> str:
    # It becomes part of a host or of a path.
    name = f"{location[field]}"
    if not re.fullmatch(pattern, name):
        raise refusals.refused(f"nothing there is called {name[:70]!r}", field)
    return name


def _where(location: Location) -> urls.Url:
    """Return where the account is."""
    if given := location.get("endpoint"):
        _named(location, "storage_account", _EMULATED)
        return urls.parse(given)
    account = _named(location, "storage_account", _ACCOUNT)
    return urls.parse(f"https://{account}.blob.core.windows.net")


def _credential(location: Location, where: urls.Url) -> tuple[Credential | None, tuple[str, ...]]:
    """Return what to show, and the options that it stands in."""
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

    if key := location.get("storage_access_key"):
        return AzureNamedKeyCredential(location["storage_account"], _key(key)), ("storage_access_key",)
    if token := location.get("sas_token"):
        return AzureSasCredential(signature(token)), ("sas_token",)
    if not location.get(WORKLOAD_IDENTITY):
        raise refusals.credentials("storage_access_key", "sas_token")
    if where.scheme != "https" or not where.host.endswith(_CLOUDS):
        raise refusals.refused("the machine's own credentials are shown to Azure only", "endpoint")
    return None, ("storage_account",)


def _key(text: str) -> str:
    try:
        base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raise refusals.credentials("storage_access_key") from None
    return text.strip()


def signature(token: str) -> str:
    """Return the query of a shared access signature, of which people paste all or part, encoded or not.

    :raises StorageRefused: when it has none.
    """
    pairs = [pair.partition("=") for pair in token.strip().rpartition("?")[2].split("&") if pair]
    if not any(name == "sig" and value for name, _, value in pairs):
        raise refusals.credentials("sas_token")
    return "&".join(f"{quote(name)}={quote(unquote(value), safe='')}" for name, _, value in pairs)


def _quoted(etag: str) -> str:
    # Listings tell it without its quotes.
    return f'"{etag.strip(chr(34))}"'


def _endpoint(text: str) -> str:
    try:
        url = urls.parse(text.strip())
    except urls.InvalidURL:
        raise OptionProblem("The endpoint format is invalid.") from None
    if "?" in url.target:
        raise OptionProblem("The endpoint must have no query; a signature goes into sas_token.")
    return f"{url}"


def _metadata(entries: dict[str, str]) -> dict[str, str]:
    for name, value in entries.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,254}", name):
            raise OptionProblem(
                f"The metadata must have names of letters, digits and underscores, not {name[:50]!r}."
            )
        if not re.fullmatch(r"[\x20-\x7e]*", value):
            raise OptionProblem(f"The metadata must have plain ASCII text in {name}.")
    if len({name.lower() for name in entries}) < len(entries):
        raise OptionProblem("The metadata must not have names that differ in case only.")
    return {name: value.strip() for name, value in entries.items()}


_HEADER = r"[\x20-\x7e]*"
OPERATIONS = transfers(
    "azure/blob",
    AzureBlob,
    called="Azure Blob Storage",
    location=(
        Option(name="storage_account", required=True, help="The storage account's name."),
        Option(name="storage_access_key", secret=True, help="One of the account's keys; or give sas_token."),
        Option(
            name="sas_token",
            secret=True,
            help="A shared access signature, with or without the URL before it.",
        ),
        Option(name="container", required=True, help="The container."),
        Option(
            name="endpoint",
            check=_endpoint,
            help="The account's URL, where it is not https://ACCOUNT.blob.core.windows.net.",
        ),
    ),
    one_of=(("storage_access_key", "sas_token"),),
    one=Option(name="blob", max_length=1024, help="The blob to fetch."),
    many=Option(name="blob_prefix", max_length=1024, help="Fetch all blobs whose names begin with this."),
    export=(
        Option(name="metadata", type="dictionary", check=_metadata, help="What to note beside the blob."),
        Option(
            name="content_type", pattern=_HEADER, help="The blob's media type; by default that of its name."
        ),
        Option(name="cache_control", pattern=_HEADER, help="How long others may keep it, for web browsers."),
        Option(
            name="content_disposition", pattern=_HEADER, help="How web browsers show it, such as attachment."
        ),
    ),
)
