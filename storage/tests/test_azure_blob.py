"""Azure Blob Storage, against Azurite."""

from __future__ import annotations

import base64
import http.client
import os
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest
from azure.storage.blob import (
    ContainerClient,
    ContainerSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_container_sas,
)

from storage import azure_blob

from .contract import ProviderContract

CONTAINER = "files"
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
    wrong = {"storage_access_key": base64.b64encode(b"another key").decode()}
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
