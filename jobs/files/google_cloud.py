"""Files in a bucket of Google Cloud Storage."""

from __future__ import annotations

import functools
import itertools
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from jobs.contract import outbound
from jobs.contract.errors import DiskFull, FileGone, FileStoreUnreachable

from .address import DOWNLOADS
from .parts import PART
from .remote import Listed
from .store import Shown
from .vendors import BLOCK, COPY_SECONDS, Vendor

log = logging.getLogger(__name__)

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


class GoogleBucket(Vendor):
    """The store in one bucket."""

    def copy(self, key: str, to: str) -> None:
        ends = time.monotonic() + COPY_SECONDS
        with self.asking():
            source, target = self._blob(key), self._blob(to)
            token, _, _ = target.rewrite(source)
            while token and time.monotonic() < ends:
                token, _, _ = target.rewrite(source, token=token)
        if token:
            raise FileStoreUnreachable

    def size(self, key: str) -> int:
        blob = self._blob(key)
        blob.reload()
        return int(blob.size)

    def stream(self, key: str, first: int, size: int) -> Iterator[bytes]:
        blob = self._blob(key)
        for at in range(first, first + size, BLOCK):
            # What is read of a file has no checksum of its own.
            yield blob.download_as_bytes(start=at, end=min(at + BLOCK, first + size) - 1, checksum=None)

    def listed(self, prefix: str) -> Iterator[Listed]:
        start = f"{self._address.prefix}{prefix}"
        with self.asking():
            found = iter(self.storage.client.list_blobs(self._address.bucket, prefix=start))
        while True:
            with self.asking():
                page = list(itertools.islice(found, 1000))
            if not page:
                return
            for each in page:
                yield each.name.removeprefix(self._address.prefix), each.updated.timestamp()

    def link(self, key: str, shown: Shown, *, seconds: int) -> str | None:
        if DOWNLOADS not in self._address.direct or not self._can_sign:
            return None
        told = {
            "expiration": timedelta(seconds=seconds),
            "response_type": shown.media_type,
            "response_disposition": shown.disposition,
            "query_parameters": {"response-cache-control": shown.cache_control},
        }
        if self._address.endpoint:
            told["api_access_endpoint"] = self._address.endpoint
        with self.asking():
            return str(self.storage.url(self.at(key), parameters=told))

    def is_final(self, error: BaseException | None) -> bool:
        from google.api_core.exceptions import ClientError, TooManyRequests
        from google.auth.exceptions import DefaultCredentialsError

        final = isinstance(error, ClientError | DefaultCredentialsError | ValueError)
        return final and not isinstance(error, TooManyRequests)

    @contextmanager
    def asking(self) -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPIError, NotFound
        from google.auth.exceptions import GoogleAuthError
        from requests import RequestException

        try:
            with outbound.trusted():
                yield
        except NotFound as error:
            raise FileGone from error
        except (GoogleAPIError, GoogleAuthError, RequestException) as error:
            if getattr(error, "code", None) == 507:
                raise DiskFull from error
            log.warning("The file store does not do its work: %s", type(error).__name__)
            raise FileStoreUnreachable from error

    @property
    def _can_sign(self) -> bool:
        # What a machine has for itself holds no key; downloads then go through us.
        return hasattr(self.storage.credentials, "sign_bytes")

    def _blob(self, key: str) -> Any:
        return self.storage.bucket.blob(self.at(key))

    @functools.cached_property
    def storage(self) -> Any:
        from google.cloud.storage import Client
        from storages.backends.gcloud import GoogleCloudStorage

        credentials, project = _credentials(self._secret)
        storage = GoogleCloudStorage(
            credentials=credentials,
            project_id=project,
            bucket_name=self._address.bucket,
            # Else it would hold 100 MB of each file in memory.
            blob_chunk_size=PART,
        )
        # It has no setting for another endpoint.
        options = {"api_endpoint": self._address.endpoint} if self._address.endpoint else None
        storage._client = Client(project, credentials, client_options=options)  # noqa: SLF001
        return storage


def _credentials(secret: str) -> tuple[Any, str | None]:
    """Return those of a service account's JSON, or what the machine has; and their project."""
    import google.auth
    from google.oauth2 import service_account

    if not secret:
        found: tuple[Any, str | None] = google.auth.default(scopes=[_SCOPE])
        return found
    read: Any = service_account.Credentials.from_service_account_info
    try:
        account = json.loads(secret)
        return read(account, scopes=[_SCOPE]), account.get("project_id")
    except ValueError as error:
        log.error("ATHANOR_FILE_STORE_SECRET_KEY is not the JSON of a service account.")
        raise FileStoreUnreachable from error
