"""One strict reading of a URL, so that what was checked is what is connected to."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

MAX_LENGTH = 8 * 1024
PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Besides letters and digits, what may stand in a path or a query as it is; the rest is percent-encoded.
_PLAIN = "%/:?@!$&'()*+,;=~-._[]|"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class InvalidURL(ValueError):
    """Not an http or https URL that can be meant one way only."""


@dataclass(frozen=True)
class Url:
    """An absolute http or https URL in ASCII, without user and fragment."""

    scheme: str
    host: str
    """A lower-case name in IDNA form, or an address; IPv6 without brackets."""
    port: int
    target: str
    """Path and query, percent-encoded."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What two URLs share when a secret meant for one may be sent to the other."""
        return self.scheme, self.host, self.port

    @property
    def last_segment(self) -> str:
        """The end of the path, decoded: often the file's name."""
        return unquote(self.target.partition("?")[0].rpartition("/")[2], errors="replace")

    def join(self, location: str) -> Url:
        """Return where a redirect from here leads. Servers send spaces and bare Unicode in it.

        :raises InvalidURL: when it leads to no http or https URL.
        """
        return parse(urljoin(f"{self}", location.strip().replace(" ", "%20")))


def parse(text: str) -> Url:
    """Read a URL.

    :raises InvalidURL: when it is not http or https, names a user, or could be read in two ways.
    """
    if len(text) > MAX_LENGTH or "\\" in text or any(ord(c) <= 32 or 127 <= ord(c) < 160 for c in text):
        raise InvalidURL
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidURL from error
    if parts.scheme not in PORTS or "@" in parts.netloc or parts.netloc.endswith(":") or port == 0:
        raise InvalidURL
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    return Url(parts.scheme, _host(parts.netloc, parts.hostname), port or PORTS[parts.scheme], _plain(target))


def _host(netloc: str, host: str | None) -> str:
    if not host:
        raise InvalidURL
    if netloc.startswith("["):
        return _address(host)
    if not host.isascii():
        host = _idna(host)
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidURL
    return host


def _address(host: str) -> str:
    if "%" in host:
        raise InvalidURL
    try:
        return ipaddress.IPv6Address(host).compressed
    except ValueError as error:
        raise InvalidURL from error


def _idna(host: str) -> str:
    import idna  # hosts outside ASCII are rare, and its tables are not small

    try:
        return idna.encode(host, uts46=True).decode().lower()
    except idna.IDNAError as error:
        raise InvalidURL from error


def _plain(target: str) -> str:
    try:
        return quote(_STRAY_PERCENT.sub("%25", target), safe=_PLAIN)
    except UnicodeEncodeError as error:
        raise InvalidURL from error
