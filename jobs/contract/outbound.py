"""May we connect there? The one rule for every connection a customer can cause, held as it is being made."""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from . import reach
from .addresses import Address
from .errors import AddressRefused
from .reach import FTP, SFTP, WEB

log = logging.getLogger(__name__)

RESOLVE_SECONDS = 5
MOST_NAMES = 1000
_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_NAMED: dict[str, frozenset[str]] = {}
"""The last addresses of hosts that are allowed by name: whoever connects sees the address only."""
_here = threading.local()
_guarding = threading.Event()


def guard() -> None:
    """Hold every connection of this process to the rule from now on, whatever library makes it.

    The thread that calls this is trusted for good, others only inside ``trusted``. What connects without
    Python's sockets is not seen: libpq, uvloop, gRPC, and the system's own look-up of names.
    """
    _here.trust = 1
    if not _guarding.is_set():
        _guarding.set()
        sys.addaudithook(_hear)


@contextmanager
def trusted() -> Iterator[None]:
    """Exempt what this thread does in the block: connections of our own, to where no customer has a say.

    The broker is exempt by who calls, not by where it is; else a customer could name its address.
    """
    _here.trust = getattr(_here, "trust", 0) + 1
    try:
        yield
    finally:
        _here.trust -= 1


def resolve(host: str, port: int, *, usual: frozenset[int] = WEB) -> list[str]:
    """Look a host up once and return its addresses: connect to these, and ask nobody a second time.

    :param usual: the ports below 1024 that the protocol is spoken on.
    :raises AddressRefused: when the rule objects to any one of them.
    :raises OSError: when there is none, or nobody says so in time.
    """
    found = _look_up(host, port)
    for text in found:
        if objection := _objection(ipaddress.ip_address(text), port, host=host, usual=usual):
            raise refused(host if host == text else f"{host} ({text})", port, objection)
    if reach.allowed().names(host):
        while len(_NAMED) >= MOST_NAMES:
            _NAMED.pop(next(iter(_NAMED)), None)
        _NAMED[host] = frozenset(found)
    return found


def decide(host: object, port: object, *, usual: frozenset[int] = WEB | SFTP | FTP) -> None:
    """Return if a connection that is being made may be made.

    :param host: what is connected to; anything but the text of an address is refused.
    :raises AddressRefused: when it may not.
    """
    try:
        address = ipaddress.ip_address(host) if isinstance(host, str) else None
    except ValueError:
        address = None
    if address is None or not isinstance(port, int):
        raise refused(host, port, "not an address")
    named = next((name for name, found in list(_NAMED.items()) if host in found), "")
    if objection := _objection(address, port, host=named, usual=usual):
        raise refused(host, port, objection)


def refused(where: object, port: object, objection: str) -> AddressRefused:
    """Return the refusal to raise; the log says what the customer is not told."""
    with trusted():
        log.warning("Refused to connect to %.300r, port %.20r: %s.", where, port, objection)
    return AddressRefused()


def refusal_of(error: BaseException) -> AddressRefused | None:
    """Return our refusal if an error, of whatever library, comes from one."""
    left: list[object] = [error]
    seen: set[int] = set()
    while left:
        each = left.pop()
        if isinstance(each, AddressRefused):
            return each
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            # Some libraries keep it beside the chain.
            left += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
            left += getattr(each, "exceptions", ())
    return None


def _look_up(host: str, port: int) -> list[str]:
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="resolve")
    lookup = pool.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    pool.shutdown(wait=False)
    try:
        found = lookup.result(timeout=RESOLVE_SECONDS)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "This is no host's name") from error
    return list(dict.fromkeys(f"{answer[4][0]}" for answer in found))


def _objection(address: Address, port: int, *, host: str, usual: frozenset[int]) -> str | None:
    allowed = reach.allowed()
    if objection := allowed.objection(address, port, host=host, usual=usual):
        return objection
    if allowed.names(host) or allowed.lists(address) or not _is_ours(address):
        return None
    return "an address of this machine"


def _is_ours(address: Address) -> bool:
    # The system sends from an address what is sent to itself; nothing is sent to find that out.
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with trusted(), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((f"{address}", 9))
            return bool(probe.getsockname()[0] == f"{address}")
    except OSError:
        return False


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS and not getattr(_here, "trust", 0):
        _decide(*arguments)


def _decide(connecting: socket.socket, to: Any) -> None:
    if to is None:
        # A message on a socket that is connected already.
        return
    is_internet = connecting.family in {socket.AF_INET, socket.AF_INET6}
    if not is_internet or not isinstance(to, tuple) or len(to) < 2:
        raise refused(to, None, "not an address of the internet")
    decide(to[0], to[1])
