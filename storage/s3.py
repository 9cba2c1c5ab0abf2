"""import/s3 and export/s3: Amazon S3 and everything that speaks it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from jobs.contract.errors import StorageRefused, StorageUnreachable

from ._support import limits, parts, refusals, s3_answers, s3_client, s3_line, s3_options, side_by_side
from ._support.lanes import LARGE
from ._support.limits import CHUNK
from ._support.place import Advance, Item, Location, Trail
from ._support.transfers import transfers

MOST_PARTS = 10_000
RESUMED = 5
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
_OF_PARTS = re.compile(r'"?([0-9a-f]{32}-\d+)"?')


class S3:
    """A bucket."""

    shared: ClassVar[bool] = True
    lanes: ClassVar[int] = 8

    def __init__(self, location: Location, trail: Trail) -> None:
        self._line = s3_line.Line(self.lanes + parts.WIDTH)
        self._client = s3_client.client(location, self._line)
        self._location, self._trail = location, trail
        self._bucket: str = location["bucket"]
        self._where = urlsplit(self._client.meta.endpoint_url).hostname or ""

    def check(self) -> None:
        """Return if what is in the bucket may be listed."""
        with self._asking("bucket", self._bucket, "list"):
            # Not HEAD: its refusals have no words.
            self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)

    def find(self, key: str) -> Item:
        """Return the object under a key."""
        from botocore.exceptions import ClientError

        with self._asking("key", key, "read"):
            try:
                answer = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError:
                # Which refusal it is only a GET tells.
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
                answer["Body"].close()
            return Item(key, answer["ContentLength"], answer.get("ETag", ""))

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield the objects whose keys begin so."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        with self._asking("bucket", self._bucket, "list"):
            for page in limits.pages(pages, "key_prefix"):
                for each in page.get("Contents", ()):
                    yield Item(each["Key"], each["Size"], each.get("ETag", ""))

    def fetch(self, item: Item, target: Path, advance: Advance) -> None:
        """Bring an object, a large one in ranges side by side; what breaks off goes on where it stopped.

        :raises StorageUnreachable: also when it is overwritten meanwhile, or is not what its MD5 says.
        """
        size = item.size or 0
        spans = parts.spans(size, most=MOST_PARTS) if size >= LARGE else [range(size)]
        digest = hashlib.md5(usedforsecurity=False)
        tag = _MD5.fullmatch(item.version)
        with target.open("x+b") as file:
            bring = partial(self._bring, item, file.fileno(), advance, spans)
            with closing(side_by_side.in_order(bring, len(spans), width=parts.WIDTH)) as brought:
                for span, answer in zip(spans, brought, strict=True):
                    tag = tag if self._tells_md5(answer) else None
                    if tag:
                        # While the others are still on their way.
                        parts.digest(file.fileno(), span, digest.update)
        if tag and tag[1] != digest.hexdigest():
            raise refusals.altered(item.key)

    def _bring(
        self, item: Item, file: int, advance: Advance, spans: Sequence[range], number: int
    ) -> dict[str, Any]:
        at, end = spans[number].start, spans[number].stop
        for resumed in range(RESUMED + 1):
            before = at
            try:
                answer = self._get(item, range(at, end))
                with closing(answer["Body"]) as body:
                    while data := self._read(item, body):
                        os.pwrite(file, data, at)
                        at += len(data)
                        advance(len(data))
            except StorageUnreachable:
                if at == before or resumed == RESUMED:
                    raise
            else:
                break
        return answer

    def _get(self, item: Item, span: range) -> dict[str, Any]:
        wanted = {"IfMatch": item.version} if item.version else {}
        if len(span) != item.size:
            wanted["Range"] = f"bytes={span.start}-{span.stop - 1}"
        with self._asking("key", item.key, "read"):
            answer: dict[str, Any] = self._client.get_object(Bucket=self._bucket, Key=item.key, **wanted)
        # Some know no conditions, others no ranges.
        if answer.get("ContentLength") != len(span) or answer.get("ETag", "") != item.version:
            answer["Body"].close()
            raise refusals.altered(item.key)
        return answer

    def _read(self, item: Item, body: Any) -> bytes:
        with self._asking("key", item.key, "read"):
            data: bytes = body.read(CHUNK // 4)
        return data

    def store(self, source: Path, key: str, advance: Advance) -> None:
        """Put a file there, a large one in parts side by side, and look whether it is what was sent.

        :raises StorageUnreachable: also when it is not.
        """
        size = source.stat().st_size
        how = s3_options.how(self._location, source, key)
        if size < LARGE:
            part, answer = self._send(source, range(size), advance, "put_object", Key=key, **how)
            tag = part.hex()
        else:
            tag, answer = self._store_parts(source, key, size, how, advance)
        found = f"{answer.get('ETag', '')}".strip('"')
        if found == tag:
            return
        if self._tells_md5(answer) and (_MD5.fullmatch(found) or _OF_PARTS.fullmatch(found)):
            raise refusals.altered(key)
        # It had the digests to hold the bytes against. Who may only write may not look.
        with suppress(StorageRefused):
            if self.find(key).size != size:
                raise refusals.altered(key)

    def _store_parts(
        self, source: Path, key: str, size: int, how: dict[str, Any], advance: Advance
    ) -> tuple[str, dict[str, Any]]:
        spans = parts.spans(size, most=MOST_PARTS)
        with self._writing():
            upload = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, **how)["UploadId"]
        named = {"Key": key, "UploadId": upload}

        def send(number: int) -> tuple[bytes, dict[str, Any]]:
            return self._send(source, spans[number], advance, "upload_part", PartNumber=number + 1, **named)

        try:
            self._trail.begun(json.dumps(named))
            with closing(side_by_side.in_order(send, len(spans), width=parts.WIDTH)) as sending:
                sent = list(sending)
            digest = hashlib.md5(b"".join(part for part, _ in sent), usedforsecurity=False).hexdigest()
            tag = f"{digest}-{len(sent)}"
            return tag, self._complete(named, [answer.get("ETag", "") for _, answer in sent], tag)
        except BaseException:
            with suppress(StorageRefused, StorageUnreachable):
                self._abort(named)
            raise

    def _send(
        self, source: Path, span: range, advance: Advance, request: str, **asked: Any
    ) -> tuple[bytes, dict[str, Any]]:
        """Return the MD5 of what was sent, and the answer."""
        with parts.Part(source, span, advance) as part:
            md5 = part.md5()
            asked |= {"Body": part if span else b"", "ContentMD5": base64.b64encode(md5).decode()}
            with self._writing():
                return md5, getattr(self._client, request)(Bucket=self._bucket, **asked)

    def _complete(self, named: dict[str, Any], tags: Sequence[str], tag: str) -> dict[str, Any]:
        numbered = [{"ETag": each, "PartNumber": number} for number, each in enumerate(tags, 1)]
        try:
            with self._writing():
                answer: dict[str, Any] = self._client.complete_multipart_upload(
                    Bucket=self._bucket, MultipartUpload={"Parts": numbered}, **named
                )
        except StorageUnreachable:
            # The answer may have been lost, not the request.
            with suppress(StorageRefused, StorageUnreachable):
                found = self.find(named["Key"]).version
                if found.strip('"') == tag:
                    return {"ETag": found}
            raise
        return answer

    def tidy(self, loose_end: str) -> None:
        """Abort the upload of an attempt that died, so that its parts go."""
        with suppress(StorageRefused):
            self._abort(json.loads(loose_end))

    def _abort(self, named: dict[str, Any]) -> None:
        with self._writing(), suppress(self._client.exceptions.NoSuchUpload):
            self._client.abort_multipart_upload(Bucket=self._bucket, **named)

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def _writing(self) -> AbstractContextManager[None]:
        return self._asking("bucket", self._bucket, "write to")

    def _asking(self, field: str, value: str, doing: str) -> AbstractContextManager[None]:
        token = bool(self._location.get("session_token"))
        return s3_answers.translated(
            s3_answers.Asked(self._where, self._bucket, field, value, doing, token=token)
        )

    def _tells_md5(self, answer: dict[str, Any]) -> bool:
        # Amazon's tag is an MD5 also of what it encrypts by keys of its own; others' need not be.
        kind = answer.get("ServerSideEncryption")
        return not kind or (kind == "AES256" and not self._location["endpoint"])


OPERATIONS = transfers(
    "s3",
    S3,
    has_identity=True,
    called="Amazon S3, or what speaks its protocol",
    location=s3_options.LOCATION,
    one=s3_options.ONE,
    many=s3_options.MANY,
    export=s3_options.EXPORT,
)
