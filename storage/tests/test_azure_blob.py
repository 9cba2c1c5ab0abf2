"""Azure Blob Storage, against Azurite."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import json
import logging
import os
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from azure.storage.blob import (
    BlobBlock,
    ContainerClient,
    ContentSettings,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

from jobs.contract import OptionProblem, outbound
from jobs.contract.errors import AddressRefused, StorageRefused, StorageUnreachable
from storage import azure_blob
from storage._support import azure_account, azure_refusals, limits
from storage._support.azure_refusals import Answer
from storage._support.lanes import LARGE as UP_TO

from .contract import LARGE, MB, ProviderContract

CONTAINER = "files"
SMALL = UP_TO - 1
"""The largest of those that move eight at a time."""
TOMORROW = datetime.now(UTC) + timedelta(days=1)


class Owner:
    """The account's owner: plain HTTP for names as they are, the SDK as everybody uses it for the rest."""

    def __init__(self, server):
        self.client = ContainerClient(server.endpoint, CONTAINER, credential=server.key)
        self.server = server
        self.everything = generate_account_sas(
            server.account, server.key, ResourceTypes(object=True), "rwdlac", TOMORROW
        )

    def ask(self, method, key, content=b"", **headers):
        path = f"{urlsplit(self.client.url).path}/{quote(key, safe='/')}?{self.everything}"
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request(method, path, content, {"x-ms-version": "2024-11-04", **headers})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status < 300, body
        return body

    def put(self, key, content):
        self.ask("PUT", key, content, **{"x-ms-blob-type": "BlockBlob"})

    def get(self, key):
        return self.ask("GET", key)

    def keys(self, prefix):
        return set(self.client.list_blob_names(name_starts_with=prefix))

    def litter(self, prefix):
        """Blocks of blobs that are there, which no list names; where no blob is, nobody sees or ends them."""
        blobs = [self.client.get_blob_client(key) for key in self.keys(prefix)]
        return [block.id for blob in blobs for block in blob.get_block_list("uncommitted")[1]]


@pytest.fixture(scope="module")
def owner_of(azurite):
    owner = Owner(azurite)
    owner.client.create_container()
    return owner


@pytest.fixture
def location(azurite, owner_of):
    return {
        "storage_account": azurite.account,
        "storage_access_key": azurite.key,
        "container": CONTAINER,
        "endpoint": azurite.endpoint,
    }


class TestAzureBlob(ProviderContract):
    operations = azure_blob.OPERATIONS
    one = "blob"
    many = "blob_prefix"
    container = "container"
    wrong: ClassVar = {"storage_access_key": base64.b64encode(b"another key").decode()}
    hidden = ("storage_access_key", "sas_token")

    @pytest.fixture
    def location(self, location):
        return location

    @pytest.fixture
    def peer(self, owner_of):
        return owner_of

    def port_of(self, location):
        return urlsplit(location["endpoint"]).port

    def by(self, location, port):
        old = f":{self.port_of(location)}/"
        return location | {"endpoint": location["endpoint"].replace(old, f":{port}/")}


class Keeping:
    """A trail that nothing is written on."""

    def begun(self, loose_end):
        raise AssertionError("Azure has no loose ends")


def opened(location):
    options = {option.name: option for option in azure_blob.OPERATIONS[1].options}
    given = {
        name: options[name].read(value) if name in options else value for name, value in location.items()
    }
    return closing(azure_blob.AzureBlob(dict.fromkeys(options) | given, Keeping()))


@pytest.fixture
def place(location, loopback):
    with opened(location) as place:
        yield place


def stored(place, folder, key, content):
    source = folder / f"source-{os.urandom(4).hex()}"
    source.write_bytes(content)
    place.store(source, key, lambda _size: None)


def fetched(place, folder, item):
    target = folder / f"target-{os.urandom(4).hex()}"
    place.fetch(item, target, lambda _size: None)
    return target.read_bytes()


def sas(azurite, permission):
    return generate_container_sas(
        azurite.account, CONTAINER, account_key=azurite.key, permission=permission, expiry=TOMORROW
    )


# --- Credentials


