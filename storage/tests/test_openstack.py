"""OpenStack Swift, against a real one: by Keystone, in segments, and by Swift's own login."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import pytest
import swiftclient
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from swiftclient import client

from jobs.contract import OptionProblem, urls
from jobs.contract.errors import StorageRefused
from storage import openstack
from storage._support import limits
from storage._support import openstack_identity as identity
from storage._support import openstack_segments as segments

from .conftest import RunContext
from .contract import ProviderContract

CONTAINER = "contract"


class Owner:
    """The storage as its owner sees it, by the SDK."""

    def __init__(self, swift: swiftclient.Connection) -> None:
        self.swift = swift
        self.url, self.token = swift.get_auth()
        swift.put_container(CONTAINER)

    def put(self, key: str, content: bytes) -> None:
        # The SDK takes dots out of names.
        where = urlsplit(self.url)
        with closing(HTTPConnection(where.netloc, timeout=60)) as connection:
            path = f"{where.path}/{CONTAINER}/{quote(key)}"
            connection.request("PUT", path, content, {"X-Auth-Token": self.token})
            assert connection.getresponse().status == 201

    def get(self, key: str) -> bytes:
        return self.swift.get_object(CONTAINER, key)[1]

    def keys(self, prefix: str) -> set[str]:
        return {entry["name"] for entry in self.listed(CONTAINER, prefix)}

    def litter(self, prefix: str) -> list[str]:
        """Segments that belong to no object."""
        used = {
            segment["name"].split("/", 2)[2]
            for entry in self.listed(CONTAINER)
            if "slo_etag" in entry
            for segment in self.manifest(entry["name"])
        }
        return [name for name in self.segments() if name not in used]

    def manifest(self, key: str) -> list[dict[str, Any]]:
        _, text = self.swift.get_object(CONTAINER, key, query_string="multipart-manifest=get")
        return json.loads(text)

    def segments(self) -> list[str]:
        with suppress(swiftclient.ClientException):
            return [entry["name"] for entry in self.listed(f"{CONTAINER}_segments")]
        return []

    def listed(self, container: str, prefix: str = "") -> list[dict[str, Any]]:
        return self.swift.get_container(container, prefix=prefix, full_listing=True)[1]


def keystone(swift, region: str, username: str = "tester") -> swiftclient.Connection:
    login = v3.Password(
        f"{swift.auth_url}/v3",
        username=username,
        password=swift.password,
        user_domain_name=swift.domain,
        project_id=swift.project_id,
    )
    return swiftclient.Connection(session=Session(login), os_options={"region_name": region}, retries=1)


def location_of(swift, **more):
    return {
        "auth_url": swift.auth_url,
        "username": swift.username,
        "password": swift.password,
        "region": swift.region,
        "container": CONTAINER,
        **more,
    }


def only(*words: str) -> Callable[[type], type]:
    """Keep the cases whose names hold one of these words."""

    def kept(tests: type) -> type:
        for case in dir(tests):
            if case.startswith("test_") and not any(word in case for word in words):
                setattr(tests, case, None)
        return tests

    return kept


class Contract(ProviderContract):
    operations = openstack.OPERATIONS
    one = "file"
    many = "file_prefix"
    container = "container"
    wrong: ClassVar = {"username": "tester", "password": "not-the-password"}
    hidden = ("password",)


class TestKeystone(Contract):
    @pytest.fixture
    def location(self, swift):
        return location_of(swift)

    @pytest.fixture
    def peer(self, swift):
        return Owner(keystone(swift, swift.region))

    @pytest.fixture(autouse=True)
    def _served(self, swift):
        self.swift = swift

    def port_of(self, location):
        return self.swift.port

    def by(self, location, port):
        return {**location, "region": self.swift.region_at(port)}


@only("large", "upload", "download_cut", "replaces", "killed", "overwritten")
class TestSegments(TestKeystone):
    """The same where Swift takes only small files: large ones go in segments."""

    @pytest.fixture
    def location(self, swift):
        return location_of(swift, region=swift.small_region)

    def port_of(self, location):
        return self.swift.small_port


@only("round", "odd", "credentials", "missing", "dead", "cut_in", "check")
class TestV1(Contract):
    """The same by Swift's own login, without Keystone."""

    wrong: ClassVar = {"username": "test:tester", "password": "not-the-password"}

    @pytest.fixture
    def location(self, swift):
        return location_of(swift, auth_url=swift.v1_auth_url, username=swift.v1_user, password=swift.v1_key)

    @pytest.fixture
    def peer(self, swift):
        return Owner(swiftclient.Connection(swift.v1_auth_url, swift.v1_user, swift.v1_key))

    def port_of(self, location):
        return urlsplit(location["auth_url"]).port

    def by(self, location, port):
        return {**location, "auth_url": f"http://127.0.0.1:{port}/auth/v1.0"}


