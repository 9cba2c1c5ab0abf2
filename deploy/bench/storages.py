"""Each provider with its server, and its SDK alone as anybody would use it: the floor of the storage rows."""

from __future__ import annotations

import ftplib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.servers import azurite, ftpd, gcs, moto, sshd, swift

BUCKET = "bench"
Move = Callable[[Path, str], None]


@dataclass(frozen=True)
class Alone:
    """An SDK by itself: how one file is put under a key, and brought."""

    put: Move
    get: Move


@dataclass(frozen=True)
class Storage:
    """A provider: its module, the options that name one object or several, its server, its SDK."""

    module: str
    one: str
    many: str
    serve: Callable[[Path], AbstractContextManager[Mapping[str, Any]]]
    """Starts the server, and yields the location; it is all that a child process is told."""
    alone: Callable[[Mapping[str, Any]], Alone]
    workers: int = 8
    """How many threads its SDK is good for, with many small files; some are good for one."""


@contextmanager
def _moto(folder: Path) -> Iterator[Mapping[str, Any]]:
    with moto.moto(folder) as served:
        served.client().create_bucket(Bucket=BUCKET)
        yield {
            "bucket": BUCKET,
            "region": served.region,
            "endpoint": served.endpoint,
            "access_key_id": served.access_key,
            "secret_access_key": served.secret_key,
        }


def _boto(location: Mapping[str, Any]) -> Alone:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=location["endpoint"],
        region_name=location["region"],
        aws_access_key_id=location["access_key_id"],
        aws_secret_access_key=location["secret_access_key"],
    )
    return Alone(
        lambda path, key: client.upload_file(f"{path}", BUCKET, key),
        lambda path, key: client.download_file(BUCKET, key, f"{path}"),
    )


@contextmanager
def _azurite(folder: Path) -> Iterator[Mapping[str, Any]]:
    from azure.storage.blob import ContainerClient

    with azurite.azurite(folder) as served:
        ContainerClient(served.endpoint, BUCKET, credential=served.key).create_container()
        yield {
            "storage_account": served.account,
            "storage_access_key": served.key,
            "container": BUCKET,
            "endpoint": served.endpoint,
        }


def _azure(location: Mapping[str, Any]) -> Alone:
    from azure.storage.blob import ContainerClient

    client = ContainerClient(location["endpoint"], BUCKET, credential=location["storage_access_key"])

    def put(path: Path, key: str) -> None:
        with path.open("rb") as file:
            client.upload_blob(key, file, overwrite=True)

    def get(path: Path, key: str) -> None:
        with path.open("wb") as file:
            client.download_blob(key).readinto(file)

    return Alone(put, get)


@contextmanager
def _gcs(folder: Path) -> Iterator[Mapping[str, Any]]:
    with gcs.gcs(folder) as served:
        yield served.location()


def _google(location: Mapping[str, Any]) -> Alone:
    from google.cloud.storage import Client
    from google.oauth2.service_account import Credentials

    credentials = Credentials.from_service_account_info(location, scopes=["devstorage"])
    # It would look for the account's regions at Google.
    credentials._is_regional_access_boundary_lookup_required = lambda: False  # noqa: SLF001
    options = {"api_endpoint": location["endpoint"]}
    client = Client(project=location["project_id"], credentials=credentials, client_options=options)
    bucket = client.bucket(location["bucket"])
    return Alone(
        lambda path, key: bucket.blob(key).upload_from_filename(f"{path}"),
        lambda path, key: bucket.blob(key).download_to_filename(f"{path}"),
    )


@contextmanager
def _swift(folder: Path) -> Iterator[Mapping[str, Any]]:
    with swift.swift(folder) as served:
        location = {
            "auth_url": served.auth_url,
            "username": served.username,
            "password": served.password,
            "region": served.region,
            "container": BUCKET,
            "project": served.project,
        }
        with closing(_connection(location)) as connection:
            connection.put_container(BUCKET)
        yield location


def _connection(location: Mapping[str, Any]) -> Any:
    from keystoneauth1.identity.v3 import Password
    from keystoneauth1.session import Session
    from swiftclient import Connection

    login = Password(
        f"{location['auth_url']}/v3",
        username=location["username"],
        password=location["password"],
        project_name=location["project"],
        user_domain_id="default",
        project_domain_id="default",
    )
    return Connection(session=Session(login), os_options={"region_name": location["region"]})


def _swiftclient(location: Mapping[str, Any]) -> Alone:
    connection = _connection(location)

    def put(path: Path, key: str) -> None:
        with path.open("rb") as file:
            connection.put_object(BUCKET, key, file, content_length=path.stat().st_size)

    def get(path: Path, key: str) -> None:
        with path.open("wb") as file:
            for piece in connection.get_object(BUCKET, key, resp_chunk_size=65536)[1]:
                file.write(piece)

    return Alone(put, get)


@contextmanager
def _sshd(folder: Path) -> Iterator[Mapping[str, Any]]:
    with sshd.sshd(folder) as served:
        yield {
            "host": "127.0.0.1",
            "port": served.port,
            "username": served.username,
            "private_key": served.private_key(),
        }


def _paramiko(location: Mapping[str, Any]) -> Alone:
    import io

    import paramiko

    transport = paramiko.Transport((location["host"], location["port"]))
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(location["private_key"]))
    transport.connect(username=location["username"], pkey=key)
    client = paramiko.SFTPClient.from_transport(transport)
    assert client
    return Alone(
        lambda path, key: client.put(f"{path}", key) and None,
        lambda path, key: client.get(key, f"{path}"),
    )


@contextmanager
def _ftpd(folder: Path) -> Iterator[Mapping[str, Any]]:
    with ftpd.ftpd(folder) as served:
        yield {
            "host": "127.0.0.1",
            "port": served.ports["none"],
            "username": served.username,
            "password": served.password,
            "tls": "none",
        }


def _ftplib(location: Mapping[str, Any]) -> Alone:
    client = ftplib.FTP()
    client.connect(location["host"], location["port"])
    client.login(location["username"], location["password"])

    def put(path: Path, key: str) -> None:
        with path.open("rb") as file:
            client.storbinary(f"STOR {key}", file)

    def get(path: Path, key: str) -> None:
        with path.open("wb") as file:
            client.retrbinary(f"RETR {key}", file.write)

    return Alone(put, get)


STORAGES = {
    "S3": Storage("s3", "key", "key_prefix", _moto, _boto),
    "Azure": Storage("azure_blob", "blob", "blob_prefix", _azurite, _azure),
    "Google": Storage("google_cloud_storage", "file", "file_prefix", _gcs, _google),
    "OpenStack": Storage("openstack", "file", "file_prefix", _swift, _swiftclient, workers=1),
    "SFTP": Storage("sftp", "file", "path", _sshd, _paramiko, workers=1),
    "FTP": Storage("ftp", "file", "path", _ftpd, _ftplib, workers=1),
}
