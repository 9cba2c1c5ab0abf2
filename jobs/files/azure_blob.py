"""Files in a container of Azure Blob Storage."""

from __future__ import annotations

import functools
import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jobs.contract import outbound
from jobs.contract.errors import DiskFull, FileGone, FileStoreUnreachable

from .address import DOWNLOADS
from .parts import PART
from .remote import Listed
from .store import Shown
from .vendors import BLOCK, COPY_SECONDS, Vendor

log = logging.getLogger(__name__)


class Container(Vendor):
    """The store in one container."""

    def copy(self, key: str, to: str) -> None:
        with self.asking():
            source, target = self._blob(key), self._blob(to)
            source.get_blob_properties()
            target.start_copy_from_url(source.url)
            # Within an account it is done at once, as a rule.
            ends = time.monotonic() + COPY_SECONDS
            while (status := target.get_blob_properties().copy.status) == "pending":
                if time.monotonic() > ends:
                    break
                time.sleep(0.2)
        if status != "success":
            log.warning("The file store did not copy a file: %s", status)
            raise FileStoreUnreachable

    def size(self, key: str) -> int:
        return int(self._blob(key).get_blob_properties().size)

    def stream(self, key: str, first: int, size: int) -> Iterator[bytes]:
        pieces: Iterator[bytes] = iter(self._blob(key).download_blob(first, size).chunks())
        return pieces

    def listed(self, prefix: str) -> Iterator[Listed]:
        start = f"{self._address.prefix}{prefix}"
        with self.asking():
            found = self.storage.client.list_blobs(name_starts_with=start)
        while True:
            with self.asking():
                page = list(itertools.islice(found, 1000))
            if not page:
                return
            for each in page:
                yield each.name.removeprefix(self._address.prefix), each.last_modified.timestamp()

    def link(self, key: str, shown: Shown, *, seconds: int) -> str | None:
        if DOWNLOADS not in self._address.direct:
            return None
        told = {
            "content_type": shown.media_type,
            "content_disposition": shown.disposition,
            "cache_control": shown.cache_control,
        }
        with self.asking():
            return str(self.storage.url(self.at(key), expire=seconds, parameters=told))

    def is_final(self, error: BaseException | None) -> bool:
        from azure.core.exceptions import HttpResponseError

        return isinstance(error, HttpResponseError) and (error.status_code or 0) in {400, 401, 403, 404}

    @contextmanager
    def asking(self) -> Iterator[None]:
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        try:
            with outbound.trusted():
                yield
        except AzureError as error:
            code = f"{getattr(error, 'error_code', '')}"
            if isinstance(error, ResourceNotFoundError) and code != "ContainerNotFound":
                raise FileGone from error
            if code == "AccountLimitExceeded":
                raise DiskFull from error
            log.warning("The file store does not do its work: %s %s", type(error).__name__, code)
            raise FileStoreUnreachable from error

    def _blob(self, key: str) -> Any:
        return self.storage.client.get_blob_client(self.at(key))

    @functools.cached_property
    def storage(self) -> Any:
        from azure.storage.blob import BlobServiceClient
        from storages.backends.azure_storage import AzureStorage

        account = self._address.account
        credential = _credential(account, self._secret)
        storage = AzureStorage(
            account_name=account,
            account_key=self._secret or None,
            token_credential=None if self._secret else credential,
            azure_container=self._address.bucket,
            overwrite_files=True,
            # Its SDK's own threads would not be trusted.
            upload_max_conn=1,
            timeout=60,
        )
        # It would not pass these on where an endpoint is given.
        storage._service_client = BlobServiceClient(  # noqa: SLF001
            self._address.endpoint or f"https://{account}.blob.core.windows.net",
            credential=credential,
            max_single_get_size=BLOCK,
            max_chunk_get_size=BLOCK,
            max_single_put_size=PART,
            max_block_size=PART,
            connection_timeout=5,
            read_timeout=60,
            retry_total=2,
        )
        return storage


def _credential(account: str, secret: str) -> Any:
    """Return the account's key, or what the machine has."""
    if secret:
        return {"account_name": account, "account_key": secret}
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
