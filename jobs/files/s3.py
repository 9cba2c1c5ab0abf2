"""Files in a bucket of S3, or of a service that speaks as S3 does."""

from __future__ import annotations

import errno
import functools
import io
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from jobs.contract import outbound
from jobs.contract.errors import DiskFull, FileGone, FileStoreUnreachable

from . import lanes
from .address import DOWNLOADS, UPLOADS, Address
from .parts import COPY_PART, PART, Parts, Writing, ranges, send
from .store import PIECE, Advance, Arrived, Form, Shown

log = logging.getLogger(__name__)

FILES = "files/"
"""What our keys begin with, after the address's own prefix. Uploads lie beside it, a folder for each task."""
LARGEST_FORM = 5 * 1024**3
"""The largest file that S3 takes by a form."""
TRIES = 3
_GONE = {"NoSuchKey", "404", "NotFound"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507"}


class Bucket:
    """The store in one bucket."""

    def __init__(self, address: Address, *, access_key: str, secret_key: str) -> None:
        self._address = address
        self._keys = (access_key, secret_key)

    # --- Files

    def put(self, source: Path, key: str, advance: Advance) -> None:
        size = source.stat().st_size
        with _asking(), source.open("rb") as file:
            if size <= PART:
                send(self._client, self._at(key), file.read())
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
        return Writing(self._client, self._at(key), key, asking=_asking)

    def copy(self, key: str, to: str) -> None:
        with _asking():
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

    def fetch(self, key: str, into: Path, advance: Advance) -> None:
        with _asking():
            size = int(self._client.head_object(**self._at(key))["ContentLength"])
        into.touch(0o644, exist_ok=False)

        def move(part: tuple[int, int, int]) -> None:
            _, first, length = part
            with into.open("r+b") as file:
                file.seek(first)
                for piece in self.read(key, first, length):
                    file.write(piece)
                    advance(len(piece))

        lanes.each(move, ranges(size, PART))

    def open(self, key: str) -> BinaryIO:
        with _asking():
            size = int(self._client.head_object(**self._at(key))["ContentLength"])
        return io.BufferedReader(_Ranges(functools.partial(self.read, key), size), PIECE)

    def read(self, key: str, first: int, size: int) -> Iterator[bytes]:
        tries = TRIES
        while size > 0:
            with _asking():
                asked = f"bytes={first}-{first + size - 1}"
                body = self._client.get_object(**self._at(key), Range=asked)["Body"]
            try:
                while size > 0:
                    # Whoever reads is not trusted between two pieces.
                    with _asking():
                        piece = body.read(min(PIECE, size))
                    if not piece:
                        raise FileStoreUnreachable
                    first, size = first + len(piece), size - len(piece)
                    yield piece
            except FileStoreUnreachable:
                tries -= 1
                if not tries:
                    raise
            finally:
                body.close()

    def remove(self, keys: Iterable[str]) -> None:
        self._remove(self._at(key) for key in keys)

    def keys(self, folder: str) -> set[str]:
        return {self._key(each) for each in self._listed(f"{FILES}{folder}/")}

    def remove_folder(self, folder: str) -> None:
        self.remove(self.keys(folder))

    def untouched(self, *, seconds: float) -> Iterator[str]:
        found = self._listed(FILES)
        for folder, inside in itertools.groupby(found, lambda each: self._key(each).rpartition("/")[0]):
            if max(each["LastModified"].timestamp() for each in inside) < time.time() - seconds:
                yield folder

    def tidy(self, *, seconds: float) -> None:
        asked = {"Bucket": self._address.bucket, "Prefix": f"{self._address.prefix}{FILES}"}
        with _asking():
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
        with _asking():
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
        arrived = list(self._listed(f"{folder}/"))
        if not arrived:
            raise FileGone
        first = min(arrived, key=lambda each: (each["LastModified"], each["Key"]))["Key"]
        with _asking():
            size = self._copy(self._object(first), self._at(key))
        return Arrived(key, first.removeprefix(f"{self._address.prefix}{folder}/"), size)

    def drop(self, folder: str) -> None:
        self._remove([self._object(each["Key"]) for each in self._listed(f"{folder}/")])

    def link(self, key: str, shown: Shown, *, seconds: int) -> str | None:
        if DOWNLOADS not in self._address.direct:
            return None
        asked = {
            **self._at(key),
            "ResponseContentType": shown.media_type,
            "ResponseContentDisposition": shown.disposition,
            "ResponseCacheControl": shown.cache_control,
        }
        with _asking():
            return str(self._signer.generate_presigned_url("get_object", asked, ExpiresIn=seconds))

    def objection(self) -> str | None:
        try:
            with _asking():
                self._client.list_objects_v2(Bucket=self._address.bucket, MaxKeys=1)
        except FileStoreUnreachable as error:
            return f"The file store cannot be used: {error.__cause__}"
        return None

    # --- How it is asked

    def _remove(self, targets: Iterable[Mapping[str, str]]) -> None:
        # One by one: not every S3 has a call for many, and a task has few.
        with _asking():
            lanes.each(lambda target: self._client.delete_object(**target), targets)

    def _listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        for page in self._pages(prefix):
            yield from page.get("Contents", ())

    def _pages(self, prefix: str, **more: str) -> Iterator[dict[str, Any]]:
        asked = {"Bucket": self._address.bucket, "Prefix": f"{self._address.prefix}{prefix}", **more}
        while True:
            with _asking():
                page = self._client.list_objects_v2(**asked)
            yield page
            if not page.get("NextContinuationToken"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self._address.bucket, "Key": name}

    def _at(self, key: str) -> dict[str, str]:
        return self._object(f"{self._address.prefix}{FILES}{key}")

    def _key(self, listed: Mapping[str, str]) -> str:
        return listed["Key"].removeprefix(f"{self._address.prefix}{FILES}")

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


class _Ranges(io.RawIOBase):
    """A file of the bucket, of which pieces are asked for."""

    def __init__(self, read: Callable[[int, int], Iterator[bytes]], size: int) -> None:
        super().__init__()
        self._read, self._size, self._at = read, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readall(self) -> bytes:
        rest = b"".join(self._read(self._at, self._size - self._at))
        self._at += len(rest)
        return rest

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._size - self._at)
        for piece in self._read(self._at, size):
            buffer[: len(piece)] = piece
            buffer = memoryview(buffer)[len(piece) :]
        self._at += max(0, size)
        return max(0, size)


@contextmanager
def _asking() -> Iterator[None]:
    """Trust this thread, and tell what the bucket says by our own failures."""
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
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull from error
        raise
