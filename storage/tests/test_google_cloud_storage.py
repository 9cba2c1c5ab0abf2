"""Google Cloud Storage."""

from __future__ import annotations

from typing import ClassVar

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from storage import google_cloud_storage

from .contract import ProviderContract


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
