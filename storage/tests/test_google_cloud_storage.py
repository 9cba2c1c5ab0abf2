"""Google Cloud Storage."""

from __future__ import annotations

import gzip
import json
import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from google.auth.exceptions import DefaultCredentialsError
from google.auth.transport.requests import AuthorizedSession

from jobs.contract.errors import (
    AddressRefused,
    DownloadFailed,
    FileTooLarge,
    StorageRefused,
    StorageUnreachable,
    TooMuchOutput,
)
from storage import google_cloud_storage
from storage._support import google, limits
from storage._support.place import Item

from .contract import LARGE, MB, ProviderContract


def pem(key) -> str:
    kinds = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, *kinds).decode()


SOMEBODYS = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


class Owner:
    """The bucket through the SDK as it comes."""

    def __init__(self, gcs) -> None:
        from google.cloud.storage import Client
        from google.oauth2.service_account import Credentials

        given = gcs.location()
        credentials = Credentials.from_service_account_info(given, scopes=["devstorage"])
        self.bucket = Client(
            project="p", credentials=credentials, client_options={"api_endpoint": gcs.endpoint}
        ).bucket(gcs.bucket)
        # The SDK would look for the account's regions at Google.
        credentials._is_regional_access_boundary_lookup_required = lambda: False
        self.bucket.client._credentials = credentials

    def put(self, key: str, content: bytes, **said) -> None:
        blob = self.bucket.blob(key)
        for name, value in said.items():
            setattr(blob, name, value)
        blob.upload_from_string(content, "application/octet-stream", checksum="crc32c")

    def get(self, key: str) -> bytes:
        return self.bucket.blob(key).download_as_bytes(raw_download=True)

    def keys(self, prefix: str) -> set[str]:
        return {blob.name for blob in self.bucket.list_blobs(prefix=prefix)}

    def litter(self, prefix: str) -> list[str]:
        # Nobody can list sessions.
        return []


