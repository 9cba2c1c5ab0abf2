"""Pytest fixtures of the servers, each started once when the first test asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from . import azurite as azure
from . import ftpd as ftp
from . import gcs as google
from . import moto as s3
from . import sshd as ssh
from . import swift as openstack
from .cutting import Cutter, cutter


@pytest.fixture
def cutting() -> Iterator[Callable[[int], Cutter]]:
    """Make a way to a port of this machine that can be cut."""
    with ExitStack() as ways:
        yield lambda port: ways.enter_context(cutter(port))


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azure.Azurite]:
    """Azure Blob Storage."""
    with azure.azurite(tmp_path_factory.mktemp("azurite")) as served:
        yield served


@pytest.fixture(scope="session")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[google.Gcs]:
    """A Google Cloud Storage that asks for a token."""
    with google.gcs(tmp_path_factory.mktemp("gcs")) as served:
        yield served


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Moto]:
    """An S3 that takes any keys."""
    with s3.moto(tmp_path_factory.mktemp("moto")) as served:
        yield served


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openstack.Swift]:
    """OpenStack Swift with Keystone, and an S3 before it."""
    with openstack.swift(tmp_path_factory.mktemp("swift")) as served:
        yield served


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ssh.Sshd]:
    """OpenSSH's server, with one customer."""
    folder = tmp_path_factory.mktemp("sshd")
    folder.chmod(0o711)
    with ssh.sshd(folder) as served:
        yield served


@pytest.fixture(scope="session")
def ftpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ftp.Ftpd]:
    """An FTP server, without TLS and with it."""
    with ftp.ftpd(tmp_path_factory.mktemp("ftpd")) as served:
        yield served


@pytest.fixture(scope="session")
def vsftpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ftp.Ftpd]:
    """vsftpd, which takes no file whose TLS session is not that of the login; only root can run it."""
    if os.geteuid():
        pytest.skip("only root can run vsftpd")
    folder = tmp_path_factory.mktemp("vsftpd")
    folder.chmod(0o711)
    with ftp.vsftpd(folder) as served:
        yield served
