"""A21 and A69: where SFTP and FTP may lead, and what is seen of the passwords and keys that log in there."""

from __future__ import annotations

import secrets

import pytest
from cryptography.hazmat.primitives import serialization

from deploy.servers.sshd import made_keys
from storage.tests.sftp_liar import liar

from .conftest import ALLOWED
from .test_traces import at_rest, told

pytestmark = pytest.mark.attack

INSIDE = [
    "127.0.0.1",
    "localhost",
    "::1",
    "[::1]",
    "0x7f.1",
    "2130706433",
    "::ffff:127.0.0.1",
    "169.254.169.254",
]
NOT_FOR_FILES = [6379, 5432, 25, 80]


def attempt(operation, host, port):
    """Return the tasks of a job that goes to a server, in or out."""
    made = {
        "operation": operation,
        "host": host,
        "port": port,
        "username": "customer",
        "password": "x",
        "timeout": 20,
    }
    if operation.startswith("import/"):
        return {"made": {**made, "file": "a.txt"}}
    text = {"operation": "import/raw", "file": "x", "filename": "a.txt"}
    return {"text": text, "made": {**made, "input": "text"}}


@pytest.mark.parametrize("operation", ["import/sftp", "export/sftp", "import/ftp", "export/ftp"])
def test_a21_hosts_inside_are_refused(siege, operation):
    ends = siege.ends({host: attempt(operation, host, siege.canary.port) for host in INSIDE})

    assert {host: end.made["code"] for host, end in ends.items()} == dict.fromkeys(INSIDE, "ADDRESS_REFUSED")
    assert not any(siege.places(end.words) for end in ends.values())


@pytest.mark.parametrize("operation", ["import/sftp", "export/sftp", "import/ftp", "export/ftp"])
def test_a21_ports_that_are_none_for_files_are_refused(siege, operation):
    ends = siege.ends({f"{port}": attempt(operation, ALLOWED, port) for port in NOT_FOR_FILES})

    assert {end.made["code"] for end in ends.values()} == {"ADDRESS_REFUSED"}


def test_a69_what_logs_in_is_never_shown(siege):
    secret = {name: f"seeded{name}{secrets.token_hex(6)}" for name in ("right", "wrong", "passphrase")}
    key = made_keys()["ed25519"]
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.BestAvailableEncryption(secret["passphrase"].encode()),
    ).decode()
    secret["key"] = text.split("\n")[3]
    with liar(ALLOWED, secret["right"]) as served:
        served.files[b"a.txt"] = bytearray(b"hello")
        tasks = attempt("import/sftp", ALLOWED, served.port)["made"]
        ends = siege.ends(
            {
                "right": {
                    "made": {**tasks, "password": secret["right"]},
                    "out": {"operation": "export/url", "input": "made"},
                },
                "wrong": {"made": {**tasks, "password": secret["wrong"]}},
                "key": {"made": {**tasks, "private_key": text, "passphrase": secret["passphrase"]}},
            }
        )

    assert ends["right"].files == {"a.txt": b"hello"}
    assert {ends[name].made["code"] for name in ("wrong", "key")} == {"STORAGE_REFUSED"}
    places = {"API and pages": told(siege, ends.values()), **dict(at_rest(siege))}
    found = {
        (name, place)
        for name, each in secret.items()
        for place, data in places.items()
        if each.encode() in data
    }
    assert found == set()
    assert b"********" in places["API and pages"]
