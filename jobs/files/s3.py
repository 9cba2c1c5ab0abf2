"""Files in a bucket of S3, or of a service that speaks as S3 does."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobs.contract import outbound
from jobs.contract.errors import DiskFull, FileGone, FileStoreUnreachable

from . import lanes
from .address import DOWNLOADS, UPLOADS, Address
from .parts import COPY_PART, PART, Parts, Writing, ranges, send
from .remote import FILES, TRIES, Listed, Remote
from .store import PIECE, Advance, Arrived, Form, Shown

log = logging.getLogger(__name__)

LARGEST_FORM = 5 * 1024**3
"""The largest file that S3 takes by a form."""
_GONE = {"NoSuchKey", "404", "NotFound"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507"}


class Bucket(Remote):
    """The store in one bucket."""

    def __init__(self, address: Address, *, access_key: str, secret_key: str) -> None:
        self._address = address
        self._keys = (access_key, secret_key)

    # --- Files

    def put(self, source: Path, key: str, advance: Advance) -> None:
        size = source.stat().st_size
        with self.asking():
            if size <= PART:
                send(self._client, self._at(key), source.read_bytes())
                advance(size)
            else:
                self._put_in_parts(source, key, size, advance)
        source.unlink()

    def _put_in_parts(self, source: Path, key: str, size: int, advance: Advance) -> None:
        def move(part: tuple[int, int, int]) -> dict[str, Any]:
            number, first, length = part
            with source.open("rb") as file:
                file.seek(first)
                sent = parts.send(number, file.read(length))
            advance(length)
            return sent

        with Parts(self._client, self._at(key)) as parts:
            parts.complete(lanes.each(move, ranges(size, PART)))

    def begin(self, key: str) -> Writing:
        return Writing(self._client, self._at(key), key, asking=self.asking)

    def copy(self, key: str, to: str) -> None:
        with self.asking():
            self._copy(self._at(key), self._at(to))

    def _copy(self, source: Mapping[str, str], target: Mapping[str, str]) -> int:
        head = self._client.head_object(**source)
        size = int(head["ContentLength"])
        same = {"CopySource": dict(source), "CopySourceIfMatch": head["ETag"]}
        if size <= COPY_PART:
            self._client.copy_object(**target, **same)
            return size
        with Parts(self._client, target) as parts:
            parts.complete(lanes.each(lambda part: parts.copy(part, same), ranges(size, COPY_PART)))
        return size

    def size(self, key: str) -> int:
        return int(self._client.head_object(**self._at(key))["ContentLength"])

    def stream(self, key: str, first: int, size: int) -> Iterator[bytes]:
        asked = f"bytes={first}-{first + size - 1}"
        pieces: Iterator[bytes] = self._client.get_object(**self._at(key), Range=asked)["Body"].iter_chunks(
            PIECE
        )
        return pieces

    def delete(self, name: str) -> None:
        self._client.delete_object(**self._object(name))

    def listed(self, prefix: str) -> Iterator[Listed]:
        for page in self._pages(prefix):
            for each in page.get("Contents", ()):
                yield each["Key"].removeprefix(self._address.prefix), each["LastModified"].timestamp()

    def tidy(self, *, seconds: float) -> None:
        asked = {"Bucket": self._address.bucket, "Prefix": f"{self._address.prefix}{FILES}"}
        with self.asking():
            for page in self._client.get_paginator("list_multipart_uploads").paginate(**asked):
                for each in page.get("Uploads", ()):
                    if each["Initiated"].timestamp() < time.time() - seconds:
                        target = {"Bucket": self._address.bucket, "Key": each["Key"]}
                        self._client.abort_multipart_upload(**target, UploadId=each["UploadId"])

    # --- What clients do with the bucket itself

    @property
    def takes_forms(self) -> bool:
        return UPLOADS in self._address.direct

    def form(self, folder: str, *, seconds: int, most: int, fields: Mapping[str, str]) -> Form | None:
        if not self.takes_forms:
            return None
        conditions = [{name: value} for name, value in fields.items()]
        with self.asking():
            signed = self._signer.generate_presigned_post(
                self._address.bucket,
                f"{self._address.prefix}{folder}/${{filename}}",
                Fields=dict(fields),
                Conditions=[*conditions, ["content-length-range", 0, min(most, LARGEST_FORM)]],
                ExpiresIn=seconds,
            )
        return Form(signed["url"], signed["fields"])

    def arrivals(self) -> Iterator[str]:
        for page in self._pages("", Delimiter="/"):
            for each in page.get("CommonPrefixes", ()):
                yield each["Prefix"].removeprefix(self._address.prefix).rstrip("/")

    def adopt(self, folder: str, key: str) -> Arrived:
        arrived = list(self.listed(f"{folder}/"))
        if not arrived:
            raise FileGone
        first, _ = min(arrived, key=lambda each: (each[1], each[0]))
        with self.asking():
            size = self._copy(self._object(first), self._at(key))
        return Arrived(key, first.removeprefix(f"{folder}/"), size)

    def drop(self, folder: str) -> None:
        self.delete_all([name for name, _ in self.listed(f"{folder}/")])

    def link(self, key: str, shown: Shown, *, seconds: int) -> str | None:
        if DOWNLOADS not in self._address.direct:
            return None
        asked = {
            **self._at(key),
            "ResponseContentType": shown.media_type,
            "ResponseContentDisposition": shown.disposition,
            "ResponseCacheControl": shown.cache_control,
        }
        with self.asking():
            return str(self._signer.generate_presigned_url("get_object", asked, ExpiresIn=seconds))

    # --- How it is asked

    def objection(self) -> str | None:
        from botocore.exceptions import ClientError, NoCredentialsError

        try:
            with self.asking():
                self._client.list_objects_v2(Bucket=self._address.bucket, MaxKeys=1)
        except (FileGone, FileStoreUnreachable) as error:
            # One that only does not answer just now is waited for.
            if isinstance(error.__cause__, ClientError | NoCredentialsError):
                return f"The bucket of ATHANOR_FILE_STORE cannot be used: {error.__cause__}"
        return None

    @contextmanager
    def asking(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with outbound.trusted():
                yield
        except ClientError as error:
            code = f"{error.response.get('Error', {}).get('Code', '')}"
            if code in _GONE:
                raise FileGone from error
            if code in _FULL:
                raise DiskFull from error
            log.warning("The file store refused: %s", error)
            raise FileStoreUnreachable from error
        except BotoCoreError as error:
            log.warning("The file store does not answer: %s", error)
            raise FileStoreUnreachable from error

    def _pages(self, prefix: str, **more: str) -> Iterator[dict[str, Any]]:
        asked = {"Bucket": self._address.bucket, "Prefix": f"{self._address.prefix}{prefix}", **more}
        while True:
            with self.asking():
                page = self._client.list_objects_v2(**asked)
            yield page
            if not page.get("NextContinuationToken"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self._address.bucket, "Key": f"{self._address.prefix}{name}"}

    def _at(self, key: str) -> dict[str, str]:
        return self._object(f"{FILES}{key}")

    @functools.cached_property
    def _client(self) -> Any:
        return self._connect(self._address.endpoint)

    @functools.cached_property
    def _signer(self) -> Any:
        # A signature is made for one host's name: that by which clients know the bucket.
        return self._connect(self._address.public) if self._address.public else self._client

    def _connect(self, endpoint: str) -> Any:
        from boto3.session import Session
        from botocore.config import Config

        access_key, secret_key = (key or None for key in self._keys)
        region = self._address.region or ("us-east-1" if endpoint else None)
        return Session(access_key, secret_key, region_name=region).client(
            "s3",
            endpoint_url=endpoint or None,
            config=Config(
                signature_version="s3v4",
                connect_timeout=5,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": TRIES},
                max_pool_connections=64,
                # Others than Amazon do not know its newest checksums; parts are sent with their MD5.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path" if endpoint else "auto"},
            ),
        )
