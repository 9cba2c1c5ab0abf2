"""A19 and A20: an OpenStack that lies inside, and one outside whose answers lead inside."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from .conftest import ALLOWED
from .siege import import_of
from .test_outbound import LOOPBACK, METADATA, ODD, REFUSED, UNICODE

pytestmark = pytest.mark.attack
WHERE = {
    "username": "customer",
    "password": "told-secret-words",
    "region": "here",
    "container": "files",
    "project": "acme",
    "timeout": 15,
}
INSIDE = [
    *(
        "http://127.0.0.1:{port}/v1/AUTH_x",
        "http://localhost:{port}/v1/AUTH_x",
        "http://[::1]:{port}/v1/AUTH_x",
    ),
    *("http://127.1:{port}/v1/AUTH_x", "http://[::ffff:127.0.0.1]:{port}/v1", "http://2130706433:{port}/v1"),
    *(f"http://{host}/latest/meta-data" for host in METADATA),
]
MEANINGLESS = [
    *("file:///etc/passwd", "gopher://127.0.0.1:{port}/", "http://x@127.0.0.1:{port}/v1", "//127.0.0.1/v1"),
    *("http://127.0.0.1:{port}\\@{ok}/v1", "", "http://127.0.0.1:{port}#@{ok}/v1"),
]


class Cloud(ThreadingHTTPServer):
    """Says what it is told to say, to every request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((ALLOWED, 0), _Answers)
        self.storage = ""
        """What its catalogue names."""
        self.leads_to = ""
        """Where it redirects everything to."""
        self.status = 302
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://{ALLOWED}:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Cloud

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(self.path)
        if self.server.leads_to:
            return self.say(self.server.status, {}, {"Location": self.server.leads_to})
        if self.path == "/v3/auth/tokens":
            endpoints = [
                {"interface": "public", "region": "here", "region_id": "here", "url": self.server.storage}
            ]
            catalog = [{"type": "object-store", "name": "swift", "endpoints": endpoints}]
            token = {"project": {"id": "1"}, "catalog": catalog, "expires_at": "2999-01-01T00:00:00Z"}
            return self.say(201, {"token": token}, {"X-Subject-Token": "given-token"})
        if self.path == "/v2.0/tokens":
            endpoints = [{"region": "here", "publicURL": self.server.storage}]
            token = {"id": "given-token", "tenant": {"id": "1"}, "expires": "2999-01-01T00:00:00Z"}
            catalog = [{"type": "object-store", "name": "swift", "endpoints": endpoints}]
            return self.say(200, {"access": {"token": token, "serviceCatalog": catalog, "user": {}}})
        if self.path == "/auth/v1.0":
            return self.say(200, {}, {"X-Auth-Token": "given-token", "X-Storage-Url": self.server.storage})
        return self.say(404, {})

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

    def say(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": f"{len(text)}"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text if self.command != "HEAD" else b"")

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def served():
    with Cloud() as cloud:
        threading.Thread(target=cloud.serve_forever, args=(0.02,), daemon=True).start()
        yield cloud
        cloud.shutdown()


@pytest.fixture
def cloud():
    """A cloud at the one address that is allowed."""
    with served() as cloud:
        yield cloud


def codes_of(siege, **where):
    """Return how an import, one of many files and an export ended: 422 where they did not begin."""
    given = {**WHERE, **where}
    jobs = (
        {"made": {"operation": "import/openstack", "file": "a.txt", **given}},
        {"made": {"operation": "import/openstack", "file_prefix": "a", **given}},
        {
            "in": import_of("words", "a.txt"),
            "made": {"operation": "export/openstack", "input": "in", "file": "a.txt", **given},
        },
    )
    answers = [siege.stack.api.post("/v2/jobs", json={"tasks": tasks}) for tasks in jobs]
    codes = set()
    for answer in answers:
        assert answer.status_code in {201, 422}, answer.text
        if answer.status_code == 422:
            codes.add("422")
            continue
        end = siege.end(answer.json()["data"]["id"], files=False)
        siege.harmless(end)
        assert WHERE["password"] not in end.words and "given-token" not in end.words
        codes.add(end.made["code"])
    return codes


@pytest.mark.parametrize(
    "texts", [LOOPBACK, ODD, UNICODE, REFUSED["a4"], REFUSED["a5"]], ids=["loop", "odd", "uni", "meta", "in"]
)
def test_a19_openstack_an_identity_service_inside_is_refused(siege, texts):
    found = {text: codes_of(siege, auth_url=text.format(port=siege.canary.port)) for text in texts}

    # Where nothing has an address, nobody answers.
    assert all(codes <= {"ADDRESS_REFUSED", "422", "STORAGE_UNREACHABLE"} for codes in found.values()), found
    assert "ADDRESS_REFUSED" in found[texts[0]]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a19_openstack_an_identity_service_redirects_nowhere(siege, cloud, status):
    cloud.leads_to, cloud.status = siege.canary.url("/v3/auth/tokens"), status

    assert codes_of(siege, auth_url=cloud.url) == {"STORAGE_REFUSED"}
    assert "/v3/auth/tokens" in cloud.asked


@pytest.mark.parametrize("version", ["3", "2", "1"])
def test_a20_a_catalogue_that_leads_inside_is_refused(siege, cloud, version):
    found = {}
    for text in INSIDE:
        cloud.storage = text.format(port=siege.canary.port)
        found[text] = codes_of(siege, auth_url=cloud.url, auth_version=version)

    assert set.union(*found.values()) <= {"ADDRESS_REFUSED", "STORAGE_UNREACHABLE"}, found
    assert found[INSIDE[0]] == {"ADDRESS_REFUSED"}
    # It was asked, and what it said was not followed.
    assert set(cloud.asked) == {{"3": "/v3/auth/tokens", "2": "/v2.0/tokens", "1": "/auth/v1.0"}[version]}


@pytest.mark.parametrize("version", ["3", "1"])
def test_a20_a_catalogue_that_means_nothing_is_refused(siege, cloud, version):
    found = {}
    for text in MEANINGLESS:
        cloud.storage = text.format(port=siege.canary.port, ok=ALLOWED)
        found[text] = codes_of(siege, auth_url=cloud.url, auth_version=version)

    assert set.union(*found.values()) <= {"STORAGE_REFUSED", "ADDRESS_REFUSED"}, found


@pytest.mark.parametrize("status", [301, 307])
def test_a20_the_object_storage_redirects_nowhere(siege, cloud, status):
    with served() as storage:
        storage.leads_to, storage.status = siege.canary.url("/v1/AUTH_x/files/a.txt"), status
        cloud.storage = f"{storage.url}/v1/AUTH_x"

        assert codes_of(siege, auth_url=cloud.url) == {"STORAGE_REFUSED"}
        assert storage.asked
