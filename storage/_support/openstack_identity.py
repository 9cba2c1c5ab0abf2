"""The ways into an OpenStack, Keystone's v3 and v2 and Swift's own v1: to a token, and where Swift is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.contract import urls
from jobs.contract.errors import StorageRefused
from jobs.contract.urls import Url

from . import refusals
from .place import Location

SPARE = timedelta(minutes=1)
"""A token that ends within this time is not used any more."""
_PATHS = {"3": "/v3", "2": "/v2.0", "1": "/auth/v1.0"}
_VERSION = re.compile(r"(?:/auth(?=/v1))?/v(1|2|3)(?:\.0)?/*$")


class _NotSpoken(Exception):
    """This version of the identity service is not spoken there."""


@dataclass(frozen=True)
class Entry:
    """What a login gives."""

    storage: Url
    """Where Swift serves the account."""
    token: str
    ends: datetime | None = None
    """When the token ends, if that is told."""

    @property
    def is_stale(self) -> bool:
        """Whether the token is about to end."""
        return self.ends is not None and datetime.now(UTC) > self.ends - SPARE


def enter(location: Location) -> Entry:
    """Log in, by the newest version that is spoken there.

    :raises StorageRefused: when the credentials, the project or the region are not known.
    :raises StorageUnreachable: when nobody answers.
    :raises AddressRefused: when the identity service, or what it names, is where we do not connect.
    """
    from . import openstack_wire as wire

    auth_url = urls.parse(location["auth_url"])
    wire.resolve(auth_url)
    for version, url in ways(location["auth_url"], location["auth_version"]):
        try:
            with _sentences(auth_url.host, location):
                entry = _WAYS[version](url, location)
        except _NotSpoken:
            continue
        if auth_url.scheme == "https" and entry.storage.scheme != "https":
            raise refusals.refused("its object storage is reached without encryption", "auth_url")
        wire.resolve(entry.storage)
        return entry
    raise StorageRefused("There is no identity service of an OpenStack at the auth_url. Check auth_url.")


def ways(auth_url: str, version: str | None = None) -> list[tuple[str, str]]:
    """Return the versions to try and their URLs, for an identity service given with or without a version."""
    base = auth_url.rstrip("/")
    if named := _VERSION.search(base):
        if version in {None, named[1]}:
            return [(named[1], base)]
        base = base[: named.start()]
    return [(each, f"{base}{path}") for each, path in _PATHS.items() if version in {None, each}]


def endpoint(offered: Sequence[tuple[str, str]], region: str) -> str:
    """Return where a region's object storage is, of those offered as region and URL.

    :raises StorageRefused: when it has none; the sentence names the regions that have.
    """
    if not offered:
        raise StorageRefused("The identity service offers no object storage to this user. Check project.")
    for there, url in offered:
        if there.casefold() == region.casefold():
            return url
    known = ", ".join(sorted({there for there, _ in offered}))
    raise StorageRefused(f"The storage has no region {region[:200]!r}, but {known[:200]}. Check region.")


def _v3(url: str, location: Location) -> Entry:
    from keystoneauth1.identity import v3

    def access(**scope: Any) -> Any:
        given = {"username": location["username"], "password": location["password"]}
        domain = _domain("user", location)
        return v3.Password(url, **given, **domain, **scope).get_auth_ref(session)

    session = _session()
    found = access(**_scope(location))
    if not found.project_scoped:
        answer = session.get(
            f"{url}/auth/projects", headers={"X-Auth-Token": found.auth_token}, authenticated=False
        )
        found = access(project_id=_only(answer.json()["projects"]))
    return _entry(found, location)


def _v2(url: str, location: Location) -> Entry:
    from keystoneauth1.identity import v2

    def access(**scope: Any) -> Any:
        given = {"username": location["username"], "password": location["password"]}
        return v2.Password(url, **given, **scope).get_auth_ref(session)

    session = _session()
    names = {"project_id": "tenant_id", "project_name": "tenant_name"}
    found = access(**{names[key]: value for key, value in _scope(location).items() if key in names})
    if not found.project_scoped:
        answer = session.get(
            f"{url}/tenants", headers={"X-Auth-Token": found.auth_token}, authenticated=False
        )
        found = access(tenant_id=_only(answer.json()["tenants"]))
    return _entry(found, location)


def _v1(url: str, location: Location) -> Entry:
    from .openstack_wire import Line

    line = Line(url)
    try:
        sent = {"X-Auth-User": location["username"], "X-Auth-Key": location["password"]}
        line.request("GET", urls.parse(url).target, headers=sent)
        response = line.getresponse()
        _refuse(response.status, location)
        storage = response.getheader("X-Storage-Url")
        token = response.getheader("X-Auth-Token") or response.getheader("X-Storage-Token")
        if not storage or not token:
            raise _NotSpoken
        return Entry(_storage(storage), token)
    finally:
        line.close()


_WAYS = {"3": _v3, "2": _v2, "1": _v1}


def _entry(access: Any, location: Location) -> Entry:
    catalogue = access.service_catalog.get_endpoints_data(service_type="object-store", interface="public")
    offered = [(f"{each.region_name}", each.url) for each in catalogue.get("object-store", ())]
    storage = _storage(endpoint(offered, location["region"]))
    return Entry(storage, access.auth_token, access.expires)


def _storage(url: str) -> Url:
    try:
        return urls.parse(url)
    except urls.InvalidURL as error:
        raise refusals.refused("the address of its object storage is not valid", "auth_url") from error


def _session() -> Any:
    import requests
    from keystoneauth1.session import Session

    from .openstack_wire import steady

    return Session(session=steady(requests.Session()), user_agent="Athanor", redirect=False)


def _domain(of: str, location: Location) -> dict[str, Any]:
    name = location[f"{of}_domain"]
    return {f"{of}_domain_name": name} if name else {f"{of}_domain_id": "default"}


def _scope(location: Location) -> dict[str, str]:
    if location["project_id"]:
        return {"project_id": location["project_id"]}
    if name := location["project"] or location["tenant_name"]:
        return {"project_name": name, **_domain("project", location)}
    return {}


def _only(projects: Sequence[Mapping[str, Any]]) -> str:
    if len(projects) == 1:
        return f"{projects[0]['id']}"
    if not projects:
        raise StorageRefused("The user has no project. Check username and project.")
    known = ", ".join(sorted(f"{each['name']}" for each in projects))
    raise StorageRefused(f"The user has several projects: {known[:200]}. Name one in project.")


@contextmanager
def _sentences(host: str, location: Location) -> Iterator[None]:
    """Turn the libraries' failures into ours."""
    from keystoneauth1 import exceptions

    from . import openstack_wire as wire

    try:
        with wire.unbroken(host):
            yield
    except exceptions.ConnectionError as error:
        # The library's own has the cause beside it, not as its cause.
        raise wire.broken(error.__context__ or error, host) from error
    except exceptions.HttpError as error:
        _refuse(error.http_status, location)
        raise _NotSpoken from error
    except (exceptions.ClientException, LookupError, TypeError, AttributeError, ValueError) as error:
        # It answered, and not as an identity service would.
        raise _NotSpoken from error


def _refuse(status: int, location: Location) -> None:
    """Return if an answer may be read."""
    from . import openstack_wire as wire

    if status < 300:
        return
    if wire.is_temporary(status):
        raise wire.busy(urls.parse(location["auth_url"]).host, status)
    if status == 401:
        scope = ("project_id", "project", "tenant_name", "user_domain", "project_domain")
        raise refusals.credentials("username", "password", *(each for each in scope if location[each]))
    if status == 403:
        raise refusals.refused("the identity service forbids this user to log in", "username")
    raise _NotSpoken
