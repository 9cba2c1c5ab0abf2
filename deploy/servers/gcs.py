"""A Google Cloud Storage that lets in who signs with its key, for accounts that may do more or less."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .starting import PYTHON, free_port, listens, running

PROGRAM = Path(__file__).with_name("gcs_server.py")
PROJECT = "athanor-tests"
BUCKET = "athanor-tests"


@dataclass(frozen=True)
class Gcs:
    """Where it is and how to get in."""

    port: int
    private_key: str
    """Every account's."""
    bucket: str = BUCKET

    @property
    def endpoint(self) -> str:
        """What takes the place of https://storage.googleapis.com."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_uri(self) -> str:
        """What takes the place of https://oauth2.googleapis.com/token."""
        return f"{self.endpoint}/token"

    def location(self, account: str = "athanor") -> dict[str, Any]:
        """Return the options of a job.

        :param account: ``athanor`` may do all; see ``ACCOUNTS`` in gcs_server.py.
        """
        return {
            "project_id": PROJECT,
            "bucket": self.bucket,
            "client_email": f"{account}@{PROJECT}.iam.gserviceaccount.com",
            "private_key": self.private_key,
            "endpoint": self.endpoint,
            "token_uri": self.token_uri,
        }

    def sessions(self) -> list[str]:
        """Return the keys that uploads have begun under and not ended."""
        found: list[str] = json.loads(_get(f"{self.endpoint}/test/sessions"))
        return found

    def hold(self, key: str, reason: str) -> None:
        """Keep an object from being replaced from now on."""
        _get(f"{self.endpoint}/test/hold?{urlencode({'key': key, 'reason': reason})}", b"")


@contextmanager
def gcs(folder: Path) -> Iterator[Gcs]:
    """Run one for as long as the block lasts."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = folder / "public.pem"
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    port = free_port()
    command: list[str | Path] = [PYTHON / "python", PROGRAM, f"{port}", public, BUCKET]
    with running(command, log=folder / "gcs.log", ready=lambda: listens(port)):
        yield Gcs(port, private)


def _get(url: str, body: bytes | None = None) -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, data=body, timeout=10) as answer:
        content: bytes = answer.read()
    return content
