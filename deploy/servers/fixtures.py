"""Pytest fixtures of the servers, each started once when the first test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .azurite import Azurite, azurite
from .cutting import Cutter, cutter


@pytest.fixture
def cutting() -> Iterator[Callable[[int], Cutter]]:
    """Make a way to a port of this machine that can be cut."""
    with ExitStack() as ways:
        yield lambda port: ways.enter_context(cutter(port))


@pytest.fixture(scope="session", name="azurite")
def _azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azure Blob Storage."""
    with azurite(tmp_path_factory.mktemp("azurite")) as server:
        yield server
