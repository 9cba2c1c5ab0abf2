"""What kind an IP address is, where it is not simply one on the public internet."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192")
)
"""Where clouds tell a machine its secrets."""
# IANA's registries of special addresses (https://www.iana.org/assignments/iana-ipv4-special-registry and
# .../iana-ipv6-special-registry), whole, and not `ipaddress.is_global`, which calls some of these global.
_V4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by a carrier",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "for protocols",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "6to4 relay",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
_V6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::/96": "IPv4-compatible",
    "64:ff9b:1::/48": "local NAT64",
    "100::/64": "discarded",
    "2001::/32": "Teredo",
    "2001::/23": "for protocols",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_KINDS = [(ipaddress.ip_network(text), kind) for text, kind in (_V4 | _V6).items()]
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_IPV4_ONLY = [ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96")]
"""Mapped, which the system connects to as IPv4; and NAT64, by which IPv6 alone reaches everybody else."""
_IPV4_IN_THE_END = [ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b:1::/48")]
_6TO4 = ipaddress.IPv6Network("2002::/16")
_TEREDO = ipaddress.IPv6Network("2001::/32")
_ISATAP = {0x00005EFE, 0x02005EFE}
_32_BITS = 0xFFFFFFFF


def kind(address: Address) -> str | None:
    """Return why an address is not one on the public internet, or None when it is.

    An IPv4 address inside an IPv6 one counts as itself, in every form in which one can be inside another.
    """
    found = None
    for each in forms(address):
        found = found or _own_kind(each)
    return found


def forms(address: Address) -> Iterator[Address]:
    """Yield what an address stands for: itself, unless it is another spelling of IPv4, and any IPv4 in it."""
    if not isinstance(address, ipaddress.IPv6Address):
        yield address
        return
    if not any(address in network for network in _IPV4_ONLY):
        yield address
    for number in _inside(address):
        yield ipaddress.IPv4Address(number & _32_BITS)


def _inside(address: ipaddress.IPv6Address) -> list[int]:
    number = int(address)
    if address in _6TO4:
        return [number >> 80]
    if address in _TEREDO:
        # The server's, and the client's with every bit turned.
        return [number >> 64, ~number]
    ends_in_one = number >> 16 and any(address in network for network in _IPV4_ONLY + _IPV4_IN_THE_END)
    return [number] if ends_in_one or number >> 32 & _32_BITS in _ISATAP else []


def literal(host: str) -> Address | None:
    """Return the address that a URL's host is, also where systems read one (127.1, 0x7f.1, 2130706433)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _own_kind(address: Address) -> str | None:
    if address in METADATA:
        return "cloud metadata"
    # Of the networks an address is in, the first named above says it best.
    for network, name in _KINDS:
        if address.version == network.version and address in network:
            return name
    is_unassigned = isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_V6
    return "unassigned" if is_unassigned else None
