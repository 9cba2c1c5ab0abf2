"""A19, for Google: endpoints, token endpoints and sessions that lead inside."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .canary import answer, redirect
from .conftest import ALLOWED
from .siege import import_of

pytestmark = [pytest.mark.attack, pytest.mark.needs("chromium")]
KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    .decode()
)
INSIDE = [
    *(f"http://{host}:{{port}}" for host in ("127.0.0.1", "localhost", "[::1]", "2130706433", "127.1")),
    *("http://[::ffff:127.0.0.1]:{port}", "http://169.254.169.254", "http://168.63.129.16"),
]
TOKEN = json.dumps({"access_token": "ya29.token", "expires_in": 3600})


def moves(**location):
    """Return an import and an export of a bucket."""
    given = {
        "project_id": "p",
        "bucket": "acme",
        "client_email": "a@b.example",
        "private_key": KEY,
        "file": "a.txt",
        **location,
    }
    bring = {"made": {"operation": "import/google-cloud-storage", **given}}
    put = {
        # Large enough for a session.
        "in": import_of("text" * 100_000, "a.txt"),
        "made": {"operation": "export/google-cloud-storage", "input": "in", **given},
    }
    return {"in": bring, "out": put}


def check_refused(siege, jobs):
    """Return the codes that jobs ended with."""
    ends = siege.ends(jobs)
    for text, end in ends.items():
        assert end.failed, text
        assert not siege.places(end.words), end.words
        assert KEY[100:160] not in end.words
    assert "ya29.token" not in siege.logs
    return {text: end.made["code"] for text, end in ends.items()}


def test_a19_google_endpoints_and_token_endpoints_inside_are_refused(siege):
    siege.origin.answer = lambda _path: answer(TOKEN.encode())
    token_uri = siege.origin.url("/token", host=ALLOWED)
    jobs = {}
    for text in INSIDE:
        inside = text.format(port=siege.canary.port)
        for field, location in (
            ("endpoint", {"endpoint": inside, "token_uri": token_uri}),
            ("token_uri", {"token_uri": f"{inside}/computeMetadata/v1/instance"}),
        ):
            jobs |= {f"{field} {text} {way}": job for way, job in moves(**location).items()}

    codes = check_refused(siege, jobs)

    assert set(codes.values()) == {"ADDRESS_REFUSED"}, codes


def test_a19_google_answers_lead_nowhere_inside(siege):
    stolen = siege.canary.url("/stolen?upload_id=1")
    token_uri = siege.origin.url("/token", host=ALLOWED)
    sent = siege.origin.url("/sent", host=ALLOWED)
    session = f"HTTP/1.1 200 OK\r\nLocation: {stolen}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    # It is also the object's content.
    found = json.dumps({"name": "a.txt", "size": "300", "generation": "1", "mediaLink": stolen}).ljust(300)

    def told(path: str) -> bytes:
        if path.startswith("/token"):
            return answer(TOKEN.encode())
        if path.startswith("/sent"):
            return redirect(stolen, 307)
        if path.startswith("/upload"):
            return session.encode()
        return answer(found.encode())

    siege.origin.answer = told
    there = siege.origin.url(host=ALLOWED).rstrip("/")
    brought, session_out = moves(endpoint=there, token_uri=token_uri).values()
    jobs = {
        "session out": session_out,
        **{f"redirect {way}": job for way, job in moves(endpoint=sent, token_uri=token_uri).items()},
        **{f"token {way}": job for way, job in moves(endpoint=there, token_uri=sent).items()},
    }

    codes = check_refused(siege, jobs)

    assert codes == {
        "session out": "ADDRESS_REFUSED",
        **dict.fromkeys(("redirect in", "redirect out", "token in", "token out"), "STORAGE_REFUSED"),
    }
    # Where an object says that its content is, nobody asks.
    end = siege.run(brought | {"out": {"operation": "export/url", "input": "made"}})
    assert list(end.files.values()) == [found.encode()]
