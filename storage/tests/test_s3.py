"""import/s3 and export/s3: held against an S3 that obliges and one that is strict."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
from botocore.config import Config

from jobs.contract import OptionProblem, Work
from jobs.contract.errors import StorageRefused, StorageUnreachable
from storage import s3
from storage._support.place import Item

from .conftest import RunContext
from .contract import LARGE, ProviderContract

MB = 1024 * 1024


class Bucket:
    """A bucket as its owner sees it."""

    def __init__(self, client: Any, name: str) -> None:
        self.client, self.name = client, name
        # Swift's may have it as a container.
        with suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=name)

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def keys(self, prefix: str) -> set[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        found = {each["Key"] for page in pages for each in page.get("Contents", ())}
        return {key for key in found if key.lstrip("/").startswith(prefix)}

    def litter(self, prefix: str) -> list[str]:
        uploads = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())
        return [each["Key"] for each in uploads if each["Key"].startswith(prefix)]


class S3Contract(ProviderContract):
    operations = s3.OPERATIONS
    one, many, container = "key", "key_prefix", "bucket"
    wrong: ClassVar = {"access_key_id": "AKIAWRONG", "secret_access_key": "not/this+one"}
    hidden = ("access_key_id", "secret_access_key")
    long_name = 1000

    def by(self, location, port):
        return {**location, "endpoint": f"http://127.0.0.1:{port}"}

    def port_of(self, location):
        return int(location["endpoint"].rpartition(":")[2])


@pytest.fixture(scope="module")
def obliging(moto):
    """A bucket of moto's."""
    return Bucket(moto.client(), "contract")


@pytest.fixture(scope="module")
def strict(swift):
    """A bucket of Swift's."""
    client = boto3.client(
        "s3",
        endpoint_url=swift.s3_endpoint,
        region_name=swift.s3_region,
        aws_access_key_id=swift.s3_access_key,
        aws_secret_access_key=swift.s3_secret_key,
        config=Config(
            s3={"addressing_style": "path"}, proxies={}, request_checksum_calculation="when_required"
        ),
    )
    return Bucket(client, "contract")


@pytest.fixture
def at_moto(moto):
    """Where the obliging one is."""
    return {
        "bucket": "contract",
        "region": moto.region,
        "endpoint": moto.endpoint,
        "access_key_id": moto.access_key,
        "secret_access_key": moto.secret_key,
    }


class TestMoto(S3Contract):
    @pytest.fixture
    def location(self, at_moto):
        return dict(at_moto)

    @pytest.fixture
    def peer(self, obliging):
        return obliging

    def test_wrong_credentials_are_refused_and_named_but_not_told(self):
        pytest.skip("it looks at no credentials")


class TestSwiftS3(S3Contract):
    @pytest.fixture
    def location(self, swift):
        return {
            "bucket": "contract",
            "region": swift.s3_region,
            "endpoint": swift.s3_endpoint,
            "access_key_id": swift.s3_access_key,
            "secret_access_key": swift.s3_secret_key,
        }

    @pytest.fixture
    def peer(self, strict):
        return strict


# --- What only S3 has


def options(way, **given):
    """Read options as intake does."""
    [record] = [each for each in s3.OPERATIONS if each.name == f"{way}/s3"]
    known = {option.name: option for option in record.options}
    return {name: option.default for name, option in known.items()} | {
        name: known[name].read(value) for name, value in given.items()
    }


def export(path: Path, context: RunContext | None = None, **given: Any) -> None:
    """Run the export of one file."""
    [record] = [each for each in s3.OPERATIONS if each.name == "export/s3"]
    work = Work(
        inputs=(path,),
        names=(path.name,),
        folders=("",),
        output_dir=path.parent,
        options=options("export", **given),
    )
    record.run(work, context or RunContext())


class Trail:
    """Notes loose ends."""

    def __init__(self):
        self.ends = []

    def begun(self, loose_end):
        self.ends.append(loose_end)


@pytest.fixture
def place(at_moto, loopback, obliging):
    """The bucket as the product opens it."""
    opened = s3.S3(options("export", **at_moto), Trail())
    yield opened
    opened.close()


