"""Pytest fixtures of the servers, each started once when the first test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from . import swift as openstack
from .azurite import Azurite
from .azurite import azurite as run_azurite
from .cutting import Cutter, cutter
from .gcs import Gcs
from .gcs import gcs as run_gcs
from .moto import Moto
from .moto import moto as run_moto


@pytest.fixture
def cutting() -> Iterator[Callable[[int], Cutter]]:
    """Make a way to a port of this machine that can be cut."""
    with ExitStack() as ways:
        yield lambda port: ways.enter_context(cutter(port))


@pytest.fixture(scope="session")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcs]:
    """A Google Cloud Storage that asks for a token."""
    with run_gcs(tmp_path_factory.mktemp("gcs")) as served:
        yield served


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """An S3 that takes any keys."""
    with run_moto(tmp_path_factory.mktemp("moto")) as served:
        yield served


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openstack.Swift]:
    """OpenStack Swift with Keystone, and an S3 before it."""
    with openstack.swift(tmp_path_factory.mktemp("swift")) as served:
        yield served


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azure Blob Storage."""
    with run_azurite(tmp_path_factory.mktemp("azurite")) as served:
        yield served