# --- What is special


def names_in(owner, container: str) -> set[str]:
    return {entry["name"] for entry in owner.listed(container)}


@pytest.fixture
def here(loopback, swift):
    """The container, as its owner sees it."""
    return Owner(keystone(swift, swift.region))


def run(way, folder, location, **given):
    case = TestKeystone()
    location = {**location, **given}
    return case.bring(folder, location) if way == "import" else case.put(folder, location, {"a": b"new"})


@pytest.mark.parametrize(
    ("username", "given", "words"),
    [
        ("single", {}, None),
        ("torn", {"project": "athanor"}, None),
        ("torn", {"tenant_name": "athanor"}, None),
        ("torn", {}, "several projects: athanor, other. Name one in project."),
        ("nobody", {}, "no project"),
        ("tester", {"project": "other"}, "username, password and project"),
        ("tester", {"region": "Nowhere"}, "no region 'Nowhere', but .*RegionOne.* Check region"),
        ("tester", {"region": "regionone"}, None),
        ("tester", {"user_domain": "Default", "project": "athanor", "project_domain": "Default"}, None),
        ("tester", {"user_domain": "Elsewhere"}, "user_domain"),
        ("tester", {"auth_version": "3"}, None),
        ("tester", {"auth_version": "2"}, "no identity service"),
        ("guest", {}, "not allowed to write to 'contract'. Check container"),
    ],
)
def test_who_asks(username, given, words, swift, here, tmp_path):
    location = location_of(swift, username=username, file="who.txt", **given)

    if words:
        with pytest.raises(StorageRefused, match=words):
            run("export", tmp_path, location)
    else:
        run("export", tmp_path, location)
        assert here.get("who.txt") == b"new"
        here.swift.delete_object(CONTAINER, "who.txt")


@pytest.mark.parametrize("path", ["/", "/v3", "/v3/"])
def test_the_version_may_be_in_the_url(path, swift, here, tmp_path):
    here.put("versions.txt", b"here")

    brought = run("import", tmp_path, location_of(swift, auth_url=swift.auth_url + path, file="versions.txt"))

    assert brought == {"versions.txt": b"here"}


def test_large_objects_of_others_are_read(swift, here, tmp_path):
    here.swift.put_container("parts")
    for number, content in enumerate((b"one", b"two")):
        here.swift.put_object("parts", f"x/{number}", content)
    listed = [{"path": f"/parts/x/{number}"} for number in (0, 1)]
    here.swift.put_object(
        CONTAINER, "large/slo.txt", json.dumps(listed), query_string="multipart-manifest=put"
    )
    here.swift.put_object(CONTAINER, "large/dlo.txt", b"", headers={"X-Object-Manifest": "parts/x/"})

    brought = run("import", tmp_path, location_of(swift, file_prefix="large/"))
    alone = run("import", tmp_path, location_of(swift, file="large/dlo.txt"))

    assert brought == {"slo.txt": b"onetwo", "dlo.txt": b"onetwo"}
    assert alone == {"dlo.txt": b"onetwo"}


def test_what_replaces_a_large_object_takes_its_own_segments_along_and_nobody_elses(swift, here, tmp_path):
    case = TestKeystone()
    large = {"a": bytes(swift.small_file_size + 1)}
    case.put(tmp_path, location_of(swift, region=swift.small_region, file="replaced"), large)
    assert here.segments()
    here.swift.put_container("parts")
    here.swift.put_object("parts", "shared", b"shared")
    shared = json.dumps([{"path": "/parts/shared"}])
    here.swift.put_object(CONTAINER, "sharing", shared, query_string="multipart-manifest=put")

    run("export", tmp_path, location_of(swift, file="replaced"))
    run("export", tmp_path, location_of(swift, file="sharing"))

    assert here.get("replaced") == here.get("sharing") == b"new"
    assert here.litter("") == []
    assert here.swift.get_object("parts", "shared")[1] == b"shared"


