"""Keystone v3 on SQLite, with users and projects: who may use the Swift that tests run against.

Making its database takes half a minute, so it is made once, kept in ``var/servers``, and copied for each run.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from . import starting

INSIDE = Path(__file__).parent / "inside"
PYTHON = starting.PYTHON / "python"
ADMIN = "opensesame"
PROJECT = "athanor"
REGION = "RegionOne"
SMALL_REGION = "Small"
"""Where files are at most 20 MiB, so that larger ones are split."""
PEOPLE = {
    "tester": (("member", "athanor"),),
    "guest": (("reader", "athanor"),),
    "single": (("member", "athanor"),),
    "torn": (("member", "athanor"), ("member", "other")),
    "nobody": (),
}
"""Each user's roles in projects. The password of each is ``testing``; only ``tester`` and ``guest`` have a
default project, ``athanor``. Readers may do nothing in Swift."""
PASSWORD = "testing"  # noqa: S105
_WITH_DEFAULT = {"tester", "guest"}
_MARK = "http://127.0.0.1:{}/"
_CONF = """
[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{folder}/keystone.db
[fernet_tokens]
key_repository = {folder}/fernet
[fernet_receipts]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
[cache]
enabled = false
[identity]
password_hash_rounds = 4
"""


@dataclass(frozen=True)
class Keystone:
    """A running Keystone."""

    url: str
    """Its address without a version."""
    project_id: str
    """The id of the project ``athanor``."""
    access_key: str
    """S3 credentials of ``tester`` in that project."""
    secret_key: str

    def offer(self, region: str, url: str) -> None:
        """Name an object storage in a region of its own; ``%(tenant_id)s`` in the URL is the project's id."""
        with _client(self.url) as client:
            admin = _Admin(client)
            admin.make("region", id=region)
            services = client.get("services", params={"type": "object-store"}).json()["services"]
            admin.make(
                "endpoint", interface="public", service_id=services[0]["id"], region_id=region, url=url
            )


@contextmanager
def keystone(folder: Path, endpoints: Mapping[str, int]) -> Iterator[Keystone]:
    """Run Keystone on a free port of loopback until the block is left.

    :param folder: a new folder for its database and log.
    :param endpoints: the port of the Swift proxy of each region.
    """
    shutil.copytree(_made(), folder)
    port = starting.free_port()
    with closing(sqlite3.connect(folder / "keystone.db")) as database, database:
        _move(database, "region_id IS NOT NULL AND url LIKE '%/v3/'", f"{_MARK.format(port)}v3/")
        for region, swift in endpoints.items():
            wanted = f"region_id = '{region}' AND url LIKE '%/v1/%'"
            _move(database, wanted, f"{_MARK.format(swift)}v1/AUTH_%(tenant_id)s")
    with _serving(folder, port) as url:
        yield Keystone(url=url, **json.loads((folder / "made.json").read_text()))


def _move(database: sqlite3.Connection, which: str, url: str) -> None:
    database.execute(f"UPDATE endpoint SET url = ? WHERE {which}", (url,))  # noqa: S608


@contextmanager
def _serving(folder: Path, port: int) -> Iterator[str]:
    _configure(folder)
    argv = [f"{PYTHON}", "-I", f"{INSIDE / 'keystone_server.py'}", f"{folder}", f"{port}"]
    with starting.running(argv, log=folder / "keystone.log", ready=lambda: starting.listens(port)):
        yield f"http://127.0.0.1:{port}"


def _configure(folder: Path) -> None:
    (folder / "keystone.conf").write_text(_CONF.format(folder=folder))


def _made() -> Path:
    """Return the folder with the database, made now if it has not been; one process makes it, others wait."""
    source = (Path(__file__).read_bytes(), (INSIDE.with_name("requirements.txt")).read_bytes())
    wanted = starting.ROOT / f"keystone-{hashlib.sha256(b''.join(source)).hexdigest()[:16]}"
    with (starting.ROOT / "keystone.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.exists():
            made = Path(tempfile.mkdtemp(prefix="keystone-making-", dir=starting.ROOT))
            try:
                _make(made)
                made.rename(wanted)
            finally:
                shutil.rmtree(made, ignore_errors=True)
    return wanted


def _make(folder: Path) -> None:
    _configure(folder)
    for name in ("fernet", "credential"):
        (folder / name).mkdir(mode=0o700)
    user = f"{os.geteuid()}", f"{os.getegid()}"
    owner = "--keystone-user", user[0], "--keystone-group", user[1]
    ours = _MARK.format(1) + "v3/"
    urls = "--bootstrap-public-url", ours, "--bootstrap-internal-url", ours
    for arguments in (
        ("db_sync",),
        ("fernet_setup", *owner),
        ("credential_setup", *owner),
        ("bootstrap", "--bootstrap-password", ADMIN, "--bootstrap-region-id", REGION, *urls),
    ):
        command = [f"{PYTHON.with_name('keystone-manage')}", "--config-file", f"{folder / 'keystone.conf'}"]
        subprocess.run([*command, *arguments], check=True, capture_output=True, timeout=300)
    with _serving(folder, starting.free_port()) as url:
        (folder / "made.json").write_text(json.dumps(_people(url)))


def _people(url: str) -> dict[str, str]:
    with _client(url) as client:
        admin = _Admin(client)
        projects = {name: admin.make("project", name=name)["id"] for name in (PROJECT, "other")}
        roles = {role["name"]: role["id"] for role in client.get("roles").json()["roles"]}
        users = {}
        for name, has in PEOPLE.items():
            scope = {"default_project_id": projects[PROJECT]} if name in _WITH_DEFAULT else {}
            users[name] = admin.make("user", name=name, password=PASSWORD, **scope)["id"]
            for role, project in has:
                path = f"projects/{projects[project]}/users/{users[name]}/roles/{roles[role]}"
                client.put(path).raise_for_status()
        admin.make("region", id=SMALL_REGION)
        service = admin.make("service", type="object-store", name="swift")["id"]
        for region in (REGION, SMALL_REGION):
            where = f"{_MARK.format(1)}v1/AUTH_%(tenant_id)s"
            admin.make("endpoint", interface="public", service_id=service, region_id=region, url=where)
        keys = client.post(
            f"users/{users['tester']}/credentials/OS-EC2", json={"tenant_id": projects[PROJECT]}
        ).json()["credential"]
    return {"project_id": projects[PROJECT], "access_key": keys["access"], "secret_key": keys["secret"]}


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=f"{url}/v3/", timeout=60, trust_env=False)


class _Admin:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        domain = {"id": "default"}
        user = {"name": "admin", "domain": domain, "password": ADMIN}
        asked = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": domain}},
        }
        answer = client.post("auth/tokens", json={"auth": asked}).raise_for_status()
        client.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]

    def make(self, kind: str, **fields: Any) -> dict[str, Any]:
        answer = self._client.post(f"{kind}s", json={kind: fields}).raise_for_status()
        made: dict[str, Any] = answer.json()[kind]
        return made
