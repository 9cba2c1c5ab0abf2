"""Connects to a host that a customer names, for protocols that are not HTTP."""

from __future__ import annotations

import re
import socket
import time

from jobs.contract import OptionProblem, outbound

from . import refusals

CONNECT_SECONDS = 10
IDLE_SECONDS = 30
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def host(text: str) -> str:
    """Check an option that names a host or holds an address; an IPv6 one may stand in brackets."""
    name = text.strip().removeprefix("[").removesuffix("]")
    # An IPv6 address has more colons than one, which is that of a port.
    stray = _CONTROL.search(name) or re.search(r"[\s/@\[\]]|^[^:]*:[^:]*$", name)
    if not name or stray or len(name) > 253:
        raise OptionProblem("The host must be a name or an address, without protocol, port and path.")
    return name


def plain(name: str, text: str) -> str:
    """Check an option that must be one line of text.

    :raises OptionProblem: when it has control characters, or is no text.
    """
    if _CONTROL.search(text):
        raise OptionProblem(f"The {name} must not contain control characters.")
    return text


def connect(to: str, port: int, *, usual: frozenset[int]) -> socket.socket:
    """Connect to the first address of a host that answers; each has an equal share of the time left.

    :param usual: the ports below 1024 that the protocol is spoken on.
    :raises AddressRefused: when the rule objects.
    :raises StorageUnreachable: when nobody answers.
    """
    try:
        left = outbound.resolve(to, port, usual=usual)
    except OSError as error:
        raise refusals.unreachable(to) from error
    ends = time.monotonic() + CONNECT_SECONDS
    while True:
        address = left.pop(0)
        try:
            line = socket.create_connection(
                (address, port), timeout=max(0.1, (ends - time.monotonic()) / (len(left) + 1))
            )
        except OSError as error:
            if not left:
                raise refusals.unreachable(to) from error
        else:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.settimeout(IDLE_SECONDS)
            return line
