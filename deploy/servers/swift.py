"""OpenStack Swift on loopback: real account, container and object servers, Keystone v3, and three proxies.

``with swift(folder) as served`` (or the fixture ``swift``) yields a ``Swift`` when everything answers; all of
it is gone when the block is left or the process dies. Its three proxies stand before the same disk:

* Keystone v3 (``auth_url``, region ``RegionOne``), with S3 behind the same identities (``keystone_s3_...``);
* the same with files of at most ``small_file_size`` (region ``Small``), so that larger ones need segments;
* tempauth (``v1_auth_url``), with an S3 that checks signatures (``s3_endpoint``).

The users are those of ``keystone.PEOPLE``.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import starting
from .keystone import ADMIN, INSIDE, PASSWORD, PYTHON, REGION, SMALL_REGION, Keystone, keystone

SMALL_FILE_SIZE = 20 * 1024**2
KINDS = ("account", "container", "object")


@dataclass(frozen=True)
class Swift:
    """Where the servers are and who may use them."""

    auth_url: str
    """Keystone, without a version."""
    username: str
    password: str
    project: str
    project_id: str
    domain: str
    region: str
    small_region: str
    """A region whose files are at most ``small_file_size`` bytes long."""
    small_file_size: int
    max_file_size: int

    v1_auth_url: str
    """With its path, ``/auth/v1.0``."""
    v1_user: str
    v1_key: str
    v1_guest: str
    """A user who may do nothing; the key is the same."""

    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    s3_region: str
    keystone_s3_endpoint: str
    keystone_s3_access_key: str
    keystone_s3_secret_key: str

    port: int
    """Of the proxy behind Keystone."""
    small_port: int
    """Of the one with small files."""
    keystone: Keystone

    def region_at(self, port: int) -> str:
        """Return a new region whose object storage is said to be at another port of this machine."""
        region = f"At{port}"
        self.keystone.offer(region, f"http://127.0.0.1:{port}/v1/AUTH_%(tenant_id)s")
        return region


@contextmanager
def swift(folder: Path) -> Iterator[Swift]:
    """Run the servers on free ports of loopback until the block is left.

    :param folder: where their files, settings and logs go; it must be on a file system with user attributes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports = {name: starting.free_port() for name in (*KINDS, "memcached", "proxy", "small", "tempauth")}
    with ExitStack() as running:
        memcached = ["memcached", "-l", "127.0.0.1", "-p", f"{ports['memcached']}", "-U", "0", "-m", "32"]
        user = pwd.getpwuid(os.geteuid()).pw_name
        running.enter_context(
            starting.running(
                [*memcached, "-u", user],
                log=folder / "memcached.log",
                ready=lambda: starting.listens(ports["memcached"]),
            )
        )
        regions = {REGION: ports["proxy"], SMALL_REGION: ports["small"]}
        identity = running.enter_context(keystone(folder / "keystone", regions))
        _configure(folder, ports, identity, user)
        rings = [f"{kind}={ports[kind]}" for kind in KINDS]
        argv = [f"{PYTHON}", "-I", f"{INSIDE / 'swift_servers.py'}", f"{folder / 'etc'}", *rings]
        waited = [ports[name] for name in (*KINDS, "proxy", "small", "tempauth")]
        running.enter_context(
            starting.running(
                argv,
                log=folder / "swift.log",
                ready=lambda: all(starting.listens(port) for port in waited),
            )
        )
        yield _offered(ports, identity)


def _offered(ports: dict[str, int], identity: Keystone) -> Swift:
    tempauth = f"http://127.0.0.1:{ports['tempauth']}"
    return Swift(
        auth_url=identity.url,
        username="tester",
        password=PASSWORD,
        project="athanor",
        project_id=identity.project_id,
        domain="Default",
        region=REGION,
        small_region=SMALL_REGION,
        small_file_size=SMALL_FILE_SIZE,
        max_file_size=5 * 1024**3 + 2,
        v1_auth_url=f"{tempauth}/auth/v1.0",
        v1_user="test:tester",
        v1_key="testing",
        v1_guest="test:guest",
        s3_endpoint=tempauth,
        s3_access_key="test:tester",
        s3_secret_key="testing",  # noqa: S106
        s3_region="us-east-1",
        keystone_s3_endpoint=f"http://127.0.0.1:{ports['proxy']}",
        keystone_s3_access_key=identity.access_key,
        keystone_s3_secret_key=identity.secret_key,
        port=ports["proxy"],
        small_port=ports["small"],
        keystone=identity,
    )


# --- Settings


_SWIFT = """
[swift-hash]
swift_hash_path_prefix = athanor
swift_hash_path_suffix = tests
[storage-policy:0]
name = one
default = yes
"""
_STORAGE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {etc}
devices = {devices}
mount_check = false
workers = 0
disable_fallocate = true
fallocate_reserve = 0
conn_timeout = 5
container_update_timeout = 10
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {etc}
workers = 0
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl {auth} copy slo dlo versioned_writes symlink proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 5
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:tempurl]
use = egg:swift#tempurl
[filter:s3api]
use = egg:swift#s3api
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
"""  # noqa: E501
_TEMPAUTH = """
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_guest = testing
"""
_KEYSTONE = """
[filter:s3token]
use = egg:swift#s3token
auth_uri = {url}/v3
auth_url = {url}
auth_type = password
username = admin
password = {admin}
project_name = admin
user_domain_id = default
project_domain_id = default
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
username = admin
password = {admin}
project_name = admin
user_domain_id = default
project_domain_id = default
delay_auth_decision = true
cache = swift.cache
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
"""


def _configure(folder: Path, ports: dict[str, int], identity: Keystone, user: str) -> None:
    etc, small, devices = folder / "etc", folder / "etc/small", folder / "disks"
    small.mkdir(parents=True)
    (devices / "disk").mkdir(parents=True)
    (etc / "swift.conf").write_text(_SWIFT)
    (small / "swift.conf").write_text(f"{_SWIFT}[swift-constraints]\nmax_file_size = {SMALL_FILE_SIZE}\n")
    for kind in KINDS:
        (small / f"{kind}.ring.gz").symlink_to(etc / f"{kind}.ring.gz")
        (etc / f"{kind}-server.conf").write_text(
            _STORAGE.format(kind=kind, port=ports[kind], user=user, etc=etc, devices=devices)
        )
    keystone_auth = _KEYSTONE.format(url=identity.url, admin=ADMIN)
    for name, home, auth, more in (
        ("proxy", etc, "authtoken s3api s3token keystoneauth", keystone_auth),
        ("small", small, "authtoken s3api s3token keystoneauth", keystone_auth),
        ("tempauth", etc, "s3api tempauth", _TEMPAUTH),
    ):
        text = _PROXY.format(port=ports[name], user=user, etc=home, auth=auth, memcached=ports["memcached"])
        (home / f"proxy-server-{name}.conf").write_text(text + more)