def test_a_signature_is_taken_whole_or_from_its_url(azurite, owner_of, location, loopback, tmp_path):
    owner_of.put("signed.txt", b"signed")
    token = sas(azurite, "r")
    del location["storage_access_key"]

    for given in (token, f"?{token}", f"{owner_of.client.url}?{token}", unquote(token), f" {token}\n"):
        with opened(location | {"sas_token": given}) as place:
            assert fetched(place, tmp_path, place.find("signed.txt")) == b"signed"


@pytest.mark.parametrize("token", ["", "?", "sv=2024-11-04&se=2030", "https://a.example/c", "sig"])
def test_what_is_no_signature_is_refused(token):
    with pytest.raises(StorageRefused, match="sas_token"):
        azure_account.signature(token)


def test_an_export_needs_no_more_than_to_write(azurite, owner_of, location, loopback, tmp_path):
    del location["storage_access_key"]
    content = os.urandom(9 * MB)

    with opened(location | {"sas_token": sas(azurite, "cw")}) as place:
        stored(place, tmp_path, "written/small.txt", b"small")
        stored(place, tmp_path, "written/large.bin", content)
        place.check()
        with pytest.raises(StorageRefused, match=r"not allowed to read 'files'\. Check container"):
            place.find("written/small.txt")
        with pytest.raises(StorageRefused, match="not allowed to list"):
            list(place.items("written/"))

    assert owner_of.get("written/small.txt") == b"small"
    assert owner_of.get("written/large.bin") == content


def test_an_import_of_one_blob_needs_no_more_than_to_read_it(azurite, owner_of, location, loopback, tmp_path):
    owner_of.put("one.txt", b"one")
    location["sas_token"] = generate_blob_sas(
        azurite.account, CONTAINER, "one.txt", account_key=azurite.key, permission="r", expiry=TOMORROW
    )
    del location["storage_access_key"]

    with opened(location) as place:
        assert fetched(place, tmp_path, place.find("one.txt")) == b"one"
        with pytest.raises(StorageRefused):
            stored(place, tmp_path, "one.txt", b"two")


def test_a_signature_that_is_over_names_its_field_and_stands_in_no_message_or_log(
    azurite, owner_of, location, loopback, tmp_path, caplog
):
    caplog.set_level(logging.DEBUG)
    token = generate_container_sas(
        azurite.account,
        CONTAINER,
        account_key=azurite.key,
        permission="r",
        expiry=datetime.now(UTC) - timedelta(days=1),
    )
    del location["storage_access_key"]

    with (
        opened(location | {"sas_token": token}) as place,
        pytest.raises(StorageRefused, match="sas_token") as refused,
    ):
        place.find("one.txt")

    signature = parse_qs(token)["sig"][0]
    for shown in (refused.value.message, caplog.text):
        assert signature not in shown
        assert quote(signature, safe="") not in shown


@pytest.mark.parametrize("key", ["not base64!", "abc", "ä"])
def test_a_key_that_is_none_names_its_field(location, key, loopback):
    with (
        pytest.raises(StorageRefused, match="Check storage_access_key"),
        opened(location | {"storage_access_key": key}),
    ):
        pass


def test_without_credentials_both_are_named(location, loopback):
    with (
        pytest.raises(StorageRefused, match="storage_access_key and sas_token"),
        opened(location | {"storage_access_key": ""}),
    ):
        pass


@pytest.mark.parametrize(
    "endpoint",
    ["http://acme.blob.core.windows.net", "https://core.windows.net.example", "https://thief.example"],
)
def test_the_machines_own_credentials_are_shown_to_azure_only(location, endpoint, loopback):
    del location["storage_access_key"]

    with (
        pytest.raises(StorageRefused, match="Check endpoint"),
        opened(location | {"workload_identity": True, "endpoint": endpoint}),
    ):
        pass


