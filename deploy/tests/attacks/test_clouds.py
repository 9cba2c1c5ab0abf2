"""A69 in the clouds: what S3, Azure, Google and OpenStack are told in secret is in no answer, page or log."""

from __future__ import annotations

import secrets

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .conftest import ALLOWED
from .test_openstack import served
from .test_traces import at_rest, told

pytestmark = pytest.mark.attack


def seed(name):
    """Return a secret that is found wherever it stands."""
    return f"seeded{name}{secrets.token_hex(8)}"


def locations(url):
    """Return what each provider is told, with its secrets, by the operation's end."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signature = seed("sig")
    s3 = {"access_key_id": seed("id"), "secret_access_key": seed("key"), "session_token": seed("token")}
    azure = {"sas_token": f"sv=2024-11-04&sp=rwl&sig={signature}"}
    google = {"private_key": key.decode()}
    swift = {"password": seed("password")}
    told = {
        "s3": {"bucket": "pail", "region": "here", "endpoint": url, "key": "a.txt", **s3},
        "azure/blob": {
            "storage_account": "customer",
            "container": "pail",
            "endpoint": f"{url}/customer",
            "blob": "a.txt",
            **azure,
        },
        "google-cloud-storage": {
            "project_id": "p",
            "bucket": "pail",
            "client_email": "a@b.example",
            "endpoint": url,
            "token_uri": f"{url}/token",
            "file": "a.txt",
            **google,
        },
        "openstack": {
            "auth_url": url,
            "username": "customer",
            "region": "here",
            "container": "pail",
            "file": "a.txt",
            **swift,
        },
    }
    return told, {*s3.values(), signature, key.decode().split("\n")[3], *swift.values()}


def test_a69_what_clouds_are_told_is_never_shown(siege):
    with served() as cloud:
        cloud.storage = f"{cloud.url}/v1/AUTH_x"
        clouds, secret = locations(cloud.url)
        attempts = {}
        for name, location in clouds.items():
            text = {"operation": "import/raw", "file": "x", "filename": "a.txt"}
            made = {**location, "timeout": 15}
            attempts[f"in {name}"] = {"made": {"operation": f"import/{name}", **made}}
            attempts[f"out {name}"] = {
                "text": text,
                "made": {"operation": f"export/{name}", "input": "text", **made},
            }
        ends = siege.ends(attempts)
        asked = len(cloud.asked)

    assert asked >= len(attempts)
    assert {end.made["status"] for end in ends.values()} == {"error"}
    assert not [end.made for end in ends.values() if end.made["code"] == "INTERNAL_ERROR"]
    places = {"API and pages": told(siege, ends.values()), **dict(at_rest(siege))}
    found = {(word[:14], place) for word in secret for place, data in places.items() if word.encode() in data}
    assert found == set()
    assert b"********" in places["API and pages"]
    assert ALLOWED.encode() in places["API and pages"]
