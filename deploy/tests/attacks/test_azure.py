"""A19, for Azure: accounts and endpoints that lead inside."""

from __future__ import annotations

import pytest

from .canary import redirect
from .conftest import ALLOWED
from .siege import import_of

pytestmark = [pytest.mark.attack, pytest.mark.needs("chromium")]
KEY = "c2VjcmV0LWtleS1vZi10aGUtY3VzdG9tZXI="
ENDPOINTS = [
    *(f"http://{host}:{{port}}/acme" for host in ("127.0.0.1", "localhost", "[::1]", "2130706433", "127.1")),
    *("http://[::ffff:127.0.0.1]:{port}", "http://169.254.169.254/metadata/instance", "http://168.63.129.16"),
]
ACCOUNTS = [
    *(
        "127.0.0.1:{port}/x",
        "127.0.0.1:{port}#",
        "127.0.0.1:{port}?",
        "acme@127.0.0.1:{port}/",
        "localhost:{port}/",
    ),
    *("acme\\@127.0.0.1:{port}/", "acme%40127.0.0.1", "..", "acme.blob.core.windows.net"),
]


def moves(**location):
    """Return an import and an export of an account."""
    given = {"storage_access_key": KEY, "container": "c", "blob": "b", **location}
    bring = {"made": {"operation": "import/azure/blob", **given}}
    put = {
        "in": import_of("text", "a.txt"),
        "made": {"operation": "export/azure/blob", "input": "in", **given},
    }
    return bring, put


def check_refused(siege, locations):
    jobs = {
        f"{text} {way}": job
        for text, location in locations.items()
        for way, job in zip(("in", "out"), moves(**location), strict=True)
    }
    for text, end in siege.ends(jobs).items():
        assert end.failed, text
        assert KEY not in end.words
        assert not siege.places(end.words), end.words
        yield text, end


def test_a19_azure_endpoints_inside_are_refused(siege):
    port = siege.canary.port
    locations = {text: {"storage_account": "acme", "endpoint": text.format(port=port)} for text in ENDPOINTS}

    codes = {text: end.made["code"] for text, end in check_refused(siege, locations)}

    assert set(codes.values()) == {"ADDRESS_REFUSED"}, codes


def test_a19_azure_accounts_are_names_and_smuggle_no_host(siege):
    port = siege.canary.port
    locations = {text: {"storage_account": text.format(port=port)} for text in ACCOUNTS}

    for text, end in check_refused(siege, locations):
        assert end.made["code"] == "STORAGE_REFUSED", text
        assert "storage_account" in end.words


def test_a19_azure_redirects_and_containers_lead_nowhere_else(siege):
    siege.origin.answer = lambda _path: redirect(siege.canary.url("/stolen"), 307)
    endpoint = siege.origin.url(host=ALLOWED)
    siege.origin.heard.clear()
    locations = {
        "redirect": {"storage_account": "acme", "endpoint": endpoint},
        "container": {
            "storage_account": "acme",
            "endpoint": endpoint,
            "container": f"@127.0.0.1:{siege.canary.port}",
        },
    }

    codes = {text: end.made["code"] for text, end in check_refused(siege, locations)}

    assert set(codes.values()) == {"STORAGE_REFUSED"}, codes
    # Only the two that redirects answered came, each once: none was followed, and no name became a host.
    assert len(siege.origin.heard) == 2
    assert KEY not in siege.logs
