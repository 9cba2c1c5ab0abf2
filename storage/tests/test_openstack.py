"""OpenStack Swift, against a real one with Keystone."""

from __future__ import annotations

import os
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import pytest
import swiftclient

from storage import openstack
from storage.tests.contract import ProviderContract

CONTAINER = "contract"


class Owner:
    """The storage as its owner sees it, by the SDK with Swift's own v1 login: the account is shared."""

    def __init__(self, connection: swiftclient.Connection) -> None:
        self.swift = connection
        self.swift.put_container(CONTAINER)

    def put(self, key: str, content: bytes) -> None:
        self.swift.put_object(CONTAINER, key, content)

    def get(self, key: str) -> bytes:
        return self.swift.get_object(CONTAINER, key)[1]

    def keys(self, prefix: str) -> set[str]:
        _, entries = self.swift.get_container(CONTAINER, prefix=prefix, full_listing=True)
        return {entry["name"] for entry in entries}

    def litter(self, prefix: str) -> list[str]:
        """Segments that no object has."""
        with suppress(swiftclient.ClientException):
            _, entries = self.swift.get_container(f"{CONTAINER}_segments", full_listing=True)
            return [entry["name"] for entry in entries]
        return []
