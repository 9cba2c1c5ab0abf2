"""Buckets for tests, in an S3 on this machine."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from jobs.files import address

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper


def use(settings: SettingsWrapper, moto: Any, *, direct: str = "") -> str:
    """Let files be kept in a new bucket; return its name.

    :param direct: what clients do with the bucket itself.
    """
    text, name = made(moto, direct=direct)
    settings.ATHANOR_FILE_STORE = address.read(text)
    settings.ATHANOR_FILE_STORE_ACCESS_KEY = moto.access_key
    settings.ATHANOR_FILE_STORE_SECRET_KEY = moto.secret_key
    return name


def made(moto: Any, *, direct: str = "") -> tuple[str, str]:
    """Make a bucket; return the setting that means it, and its name."""
    name = f"files-{uuid.uuid4().hex}"
    moto.client().create_bucket(Bucket=name)
    return f"s3://{name}/here?endpoint={moto.endpoint}&direct={direct}", name


def use_swift(settings: SettingsWrapper, swift: Any) -> None:
    """Let files be kept in a new bucket of Swift's."""
    import boto3

    name = f"files-{uuid.uuid4().hex}"
    keys = {"aws_access_key_id": swift.s3_access_key, "aws_secret_access_key": swift.s3_secret_key}
    boto3.client("s3", endpoint_url=swift.s3_endpoint, region_name=swift.s3_region, **keys).create_bucket(
        Bucket=name
    )
    text = f"s3://{name}/here?endpoint={swift.s3_endpoint}&region={swift.s3_region}&direct=downloads"
    settings.ATHANOR_FILE_STORE = address.read(text)
    settings.ATHANOR_FILE_STORE_ACCESS_KEY = swift.s3_access_key
    settings.ATHANOR_FILE_STORE_SECRET_KEY = swift.s3_secret_key


def use_azure(settings: SettingsWrapper, azurite: Any) -> None:
    """Let files be kept in a new container."""
    from azure.storage.blob import BlobServiceClient

    name = f"files-{uuid.uuid4().hex}"
    key = {"account_name": azurite.account, "account_key": azurite.key}
    BlobServiceClient(azurite.endpoint, credential=key).create_container(name)
    text = f"azure://{azurite.account}/{name}/here?endpoint={azurite.endpoint}"
    settings.ATHANOR_FILE_STORE = address.read(text)
    settings.ATHANOR_FILE_STORE_SECRET_KEY = azurite.key


def use_google(settings: SettingsWrapper, gcs: Any) -> None:
    """Let files be kept under a prefix of their own: there is one bucket."""
    location = gcs.location()
    account = {name: location[name] for name in ("project_id", "client_email", "private_key", "token_uri")}
    text = f"gs://{location['bucket']}/{uuid.uuid4().hex}?endpoint={gcs.endpoint}"
    settings.ATHANOR_FILE_STORE = address.read(text)
    settings.ATHANOR_FILE_STORE_SECRET_KEY = json.dumps({"type": "service_account", **account})