@pytest.mark.parametrize("size", [3, LARGE])
def test_what_is_said_of_an_object_is_kept_with_it(size, at_moto, loopback, obliging, tmp_path):
    source = tmp_path / "in.pdf"
    source.write_bytes(b"x" * size)

    export(
        source,
        **at_moto,
        key="said/a",
        acl="PublicRead",
        cache_control="max-age=60",
        content_disposition="attachment; filename=a.pdf",
        metadata={"Kind": "Rechnung für März", "plain": " words "},
        server_side_encryption="aws:kms",
        tagging={"a b": "c=d+e", "e": "f@g:/h"},
    )

    client = obliging.client
    found = client.head_object(Bucket="contract", Key="said/a")
    grants = client.get_object_acl(Bucket="contract", Key="said/a")["Grants"]
    tags = client.get_object_tagging(Bucket="contract", Key="said/a")["TagSet"]
    assert found["ContentType"] == "application/pdf"
    assert found["CacheControl"] == "max-age=60"
    assert found["ContentDisposition"] == "attachment; filename=a.pdf"
    assert found["Metadata"] == {"kind": "=?utf-8?q?Rechnung_f=C3=BCr_M=C3=A4rz?=", "plain": "words"}
    assert found["ServerSideEncryption"] == "aws:kms"
    assert {(tag["Key"], tag["Value"]) for tag in tags} == {("a b", "c=d+e"), ("e", "f@g:/h")}
    assert any(grant["Grantee"].get("URI", "").endswith("AllUsers") for grant in grants)


def test_the_type_is_that_of_the_file_then_that_of_the_key_then_what_was_said(
    at_moto, loopback, obliging, tmp_path
):
    picture, unnamed = tmp_path / "in.png", tmp_path / "in"
    for path in (picture, unnamed):
        path.write_bytes(b"x")

    export(picture, **at_moto, key="types/a.txt")
    export(unnamed, **at_moto, key="types/b.txt")
    export(picture, **at_moto, key="types/c.txt", content_type="text/x-own")

    types = [
        obliging.client.head_object(Bucket="contract", Key=f"types/{name}.txt")["ContentType"]
        for name in "abc"
    ]
    assert types == ["image/png", "text/plain", "text/x-own"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("endpoint", value)
            for value in ("ftp://x.example", "https://u:p@x.example", "https://x.example/?a")
        ),
        *(("bucket", value) for value in ("", "a/b", "a b", "arn:aws:s3:::x", "ü")),
        *(("region", value) for value in ("", "eu west", "a.b", "x/", "-a")),
        *(("access_key_id", value) for value in ("", "a b", "a\nb", "ü")),
        *(("key", value) for value in ("", "x" * 1025, "ü" * 513, "\ud800")),
        *(("cache_control", value) for value in ("a\r\nb: c", "ü")),
        ("content_disposition", "attachment; filename=ü.pdf"),
        *(("metadata", value) for value in ({"a b": "c"}, {"": "c"}, {"a": "b\nc"}, {"ü": "c"})),
        *(("tagging", value) for value in ({f"{n}": "" for n in range(11)}, {"": "a"}, {"a": "b" * 257})),
        ("acl", "everybody"),
        ("server_side_encryption", "rot13"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(name, value):
    with pytest.raises(OptionProblem, match=name):
        options("export", **{name: value})


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://s3.example.com", "https://s3.example.com"),
        ("s3.example.com/", "https://s3.example.com"),
        (" http://S3.example.com:9000/base/ ", "http://s3.example.com:9000/base"),
    ],
)
def test_an_endpoint_is_read_the_one_way_it_can_be(text, read):
    assert options("import", endpoint=text)["endpoint"] == read


def test_more_objects_than_a_page_are_all_found(place, obliging):
    for number in range(1005):
        obliging.put(f"pages/{number}", b"")

    assert len({item.key for item in place.items("pages/")}) == 1005


def test_another_version_than_the_one_found_is_not_brought(place, obliging, tmp_path):
    obliging.put("versions/a", b"old")
    item = place.find("versions/a")
    obliging.put("versions/a", b"new")

    with pytest.raises(StorageUnreachable, match="versions/a"):
        place.fetch(item, tmp_path / "a", lambda _: None)