def test_an_attempt_that_died_after_its_end_loses_nothing(swift, here, tmp_path):
    case = TestKeystone()
    content = bytes(swift.small_file_size + 1)
    location = location_of(swift, region=swift.small_region, file="whole")
    context = RunContext(seconds=120)
    case.put(tmp_path, location, {"a": content}, context)
    [loose_end] = context.loose_ends

    place = openstack.Swift(case.options("export", location), context)
    place.tidy(loose_end)
    place.close()

    assert here.get("whole") == content
    assert here.litter("") == []


def test_segments_lie_out_of_sight_where_no_container_can_be_made(swift, here, tmp_path, monkeypatch):
    def refuse(*_where, **_more):
        raise client.ClientException("Container PUT failed", http_status=403)

    here.swift.put_container("closed")
    monkeypatch.setattr(client, "put_container", refuse)
    content = bytes(swift.small_file_size + 1)
    location = location_of(swift, region=swift.small_region, container="closed")
    case = TestKeystone()

    case.put(tmp_path, {**location, "file": "a.bin"}, {"a": content})

    assert case.bring(tmp_path, {**location, "file_prefix": "a"}) == {"a.bin": content}
    assert {name.partition("/")[0] for name in names_in(here, "closed")} == {".segments", "a.bin"}


@pytest.mark.parametrize("known", [{}, {"ends": datetime.now(UTC)}])
def test_a_token_that_ends_in_between_is_replaced(known, swift, here, tmp_path):
    here.put("token.txt", b"still here")
    place = openstack.Swift(TestKeystone().options("import", location_of(swift)), RunContext())
    place._entry = replace(place._entry, token="ended", **known)

    place.fetch(place.find("token.txt"), tmp_path / "token.txt", lambda _size: None)
    place.close()

    assert (tmp_path / "token.txt").read_bytes() == b"still here"


# --- Decisions


def _auth_url(text):
    return next(option for option in openstack.OPERATIONS[0].options if option.name == "auth_url").read(text)


@pytest.mark.parametrize(
    ("given", "read"),
    # Clients' own tests send the last, and expect that it is taken.
    [
        ("https://x/v3", "https://x/v3"),
        ("x:5000", "https://x:5000"),
        ("some-auth-url", "https://some-auth-url"),
    ],
)
def test_an_auth_url_without_a_scheme_is_https(given, read):
    assert _auth_url(given) == read


@pytest.mark.parametrize("text", ["ftp://x", "a b", "https://x?y=1"])
def test_what_is_no_auth_url_is_refused_at_intake(text):
    with pytest.raises(OptionProblem, match="auth_url"):
        _auth_url(text)


@pytest.mark.parametrize(
    ("auth_url", "version", "tried"),
    [
        (
            "https://x",
            None,
            [("3", "https://x/v3"), ("2", "https://x/v2.0"), ("1", "https://x/auth/v1.0")],
        ),
        ("https://x/identity/", "2", [("2", "https://x/identity/v2.0")]),
        ("https://x/identity/v3", None, [("3", "https://x/identity/v3")]),
        ("https://x/v2.0/", None, [("2", "https://x/v2.0")]),
        ("https://x/auth/v1.0", None, [("1", "https://x/auth/v1.0")]),
        ("https://x/v1", None, [("1", "https://x/v1")]),
        ("https://x/v2.0", "3", [("3", "https://x/v3")]),
    ],
)
def test_the_ways_in(auth_url, version, tried):
    assert identity.ways(auth_url, version) == tried


@pytest.mark.parametrize(
    ("size", "limits", "sizes"),
    [
        (25, segments.Bounds(10, 1000), [10, 10, 5]),
        (3 * segments.GIB, segments.Bounds(), [segments.GIB] * 3),
        (2001 * segments.GIB, segments.Bounds(segments=1000), None),
    ],
)
def test_how_a_large_file_is_cut(size, limits, sizes):
    cuts = segments.cut(size, limits)

    assert sizes is None or [size for _, size in cuts] == sizes
    assert sum(each for _, each in cuts) == size
    assert len(cuts) <= limits.segments and max(each for _, each in cuts) <= limits.file_bytes