def test_the_machines_own_credentials_are_asked_for_by_us_and_shown_as_a_customers(location, monkeypatch):
    from azure.core.credentials import AccessToken
    from azure.identity import DefaultAzureCredential

    del location["storage_access_key"], location["endpoint"]
    asked = []

    def token(chain, *scopes, **options):
        asked.append((scopes, outbound._here.trust))
        return AccessToken("secret", 9**10)

    monkeypatch.setattr(DefaultAzureCredential, "get_token", token)
    monkeypatch.setattr(outbound, "resolve", lambda host, port: ["127.0.0.1"])
    with opened(location | {"workload_identity": True, "storage_account": "acme"}) as place:
        place._container._pipeline._transport.session.request = seen = Seen()
        with pytest.raises(StorageUnreachable):
            place.find("a")

    assert asked == [(("https://storage.azure.com/.default",), 1)]
    assert seen.urls == ["https://acme.blob.core.windows.net/files/a"] * 2
    assert seen.trust == [0, 0]


class Seen:
    """Refuses every request, and remembers it."""

    def __init__(self):
        self.urls, self.trust = [], []

    def __call__(self, method, url, **options):
        import requests

        self.urls.append(url)
        self.trust.append(getattr(outbound._here, "trust", 0))
        raise requests.ConnectionError("nobody")


# --- Where it is


@pytest.mark.parametrize(
    "account",
    ["a", "ACME", "acme.example/", "acme@evil", "acme.blob", "127.0.0.1:80/x#", "a" * 25, "acme?x", ""],
)
def test_an_account_is_a_name_and_leads_nowhere_else(location, account):
    del location["endpoint"]

    with (
        pytest.raises(StorageRefused, match="Check storage_account"),
        opened(location | {"storage_account": account}),
    ):
        pass


@pytest.mark.parametrize("container", ["a/b", "..", "A", "a?comp=list", "", "a b"])
def test_a_container_is_a_name_and_no_path(location, container, loopback):
    with pytest.raises(StorageRefused, match="Check container"), opened(location | {"container": container}):
        pass


def test_the_clouds_have_their_endpoints():
    def where(**given):
        return f"{azure_account.where({'storage_account': 'acme', 'endpoint': None, **given})}"

    assert where() == "https://acme.blob.core.windows.net/"
    china = "https://acme.blob.core.chinacloudapi.cn"
    assert where(endpoint=china) == f"{china}/"
    assert where(endpoint="http://127.0.0.1:10000/dev") == "http://127.0.0.1:10000/dev"


@pytest.mark.parametrize(
    "endpoint", ["ftp://a.example", "acme", "https://u:p@a.example", "https://a.example?sig=1"]
)
def test_an_endpoint_is_a_url_without_secrets(endpoint):
    with pytest.raises(OptionProblem, match="endpoint"):
        azure_account.endpoint(endpoint)


def test_an_endpoint_inside_is_refused(location):
    with pytest.raises(AddressRefused), opened(location):
        pass


def test_an_account_that_nobody_has_names_its_field(location, monkeypatch):
    del location["endpoint"]
    monkeypatch.setattr(outbound, "resolve", lambda host, port: (_ for _ in ()).throw(OSError(host)))

    with (
        pytest.raises(StorageUnreachable, match=r"at acme\.blob\.core\.windows\.net\. Check storage_account"),
        opened(location | {"storage_account": "acme"}),
    ):
        pass


