"""Buckets for tests, in an S3 on this machine."""

from __future__ import annotations

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