class TestGoogleCloudStorage(ProviderContract):
    operations = google_cloud_storage.OPERATIONS
    one, many, container = "file", "file_prefix", "bucket"
    wrong: ClassVar = {"client_email": "somebody@else.iam.gserviceaccount.com", "private_key": SOMEBODYS}
    hidden = ("private_key",)
    too_little = 200_000

    @pytest.fixture
    def location(self, gcs):
        return gcs.location()

    @pytest.fixture
    def peer(self, gcs):
        return Owner(gcs)

    def port_of(self, location):
        return int(location["endpoint"].rpartition(":")[2])

    def by(self, location, port):
        return location | {"endpoint": f"http://127.0.0.1:{port}"}

    @pytest.fixture
    def place(self, location):
        with opened(location) as place:
            yield place

    # --- Who asks

    @pytest.mark.parametrize(
        "written",
        [
            lambda location: location["private_key"].replace("\n", "\\n"),
            lambda location: f"  {location['private_key']}\n\n",
            lambda location: json.dumps({"type": "service_account", "private_key_id": "1", **location}),
        ],
        ids=["line breaks spelled out", "spaces around", "its whole JSON file"],
    )
    def test_a_key_however_it_is_pasted(self, written, location):
        location["private_key"] = written(location)

        with opened(location) as place:
            place.check()

    def test_the_account_of_a_json_file_is_who_asks(self, location):
        location["private_key"] = json.dumps(location)
        location["client_email"] = "me@example.com"

        with opened(location) as place:
            place.check()

    @pytest.mark.parametrize(
        "key",
        [
            *(
                "",
                "private_key",
                "{",
                "{}",
                "[]",
                '{"private_key": 5}',
                '{"private_key": "x"}',
                "ключ",
                "\ud800",
            ),
            pem(ec.generate_private_key(ec.SECP256R1())),
            SOMEBODYS[:500],
        ],
    )
    def test_what_is_no_key_is_named_and_not_told(self, key, location):
        location["private_key"] = key

        with pytest.raises(StorageRefused, match="private_key") as refused, opened(location):
            pass

        assert len(key) < 20 or key not in refused.value.message
        assert refused.value.__cause__ is None

    def test_what_an_account_may_not_do_is_named(self, gcs, peer, root, tmp_path):
        peer.put(f"{root}/a.txt", b"1")
        reader, creator = gcs.location("reader"), gcs.location("creator")

        with pytest.raises(StorageRefused, match=r"storage\.objects\.create") as refused:
            self.put(tmp_path, reader, {"a.txt": b"2"}, file=f"{root}/b.txt")
        assert "bucket" in refused.value.message
        # Whoever may create may not replace.
        self.put(tmp_path, creator, {"a.txt": b"2"}, file=f"{root}/c.txt")
        with pytest.raises(StorageRefused, match=r"storage\.objects\.delete"):
            self.put(tmp_path, creator, {"a.txt": b"2"}, file=f"{root}/a.txt")
        with pytest.raises(StorageRefused, match=r"storage\.objects\.delete"):
            self.put(tmp_path, creator, {"a.txt": os.urandom(MB)}, file=f"{root}/a.txt")
        with pytest.raises(StorageRefused, match=r"storage\.objects\.get"):
            self.bring(tmp_path, creator, file=f"{root}/a.txt")
        with pytest.raises(StorageRefused, match=r"storage\.objects\.list"):
            self.bring(tmp_path, creator, file_prefix=root)
        assert peer.get(f"{root}/a.txt") == b"1"

    def test_an_account_that_only_writes_passes_the_check_and_one_that_may_nothing_does_not(self, gcs):
        with opened(gcs.location("creator")) as place:
            place.check()
        with pytest.raises(StorageRefused, match="bucket"), opened(gcs.location("nobody")) as place:
            place.check()

    def test_a_held_object_is_not_replaced(self, gcs, location, peer, root, tmp_path):
        for key, reason in (("a", "retentionPolicyNotMet"), ("b", "objectUnderActiveHold")):
            peer.put(f"{root}/{key}", b"1")
            gcs.hold(f"{root}/{key}", reason)

            with pytest.raises(StorageRefused, match="hold or a retention policy"):
                self.put(tmp_path, location, {"a.txt": b"2"}, file=f"{root}/{key}")

    def test_rights_over_readers_are_asked_for_only_where_an_acl_is_given(self, location):
        scopes = []
        for acl in (None, "publicRead"):
            with opened(location | {"acl": acl}) as place:
                scopes.append(place._session.credentials._scope.rpartition(".")[2])

        assert scopes == ["read_write", "full_control"]

    def test_a_connection_may_come_as_this_machine(self, location, monkeypatch):
        machine = google._account(location)
        monkeypatch.setattr("google.auth.default", lambda **_asked: (machine, None))
        given = {"client_email": None, "private_key": None, "workload_identity": True}

        with opened(location | given) as place:
            place.check()

    def test_a_machine_without_an_identity_says_so(self, location, monkeypatch):
        def missing(**_asked: Any) -> Any:
            raise DefaultCredentialsError("no metadata server")

        monkeypatch.setattr("google.auth.default", missing)

        with (
            pytest.raises(StorageRefused, match="no identity"),
            opened(location | {"workload_identity": True}),
        ):
            pass

    # --- What an object is

    def test_what_is_said_of_an_object(self, location, peer, root, tmp_path):
        said = {
            "cache_control": "no-store",
            "content_disposition": 'attachment; filename="ü.txt"',
            "metadata": {"colour": "grün"},
        }
        for size in (10, MB):
            files = {"a.png": os.urandom(size)}
            self.put(tmp_path, location, files, file=f"{root}/a.png", acl="public-read", **said)
            blob = peer.bucket.get_blob(f"{root}/a.png")

            assert {name: getattr(blob, name) for name in said} == said
            assert blob.content_type == "image/png"

        self.put(tmp_path, location, {"a": b"1"}, file=f"{root}/a", content_type="text/x-mine")
        assert peer.bucket.get_blob(f"{root}/a").content_type == "text/x-mine"

    def test_what_is_kept_packed_for_browsers_is_unpacked(self, location, peer, root, tmp_path):
        page = b"<h1>Hello</h1>" * 1000
        peer.put(f"{root}/page.html", gzip.compress(page), content_encoding="gzip")
        peer.put(f"{root}/page.tar.gz", gzip.compress(page), content_encoding="gzip")

        assert self.bring(tmp_path, location, file=f"{root}/page.html") == {"page.html": page}
        [packed] = self.bring(tmp_path, location, file=f"{root}/page.tar.gz").values()
        assert gzip.decompress(packed) == page

    def test_what_is_packed_badly_or_too_well_is_refused(self, location, peer, root, tmp_path, monkeypatch):
        peer.put(f"{root}/damaged.html", gzip.compress(b"<h1>Hello</h1>")[:-6], content_encoding="gzip")
        peer.put(f"{root}/bomb.html", gzip.compress(bytes(5 * MB)), content_encoding="gzip")

        with pytest.raises(DownloadFailed):
            self.bring(tmp_path, location, file=f"{root}/damaged.html")
        for module, name, ending in (
            (google_cloud_storage, "OUTPUT_BYTES", TooMuchOutput),
            (limits, "MAX_FILE_BYTES", FileTooLarge),
        ):
            monkeypatch.setattr(module, name, 4 * MB)
            with pytest.raises(ending):
                self.bring(tmp_path, location, file=f"{root}/bomb.html")
        assert not list(tmp_path.rglob("*.gz"))

    def test_folder_markers_are_no_files(self, location, peer, root, tmp_path):
        peer.put(f"{root}/sub/", b"")
        peer.put(f"{root}/sub/a.txt", b"1")

        assert self.bring(tmp_path, location, file_prefix=f"{root}/") == {"sub/a.txt": b"1"}

    @pytest.mark.parametrize("key", [".", "..", "x" * 1025, "ü" * 513, "\ud800"])
    def test_impossible_names_are_refused_before_anything_is_asked(self, key, location, place, tmp_path):
        source = tmp_path / "a"
        source.write_bytes(b"1")

        with pytest.raises(StorageRefused, match="file"):
            place.store(source, key, lambda _size: None)
        with pytest.raises(StorageRefused, match="file"):
            place.find(key)

    @pytest.mark.parametrize("bucket", ["", "x", "a/../b", "a/o/x?", "-a-", "ü" * 5, "a" * 300])
    def test_impossible_buckets_are_missing(self, bucket, location):
        with pytest.raises(StorageRefused, match="bucket"), opened(location | {"bucket": bucket}):
            pass

    def test_other_bytes_than_were_found_are_no_file(self, location, place, peer, root, tmp_path):
        peer.put(f"{root}/a", b"12345")
        found = place.find(f"{root}/a")
        generation = found.version.partition(" ")[0]

        for number, item in enumerate(
            (
                Item(found.key, 5, f"{generation} AAAAAA=="),
                Item(found.key, 6, found.version),
                Item(found.key, 4, found.version),
                Item(found.key, 5, "1 "),
            )
        ):
            with pytest.raises(StorageUnreachable, match="changed"):
                place.fetch(item, tmp_path / f"{number}", lambda _size: None)
        with pytest.raises(StorageRefused, match="gone"):
            place.fetch(Item(f"{root}/gone", 5, "1 "), tmp_path / "gone", lambda _size: None)

    def test_bytes_damaged_on_their_way_are_refused_by_google(
        self, location, place, peer, root, tmp_path, monkeypatch
    ):
        source = tmp_path / "a"
        for size in (100, MB):
            source.write_bytes(os.urandom(size))
            monkeypatch.setattr(place._pieces, "checksum", lambda _file, _advance: "AAAAAA==")

            with pytest.raises(StorageUnreachable, match="changed"):
                place.store(source, f"{root}/a", lambda _size: None)
        assert peer.keys(root) == set()

    # --- Sessions

    def test_a_session_that_ends_badly_is_cancelled(self, gcs, place, root, tmp_path):
        source = tmp_path / "a"
        source.write_bytes(os.urandom(2 * MB))

        def stop(size: int) -> None:
            if size:
                assert gcs.sessions().count(f"{root}/a") == 1
                raise FileTooLarge

        with pytest.raises(FileTooLarge):
            place.store(source, f"{root}/a", stop)

        assert f"{root}/a" not in gcs.sessions()

    def test_an_answer_that_was_lost_is_asked_for_again(self, place, peer, root, tmp_path, monkeypatch):
        source, content, puts = tmp_path / "a", os.urandom(2 * MB), []
        source.write_bytes(content)
        put = AuthorizedSession.put

        def losing(session: Any, url: str, **given: Any) -> Any:
            puts.append(given["headers"]["Content-Range"])
            answer = put(session, url, **given)
            if len(puts) == 1:
                raise requests.ConnectionError("lost")
            return answer

        monkeypatch.setattr(AuthorizedSession, "put", losing)
        moved = []
        place.store(source, f"{root}/a", moved.append)

        assert puts == [f"bytes 0-{2 * MB - 1}/{2 * MB}", f"bytes */{2 * MB}"]
        assert peer.get(f"{root}/a") == content
        assert sum(moved) == 2 * MB

    def test_a_session_goes_on_where_it_broke_off(self, location, peer, root, tmp_path, cutting, monkeypatch):
        ranges, put = [], AuthorizedSession.put

        def seen(session: Any, url: str, **given: Any) -> Any:
            ranges.append(given["headers"]["Content-Range"])
            return put(session, url, **given)

        monkeypatch.setattr(AuthorizedSession, "put", seen)
        way, files = cutting(self.port_of(location)), {"a.bin": os.urandom(LARGE)}
        way.cut(up=6 * MB, times=2)

        self.put(tmp_path, self.by(location, way.port), files, file=f"{root}/a.bin")

        assert peer.get(f"{root}/a.bin") == files["a.bin"]
        assert way.cuts == 2
        starts = [int(each[6:].partition("-")[0]) for each in ranges if "*" not in each]
        assert starts[0] == 0
        assert 0 < starts[1] < starts[2]
        assert all(start % google_cloud_storage.SMALL == 0 for start in starts)

    # --- The line

    def test_nothing_of_the_environment_counts(
        self, gcs, location, peer, root, tmp_path, monkeypatch, answers
    ):
        elsewhere = answers(b"{}")
        for name in (
            "STORAGE_EMULATOR_HOST",
            "API_ENDPOINT_OVERRIDE",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
        ):
            monkeypatch.setenv(name, elsewhere.url)
        monkeypatch.setenv("GOOGLE_API_USE_MTLS_ENDPOINT", "always")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nothing")
        monkeypatch.setenv("GCE_METADATA_HOST", elsewhere.url.removeprefix("http://"))
        monkeypatch.setenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "example.com")
        location["project_id"] = None

        with opened(location) as place:
            place.check()
        self.put(tmp_path, location | {"project_id": "p"}, {"a": b"1"}, file=f"{root}/a")

        assert elsewhere.asked == []

    def test_only_what_is_needed_is_asked(self, gcs, location, root, tmp_path, monkeypatch):
        asked, send = [], google.Door.send

        def seen(door: Any, request: Any, *given: Any, **more: Any) -> Any:
            asked.append(f"{request.method} {request.path_url.partition('?')[0]}")
            return send(door, request, *given, **more)

        monkeypatch.setattr(google.Door, "send", seen)
        self.put(tmp_path, location, {"a": b"1", "b": b"2"}, file_prefix=f"{root}/")

        upload = f"POST /upload/storage/v1/b/{gcs.bucket}/o"
        assert sorted(asked) == ["POST /token", upload, upload]

    def test_addresses_inside_are_refused(self, location, monkeypatch):
        from jobs.contract import reach

        allows = reach.Reach.read("127.0.0.1/32")
        monkeypatch.setattr(reach, "allowed", lambda: allows)
        inside = "http://127.0.0.2:8080"
        for field in ("endpoint", "token_uri"):
            with pytest.raises(AddressRefused), opened(location | {field: inside}) as place:
                place.check()

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_who_cannot_answer_now_is_unreachable(self, status, location, answers):
        there = answers(b"{}", status=status)
        with pytest.raises(StorageUnreachable), opened(location | {"endpoint": there.url}) as place:
            place.find("a")
        # One quick try more.
        assert len(there.asked) == 2
        with pytest.raises(StorageUnreachable), opened(location | {"token_uri": there.url}):
            pass
        assert len(there.asked) == 4

    def test_too_many_requests_in_other_words(self, location, answers):
        words = json.dumps({"error": {"code": 403, "errors": [{"reason": "rateLimitExceeded"}]}})
        there = answers(words.encode(), status=403)

        with pytest.raises(StorageUnreachable), opened(location | {"endpoint": there.url}) as place:
            place.find("a")

    @pytest.mark.parametrize("field", ["endpoint", "token_uri"])
    @pytest.mark.parametrize(
        "answer", [b"<html>", b"", b'{"access_token": 5}', b" " * (google.MOST_ANSWER + 1)], ids=len
    )
    def test_who_is_not_google_is_named(self, field, answer, location, answers):
        there = answers(answer)
        with pytest.raises(StorageRefused, match=field), opened(location | {field: there.url}) as place:
            place.find("a")

    def test_a_listing_that_does_not_end_is_left(self, location, answers, monkeypatch):
        monkeypatch.setattr(limits, "MOST_PAGES", 5)
        there = answers(b'{"nextPageToken": "again"}')

        with opened(location | {"endpoint": there.url}) as place:
            place.check()
            assert len(there.asked) == 1
            with pytest.raises(StorageRefused, match=r"does not end.*file_prefix"):
                list(place.items("a"))

        assert len(there.asked) == 7

    @pytest.mark.parametrize("status", [302, 307, 308])
    @pytest.mark.parametrize("field", ["endpoint", "token_uri"])
    def test_no_redirect_is_followed(self, field, status, location, answers, tmp_path):
        elsewhere = answers(b"{}")
        there = answers(b"{}", status=status, location=elsewhere.url)
        source = tmp_path / "a"
        source.write_bytes(os.urandom(MB))

        with pytest.raises(StorageRefused, match=field), opened(location | {field: there.url}) as place:
            place.store(source, "a", lambda _size: None)

        assert elsewhere.asked == []


@contextmanager
def opened(location: dict[str, Any]):
    """A place with every option there is, as operations have them."""
    record = google_cloud_storage.OPERATIONS[1]
    options = {option.name: option.default for option in record.options} | location
    place = google_cloud_storage.GoogleCloudStorage(options, None)
    yield place
    place.close()


class Answers(ThreadingHTTPServer):
    """Says the same to everybody."""

    daemon_threads = True

    def __init__(self, body: bytes, status: int, location: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.body, self.status, self.location = body, status, location
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", f"{len(self.server.body)}")
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()
        self.wfile.write(self.server.body)

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def answers():
    """Start servers that say the same to everybody."""
    started = []

    def start(body: bytes, *, status: int = 200, location: str = "") -> Answers:
        started.append(Answers(body, status, location))
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()