class Server(ThreadingHTTPServer):
    """Answers as a test tells it to: by status, headers and body, for method and path."""

    daemon_threads = True

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.asked = answer, []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request, client_address):
        """Say nothing of clients that hang up."""

    def close(self):
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path))
        status, headers, body = self.server.answer(self.command, self.path)
        self.send_response(status)
        for name, value in {"Content-Length": f"{len(body)}", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_HEAD = do_GET  # noqa: N815 - named by the library

    def log_message(self, *args):
        pass


def served(answer, location):
    """Open an account at a server of the test's own."""
    server = Server(answer)
    location = location | {"endpoint": f"http://127.0.0.1:{server.server_port}"}
    return closing(server), opened(location)


def test_a_redirect_is_not_followed(location, loopback):
    other = Server(lambda *_: (200, {}, b"canary"))
    there = f"http://127.0.0.1:{other.server_port}/"
    server, opening = served(lambda *_: (307, {"Location": there}, b""), location)

    with closing(other), server, opening as place, pytest.raises(StorageRefused, match="307"):
        list(place.items(""))

    assert other.asked == []


def test_a_listing_that_does_not_end_is_left(location, loopback, monkeypatch):
    monkeypatch.setattr(limits, "MOST_PAGES", 5)
    page = b"<EnumerationResults><Blobs/><NextMarker>again</NextMarker></EnumerationResults>"
    server, opening = served(lambda *_: (200, {"Content-Type": "application/xml"}, page), location)

    with server, opening as place:
        place.check()
        with pytest.raises(StorageRefused, match=r"does not end.*blob_prefix"):
            list(place.items("a"))


def test_nothing_of_the_environment_is_used(location, loopback, monkeypatch):
    proxy = Server(lambda *_: (200, {}, b"canary"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server, opening = served(lambda *_: (404, {"x-ms-error-code": "BlobNotFound"}, b""), location)

    with closing(proxy), server as there, opening as place, pytest.raises(StorageRefused, match="blob"):
        place.find("a")

    assert proxy.asked == []
    assert there.asked == [("HEAD", "/files/a")]


def test_a_busy_server_is_asked_twice_and_then_unreachable(location, loopback):
    server, opening = served(lambda *_: (503, {"x-ms-error-code": "ServerBusy"}, b""), location)

    with server as there, opening as place, pytest.raises(StorageUnreachable):
        place.find("a")

    assert len(there.asked) == 2


def test_a_server_that_sends_without_end_is_not_listened_to(location, loopback, tmp_path):
    headers = {"ETag": '"1"', "Content-Range": "bytes 0-9/10", "x-ms-blob-type": "BlockBlob"}
    server, opening = served(lambda *_: (206, headers, bytes(100 * MB)), location)

    with server, opening as place, pytest.raises(StorageUnreachable, match="'a'"):
        fetched(place, tmp_path, azure_blob.Item("a", 10, '"1"'))


def test_an_answer_that_is_no_blob_is_bounded(location, loopback, tmp_path):
    status = 200
    server, opening = served(lambda *_: (status, {}, bytes(100 * MB)), location)

    with server, opening as place:
        with pytest.raises(StorageRefused, match="Check endpoint"):
            list(place.items("a"))
        status = 403
        with pytest.raises(StorageRefused, match="Check endpoint"):
            fetched(place, tmp_path, azure_blob.Item("a", 10, '"1"'))


@pytest.mark.parametrize("body", [b"", b"<html>hello</html>", b"hello"])
def test_a_server_that_is_no_azure_is_told_so(location, loopback, tmp_path, body):
    server, opening = served(lambda *_: (200, {}, body), location)

    with server, opening as place:
        for ask in (
            lambda: list(place.items("a")),
            lambda: fetched(place, tmp_path, azure_blob.Item("a", 10, '"1"')),
            lambda: fetched(place, tmp_path, place.find("a")),
            lambda: stored(place, tmp_path, "a", b"1"),
        ):
            with pytest.raises((StorageRefused, StorageUnreachable)):
                ask()


# --- What is put there


def test_an_upload_says_what_the_blob_is(place, owner_of, location, loopback, tmp_path):
    content = os.urandom(9 * MB)
    stored(place, tmp_path, "kind/page.pdf", b"%PDF")
    with opened(
        location
        | {
            "metadata": {"author": "Ada", "_n1": "  2 "},
            "content_type": "text/x-odd",
            "cache_control": "max-age=60",
            "content_disposition": 'attachment; filename="x.txt"',
        }
    ) as told:
        stored(told, tmp_path, "kind/small", b"1")
        stored(told, tmp_path, "kind/large", content)

    plain = owner_of.client.get_blob_client("kind/page.pdf").get_blob_properties()
    assert plain.content_settings.content_type == "application/pdf"
    assert plain.metadata == {}
    for key, data in (("kind/small", b"1"), ("kind/large", content)):
        found = owner_of.client.get_blob_client(key).get_blob_properties()
        assert found.metadata == {"author": "Ada", "_n1": "2"}
        assert found.content_settings.content_type == "text/x-odd"
        assert found.content_settings.cache_control == "max-age=60"
        assert found.content_settings.content_disposition == 'attachment; filename="x.txt"'
        assert bytes(found.content_settings.content_md5) == hashlib.md5(data).digest()
        assert found.blob_type == "BlockBlob"


@pytest.mark.parametrize(
    "metadata", [{"1a": "x"}, {"a-b": "x"}, {"": "x"}, {"a": "ä"}, {"a": "x\r\ny: z"}, {"A": "1", "a": "2"}]
)
def test_metadata_that_azure_cannot_hold_is_refused(metadata):
    with pytest.raises(OptionProblem, match=r"^The metadata"):
        azure_account.metadata(metadata)


def test_a_frozen_attempt_wins_wholly_or_not_at_all(place, owner_of, tmp_path):
    old, new = os.urandom(9 * MB), os.urandom(9 * MB)
    blob = owner_of.client.get_blob_client("frozen.bin")
    for name, part in (("f" * 48, old[: 8 * MB]), ("e" * 48, old[8 * MB :])):
        blob.stage_block(name, part)

    stored(place, tmp_path, "frozen.bin", new)
    with pytest.raises(Exception, match="InvalidBlockList") as failed:
        blob.commit_block_list([BlobBlock("f" * 48), BlobBlock("e" * 48)])

    assert owner_of.get("frozen.bin") == new
    told = azure_refusals.answer(failed.value)
    assert isinstance(refusal_of(told.status, told.code, doing="write to"), StorageUnreachable)


def test_bytes_are_told_of_in_small_pieces_each_once(place, owner_of, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(LARGE))
    sent, brought = [], []

    place.store(source, "pieces.bin", sent.append)
    place.fetch(place.find("pieces.bin"), target, brought.append)

    for pieces in (sent, brought):
        assert sum(pieces) == LARGE
        assert max(pieces) <= MB


GROWTH = """
import json, resource, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from storage import azure_blob

location, folder, sizes = json.load(sys.stdin)
place = azure_blob.AzureBlob(location, None)
place.check()
sources = [Path(folder) / f"source-{number}" for number in range(len(sizes))]
for source, size in zip(sources, sizes):
    with source.open("wb") as file:
        file.truncate(size)

def both(source):
    place.store(source, f"flat/{source.name}", lambda size: None)
    place.fetch(place.find(f"flat/{source.name}"), source.with_suffix(".out"), lambda size: None)
    return source.with_suffix(".out").stat().st_size

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with ThreadPoolExecutor(len(sizes)) as lanes:
    assert list(lanes.map(both, sources)) == sizes
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("sizes", [[96 * MB], [SMALL] * 8], ids=["one large", "eight small"])
def test_memory_stays_flat(location, owner_of, tmp_path, sizes):
    ended = subprocess.run(
        [sys.executable, "-c", GROWTH],
        input=json.dumps([location, f"{tmp_path}", sizes]),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "ATHANOR_OUTBOUND_ALLOW": "127.0.0.0/8"},
    )

    assert int(ended.stdout) < 64 * 1024


# --- What is brought


def test_a_packed_blob_stays_packed(place, owner_of, tmp_path):
    packed = gzip.compress(os.urandom(5 * MB))
    settings = ContentSettings(content_type="text/plain", content_encoding="gzip")
    owner_of.client.get_blob_client("a.txt.gz").upload_blob(packed, overwrite=True, content_settings=settings)

    assert fetched(place, tmp_path, place.find("a.txt.gz")) == packed


@pytest.mark.parametrize("kind", ["BlockBlob", "AppendBlob", "PageBlob"])
def test_every_type_of_blob_is_brought(place, owner_of, tmp_path, kind):
    content = os.urandom(512 * 10) + bytes(512 * 20)
    owner_of.client.get_blob_client(f"types/{kind}").upload_blob(content, blob_type=kind, overwrite=True)

    assert fetched(place, tmp_path, place.find(f"types/{kind}")) == content


def test_large_blobs_do_not_replace_those_of_another_type(place, owner_of, tmp_path):
    owner_of.client.get_blob_client("append").upload_blob(b"1", blob_type="AppendBlob", overwrite=True)

    with pytest.raises(StorageRefused, match="Check blob"):
        stored(place, tmp_path, "append", os.urandom(9 * MB))

    assert owner_of.get("append") == b"1"


def test_folders_of_hierarchical_accounts_are_no_files(place, owner_of):
    owner_of.put("tree/folder/a.txt", b"1")
    owner_of.ask("PUT", "tree/folder", **{"x-ms-blob-type": "BlockBlob", "x-ms-meta-hdi_isfolder": "true"})

    assert [item.key for item in place.items("tree/")] == ["tree/folder/a.txt"]
    with pytest.raises(StorageRefused, match="blob"):
        place.find("tree/folder")


def test_listings_and_questions_tell_the_same_version(place, owner_of):
    owner_of.put("version.txt", b"1")

    assert list(place.items("version.txt")) == [place.find("version.txt")]


def test_a_blob_that_was_overwritten_since_is_not_brought(place, owner_of, tmp_path):
    owner_of.put("changed.txt", b"old")
    item = place.find("changed.txt")
    owner_of.put("changed.txt", b"new")

    with pytest.raises(StorageUnreachable, match=r"changed\.txt"):
        fetched(place, tmp_path, item)


def test_bytes_that_do_not_match_the_checksum_are_not_taken(place, owner_of, tmp_path):
    settings = ContentSettings(content_md5=bytearray(hashlib.md5(b"other").digest()))
    blob = owner_of.client.get_blob_client("damaged.bin")
    blob.stage_block("1", b"these")
    blob.commit_block_list([BlobBlock("1")], content_settings=settings)

    with pytest.raises(StorageUnreachable, match=r"damaged\.bin"):
        fetched(place, tmp_path, place.find("damaged.bin"))


def test_an_archived_blob_says_so(place, owner_of, tmp_path):
    owner_of.put("cold.txt", b"1")
    owner_of.client.get_blob_client("cold.txt").set_standard_blob_tier("Archive")

    with pytest.raises(StorageRefused, match="rehydrated"):
        fetched(place, tmp_path, place.find("cold.txt"))


# --- What answers mean


def refusal_of(status, code, *, doing="read", key="a.txt"):
    return azure_refusals.refusal(
        Answer(status, code), doing=doing, key=key, host="h", container="c", fields=("sas_token",)
    )


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (403, "AuthenticationFailed", StorageRefused, "Check sas_token"),
        (401, "NoAuthenticationInformation", StorageRefused, "Check sas_token"),
        (400, "InvalidAuthenticationInfo", StorageRefused, "Check sas_token"),
        (403, "AuthorizationFailure", StorageRefused, "Check sas_token and container"),
        (403, "AuthorizationPermissionMismatch", StorageRefused, "not allowed to read 'c'"),
        (403, "InsufficientAccountPermissions", StorageRefused, "not allowed to read 'c'"),
        (404, "ContainerNotFound", StorageRefused, "no 'c'. Check container"),
        (404, "BlobNotFound", StorageRefused, "no 'a.txt'. Check blob"),
        (404, "", StorageRefused, "Check blob"),
        (409, "ContainerBeingDeleted", StorageRefused, "ContainerBeingDeleted. Check container"),
        (409, "BlobArchived", StorageRefused, "rehydrated"),
        (409, "InvalidBlobType", StorageRefused, "Check blob"),
        (412, "LeaseIdMissing", StorageRefused, "lease"),
        (412, "ConditionNotMet", StorageUnreachable, "'a.txt' changed"),
        (400, "Md5Mismatch", StorageUnreachable, "'a.txt' changed"),
        (400, "InvalidBlockList", StorageUnreachable, "'a.txt' changed"),
        (416, "InvalidRange", StorageUnreachable, "'a.txt' changed"),
        (503, "ServerBusy", StorageUnreachable, "at h"),
        (500, "OperationTimedOut", StorageUnreachable, "at h"),
        (429, "", StorageUnreachable, "at h"),
        (418, "", StorageRefused, "it answered 418"),
    ],
)
def test_an_answer_has_its_sentence(status, code, kind, words):
    refusal = refusal_of(status, code)

    assert isinstance(refusal, kind)
    assert words in refusal.message


def test_what_is_missing_when_writing_is_the_container():
    assert "Check container" in refusal_of(404, "", doing="write to").message
    assert "Check container" in refusal_of(400, "InvalidResourceName", key="").message