def test_what_is_too_large_even_in_segments_is_refused():
    with pytest.raises(StorageRefused, match="larger than the storage takes"):
        segments.cut(2001, segments.Bounds(2, 1000))


def test_a_token_does_not_leave_encryption(loopback, swift, monkeypatch):
    entry = identity.Entry(urls.parse("http://127.0.0.1:8080/v1/AUTH_x"), "token")
    monkeypatch.setitem(identity._WAYS, "3", lambda _url, _location: entry)
    location = TestKeystone().options("import", location_of(swift, auth_url="https://127.0.0.1:5000"))

    with pytest.raises(StorageRefused, match="without encryption"):
        identity.enter(location)


class OldCloud(ThreadingHTTPServer):
    """Speaks v2 only, which Keystone has given up; its tokens are those of a Keystone of today."""

    daemon_threads = True

    def __init__(self, token: str, storage: str) -> None:
        super().__init__(("127.0.0.1", 0), OldAnswers)
        self.token, self.storage = token, storage


class OldAnswers(BaseHTTPRequestHandler):
    server: OldCloud

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v2.0/tokens":
            return self.say(404, {})
        if asked["auth"]["passwordCredentials"] != {"username": "old", "password": "testing"}:
            return self.say(401, {})
        token = {"id": self.server.token, "expires": "2999-01-01T00:00:00Z"}
        if asked["auth"].get("tenantId") == "7" or asked["auth"].get("tenantName") == "acme":
            token["tenant"] = {"id": "7", "name": "acme"}
        endpoints = [{"region": "Old", "publicURL": self.server.storage}]
        catalog = [{"type": "object-store", "name": "swift", "endpoints": endpoints}]
        return self.say(200, {"access": {"token": token, "serviceCatalog": catalog, "user": {"id": "1"}}})

    def do_GET(self) -> None:
        self.say(200, {"tenants": [{"id": "7", "name": "acme"}]})

    def say(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", f"{len(text)}")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.mark.parametrize("given", [{}, {"project": "acme"}, {"tenant_name": "acme", "auth_version": "2"}])
def test_v2_where_v3_is_not_spoken(given, swift, here, tmp_path):
    here.put("old.txt", b"old")
    with OldCloud(here.token, here.url) as cloud:
        threading.Thread(target=cloud.serve_forever, args=(0.02,), daemon=True).start()
        auth_url = f"http://127.0.0.1:{cloud.server_port}"
        location = location_of(
            swift, auth_url=auth_url, username="old", region="Old", file="old.txt", **given
        )

        brought = run("import", tmp_path, location)
        with pytest.raises(StorageRefused, match="Check username"):
            run("import", tmp_path, {**location, "password": "wrong"})
        cloud.shutdown()

    assert brought == {"old.txt": b"old"}


class Endless(BaseHTTPRequestHandler):
    """Lets everybody in, and lists the same folder for ever."""

    def do_GET(self) -> None:
        body = json.dumps(self.server.entries).encode()
        self.send_response(200)
        self.send_header("X-Storage-Url", f"http://127.0.0.1:{self.server.server_port}/v1/a")
        self.send_header("X-Auth-Token", "token")
        self.send_header("Content-Length", f"{len(body)}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "a", "bytes": 0, "content_type": openstack.FOLDER}, "does not end.*file_prefix"),
        ({"name": "a", "bytes": "many"}, "cannot be read"),
        ({"subdir": "a/"}, "cannot be read"),
        (5, "cannot be read"),
    ],
)
def test_a_listing_without_end_or_sense_is_left(entry, words, loopback, monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "MOST_PAGES", 5)
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        server.entries = [entry]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        there = {
            "auth_url": f"http://127.0.0.1:{server.server_port}/auth/v1.0",
            "username": "a",
            "password": "b",
            "region": "c",
            "container": "d",
        }

        with pytest.raises(StorageRefused, match=words):
            run("import", tmp_path, {**there, "file_prefix": "a"})
        server.shutdown()