@pytest.mark.parametrize("size", [1000, LARGE])
def test_bytes_that_are_not_what_the_tag_says_are_not_taken(size, place, obliging, tmp_path, monkeypatch):
    content = os.urandom(size)
    obliging.put("damaged/a", content)
    read = s3.S3._read

    def damage(self, item, body):
        data = read(self, item, body)
        return bytes([data[0] ^ 1]) + data[1:] if data else data

    monkeypatch.setattr(s3.S3, "_read", damage)

    with pytest.raises(StorageUnreachable, match="damaged/a"):
        place.fetch(place.find("damaged/a"), tmp_path / "a", lambda _: None)


@pytest.mark.parametrize("size", [1000, LARGE])
def test_bytes_that_arrive_otherwise_than_sent_are_told(size, place, tmp_path, monkeypatch):
    source = tmp_path / "a"
    source.write_bytes(os.urandom(size))
    request = "complete_multipart_upload" if size == LARGE else "put_object"
    sent = getattr(place._client, request)
    monkeypatch.setattr(place._client, request, lambda **asked: sent(**asked) | {"ETag": f'"{"0" * 32}"'})

    with pytest.raises(StorageUnreachable, match="damaged/b"):
        place.store(source, "damaged/b", lambda _: None)


def test_a_tag_that_is_no_digest_is_taken_with_the_right_size(place, tmp_path, monkeypatch):
    source = tmp_path / "a"
    source.write_bytes(b"four")
    sent = place._client.put_object
    monkeypatch.setattr(place._client, "put_object", lambda **asked: sent(**asked) | {"ETag": '"opaque"'})

    place.store(source, "opaque/a", lambda _: None)

    monkeypatch.setattr(place, "find", lambda key: Item(key, 3))
    with pytest.raises(StorageUnreachable, match="opaque/a"):
        place.store(source, "opaque/a", lambda _: None)


def test_a_completion_whose_answer_was_lost_is_found_done(place, obliging, tmp_path, monkeypatch):
    source = tmp_path / "a"
    source.write_bytes(os.urandom(LARGE))
    complete = place._client.complete_multipart_upload

    def twice(**asked):
        complete(**asked)
        return complete(**asked)

    monkeypatch.setattr(place._client, "complete_multipart_upload", twice)

    place.store(source, "lost/a", lambda _: None)

    assert obliging.get("lost/a") == source.read_bytes()


def test_an_upload_is_written_down_before_its_parts_and_gone_when_it_was_tidied(
    place, obliging, tmp_path, monkeypatch
):
    source = tmp_path / "a"
    source.write_bytes(os.urandom(LARGE))
    monkeypatch.setattr(place, "_abort", lambda named: None)
    written = []

    def advance(_size):
        written.append(list(place._trail.ends))
        raise StorageUnreachable

    with pytest.raises(StorageUnreachable):
        place.store(source, "loose/a", advance)
    monkeypatch.undo()

    [[loose_end]] = {tuple(ends) for ends in written}
    assert obliging.litter("loose/") == ["loose/a"]
    place.tidy(loose_end)
    assert obliging.litter("loose/") == []
    place.tidy(loose_end)


def test_what_may_not_be_read_is_told_from_what_is_not_there(swift, strict, loopback):
    location = {
        "bucket": "nobodys",
        "region": swift.s3_region,
        "endpoint": swift.s3_endpoint,
        "access_key_id": swift.s3_access_key,
        "secret_access_key": swift.s3_secret_key,
    }
    place = s3.S3(options("import", **location), Trail())

    with pytest.raises(StorageRefused, match="'nobodys'"):
        place.find("a")
    place.close()


def test_sums_that_a_service_does_not_know_are_not_sent_to_it(place, tmp_path):
    heads = []
    place._client.meta.events.register(
        "before-send.s3", lambda request, **_: heads.append(dict(request.headers))
    )
    source = tmp_path / "a"
    source.write_bytes(b"four")

    place.store(source, "sums/a", lambda _: None)

    names = {name.lower() for head in heads for name in head}
    assert "content-md5" in names
    assert not [name for name in names if "checksum" in name or "trailer" in name]
