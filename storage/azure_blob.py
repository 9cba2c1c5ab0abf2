"""import/azure/blob, export/azure/blob: Azure Blob Storage, in all its clouds, and emulators."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

from jobs.contract import Option, formats, outbound
from jobs.contract.errors import AthanorError, StorageRefused, StorageUnreachable

from ._support import azure_account, azure_refusals, limits, refusals
from ._support.lanes import LARGE
from ._support.place import Advance, Item, Location, Trail
from ._support.side_by_side import in_order
from ._support.transfers import transfers

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContentSettings


MB = 1024 * 1024
WHOLE = 4 * MB
"""The most that is put in one request."""
MOST_BLOCKS = 50_000


class AzureBlob:
    """A container of an account."""

    shared: ClassVar[bool] = True
    lanes: ClassVar[int] = 8

    def __init__(self, location: Location, trail: Trail) -> None:
        from ._support import azure

        del trail  # Blocks that no list names cannot be taken back; they vanish.
        self._location = location
        self._name = azure_account.container(location)
        where = azure_account.where(location)
        credential, self._fields = azure_account.credential(location, where)
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
            next(self._container.list_blobs(results_per_page=1).by_page(), None)

    def find(self, key: str) -> Item:
        """Return the blob that has this name."""
        with self._sentences("read", key):
            found = self._container.get_blob_client(key).get_blob_properties()
        if _is_folder(found):
            raise refusals.missing("blob", key)
        return _item(found, key)

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield every blob whose name begins with the prefix; folders of a hierarchical account are none."""
        from ._support import azure

        with self._sentences("list"):
            blobs = self._container.list_blobs(prefix, include=["metadata"], results_per_page=azure.PAGE)
            for page in limits.pages(blobs.by_page(), "blob_prefix"):
                for found in page:
                    if not _is_folder(found):
                        yield _item(found, found.name)

    def fetch(self, item: Item, target: Path, advance: Advance) -> None:
        """Write the blob, as it was when it was found."""
        blob = self._container.get_blob_client(item.key)
        size = item.size or 0
        # The library holds each piece twice.
        length, width = _parts(size, 4 * MB)
        digest, wanted = hashlib.md5(usedforsecurity=False), b""

        def bring(number: int) -> tuple[bytes, bytes]:
            with self._sentences("read", item.key):
                start = number * length
                return self._piece(blob, item, range(start, min(start + length, size)), advance)

        with target.open("xb") as file, closing(in_order(bring, -(-size // length), width=width)) as pieces:
            for data, wanted in pieces:  # noqa: B007 - the last one's
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
        if size > WHOLE:
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
        length, width = _parts(size, 8 * MB)
        length = max(length, -(-size // MOST_BLOCKS))
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

            with closing(in_order(put, len(names), width=width)) as done:
                for number, _ in enumerate(done):
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
        except (ValueError, AttributeError) as error:
            # The library looks for what any answer of Azure has.
            raise _strange() from error
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


def _parts(size: int, length: int) -> tuple[int, int]:
    """Return how long a blob's parts are, and how many move at once: of a small one, its like do."""
    return (length, 4) if size >= LARGE else (length // 4, 1)


def _strange() -> StorageRefused:
    return refusals.refused("it does not answer as Azure does", "endpoint")


def _is_folder(found: BlobProperties) -> bool:
    """Tell whether it only marks a folder of an account with a hierarchical namespace."""
    marks = {name.lower(): value for name, value in (found.metadata or {}).items()}
    return marks.get("hdi_isfolder") == "true"


def _item(found: BlobProperties, key: str) -> Item:
    if not found.etag:
        raise _strange()
    # Listings tell it without its quotes.
    return Item(key, found.size, f'"{found.etag.strip(chr(34))}"')


_HEADER = r"[\x20-\x7e]*"
OPERATIONS = transfers(
    "azure/blob",
    AzureBlob,
    has_identity=True,
    called="Azure Blob Storage",
    location=(
        Option(name="storage_account", required=True, help="The storage account's name."),
        Option(name="storage_access_key", secret=True, help="One of the account's keys; or give sas_token."),
        Option(
            name="sas_token",
            secret=True,
            help="A shared access signature, with or without the URL before it.",
        ),
        Option(name="container", required=True, inside=True, help="The container."),
        Option(
            name="endpoint",
            check=azure_account.endpoint,
            help="The account's URL, where it is not https://ACCOUNT.blob.core.windows.net.",
        ),
    ),
    one_of=(("storage_access_key", "sas_token"),),
    one=Option(name="blob", max_length=1024, help="The blob to fetch."),
    many=Option(name="blob_prefix", max_length=1024, help="Fetch all blobs whose names begin with this."),
    export=(
        Option(
            name="metadata",
            type="dictionary",
            check=azure_account.metadata,
            help="What to note beside the blob.",
        ),
        Option(
            name="content_type", pattern=_HEADER, help="The blob's media type; by default that of its name."
        ),
        Option(name="cache_control", pattern=_HEADER, help="How long others may keep it, for web browsers."),
        Option(
            name="content_disposition", pattern=_HEADER, help="How web browsers show it, such as attachment."
        ),
    ),
)
