"""A stack for the attacks alone: nothing may leave it but to one address of our own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from deploy.servers.starting import free_ports
from deploy.stack import Stack
from deploy.tests.conftest import Running, _client

from .bait import Bait
from .canary import Canary, listening
from .siege import Siege

MOST_BYTES = 64 * 1024**2
log = logging.getLogger(__name__)
ALLOWED = "127.0.0.77"
"""Loopback too, so that the tests need no network; allowed by the operator as a private network would be."""


@pytest.fixture(scope="package")
def canary() -> Iterator[Canary]:
    """A server on every loopback address that is refused."""
    with listening("127.0.0.1", "::1") as canary:
        yield canary


@pytest.fixture(scope="package")
def origin() -> Iterator[Canary]:
    """The server on the one address that the operator allows."""
    with listening(ALLOWED) as origin:
        yield origin


@pytest.fixture(scope="package")
def bait(canary: Canary) -> Iterator[Bait]:
    """The secrets."""
    bait = Bait()
    bait.http = canary.url()
    yield bait
    bait.remove()


@pytest.fixture(scope="package")
def siege(
    tmp_path_factory: pytest.TempPathFactory, bait: Bait, canary: Canary, origin: Canary
) -> Iterator[Siege]:
    """The stack under attack."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ATHANOR_")}
    given = {
        "ATHANOR_OUTBOUND_ALLOW": f"{ALLOWED}/32",
        # Bombs need not be large to burst.
        "ATHANOR_MAX_FILE_BYTES": f"{MOST_BYTES}",
        "ATHANOR_MAX_OUTPUT_BYTES": f"{16 * MOST_BYTES}",
        # A proxy of the environment must never be asked, and its secrets never be seen.
        **dict.fromkeys(
            ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), canary.url()
        ),
        "SEEDED_SECRET": f"{bait.stem}environment",
    }
    with ExitStack() as leaving:
        stack = leaving.enter_context(
            Stack(
                tmp_path_factory.mktemp("siege"),
                ports=free_ports(),
                inherited=inherited | given,
                say=log.info,
            )
        )
        about = stack.about
        api, sync, other = (
            leaving.enter_context(_client(about[url], about[key]))
            for url, key in (("url", "api_key"), ("sync_url", "api_key"), ("url", "api_key_other"))
        )
        siege = Siege(Running(stack.data_dir, about, api, sync, other), bait, canary, origin, worker=0)
        siege.worker = siege.worker_now()
        plant(siege)
        yield siege


def plant(siege: Siege) -> None:
    """Put the secrets that lie in the data folder where others' files lie."""
    bait = siege.bait
    task = siege.stack.other.post("/v2/import/upload").json()["data"]
    form = task["result"]["form"]
    secret = f"{bait.stem}store"
    httpx.post(
        form["url"], data=form["parameters"], files={"file": ("theirs.txt", secret)}
    ).raise_for_status()
    stored = [path for path in (siege.stack.data_dir / "files").rglob("*") if path.is_file()]
    [bait.store] = [path for path in stored if path.read_bytes() == secret.encode()]
    folder = Path(siege.stack.data_dir, "work", f"task-{siege.worker}-planted-1", "0")
    folder.mkdir(parents=True)
    bait.work = folder / "in.txt"
    bait.work.write_text(f"{bait.stem}work")


@pytest.fixture(autouse=True)
def _unharmed(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every attack: nothing was asked for, nobody died, nothing is left."""
    siege: Siege | None = request.getfixturevalue("siege") if "siege" in request.fixturenames else None
    yield
    if siege:
        siege.unharmed()
