"""Where an operator lets customers' connections reach: the public internet, and what is allowed besides."""

from __future__ import annotations

import functools
import ipaddress
import os
import re
from dataclasses import dataclass

from . import addresses
from .addresses import METADATA, Address, Network

WEB = frozenset({80, 443})
"""The ports below 1024 for http and https."""
SFTP = frozenset({22})
FTP = frozenset({21, 990})
"""990 is that of FTP which speaks TLS from the first byte."""
INTERNAL_PORTS = frozenset(
    {
        *(1433, 1521, 3306, 5432, 9042, 27017, 27018, 27019),  # databases
        *(2181, 5672, 6379, 6380, 9092, 11211, 61613, 61616),  # caches and queues
        *(2375, 2376, 2377, 2379, 2380, 6443, 8500, 10250, 10255),  # what runs containers
        *(2049, 3389, 5900, *range(6000, 6064), 9200, 9300),  # files, screens, searches
    }
)
"""Ports above 1023 on which nobody offers files, but which are worth attacking."""
_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z_]([a-z0-9_-]{0,61}[a-z0-9_])?")


@dataclass(frozen=True)
class Reach:
    """What is allowed besides the public internet; nothing by default."""

    networks: tuple[Network, ...] = ()
    hosts: tuple[str, ...] = ()
    """Names, or ``*.example.com`` for every name below one."""
    ports: frozenset[int] = frozenset()
    """Ports that the usual choice leaves out."""

    @classmethod
    def read(cls, allow: str, ports: str = "") -> Reach:
        """Read the operator's words, comma-separated.

        :raises ValueError: when one of them is no network, host or port.
        """
        networks: list[Network] = []
        hosts = []
        for word in _words(allow):
            if _NAME.fullmatch(word):
                hosts.append(word)
                continue
            try:
                networks.append(ipaddress.ip_network(word))
            except ValueError as error:
                raise ValueError(f"{word} is neither a network like 10.0.0.0/8 nor a host name") from error
        return cls(tuple(networks), tuple(hosts), frozenset(int(word) for word in _words(ports)))

    def objection(
        self, address: Address, port: int, *, host: str = "", usual: frozenset[int] = WEB
    ) -> str | None:
        """Return why not to connect to this address of a host, or None when nothing speaks against it.

        :param usual: the ports below 1024 that the protocol is spoken on.
        """
        if not self._takes_port(port, usual):
            return "not a port for files"
        if self.names(host):
            return None
        unlisted = [each for each in addresses.forms(address) if not self._lists(each)]
        return next((kind for each in unlisted if (kind := addresses.kind(each))), None)

    def names(self, host: str) -> bool:
        """Tell whether a host is allowed by its name, whatever its addresses are."""
        return any(
            host.endswith(name[1:]) if name.startswith("*") else host == name for name in self.hosts if host
        )

    def lists(self, address: Address) -> bool:
        """Tell whether an address is allowed by its network, with what is inside it."""
        return all(self._lists(each) for each in addresses.forms(address))

    def _lists(self, address: Address) -> bool:
        # Whoever allows a whole network, or everything, seldom means the one that tells a machine's secrets.
        return any(
            address in network and (network.num_addresses == 1 or address not in METADATA)
            for network in self.networks
            if network.version == address.version
        )

    def _takes_port(self, port: int, usual: frozenset[int]) -> bool:
        if port in self.ports:
            return True
        return port in usual if port < 1024 else port <= 65535 and port not in INTERNAL_PORTS


@functools.cache
def allowed() -> Reach:
    """Return what this installation allows; its settings are read once.

    :raises ValueError: when they cannot be read.
    """
    given = os.environ.get
    return Reach.read(given("ATHANOR_OUTBOUND_ALLOW", ""), given("ATHANOR_OUTBOUND_PORTS", ""))


def _words(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",") if word.strip()]
