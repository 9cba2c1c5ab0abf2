"""Which account of Azure a location means, and what proves who asks."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from jobs.contract import OptionProblem, urls

from . import refusals
from .place import Location
from .transfers import WORKLOAD_IDENTITY

if TYPE_CHECKING:
    from .azure import Credential

_ACCOUNT = r"[a-z0-9]{3,24}"
_EMULATED = r"[A-Za-z0-9-]{1,63}"
_CONTAINER = r"\$?[a-z0-9-]{1,63}"
_CLOUDS = (
    *(".core.windows.net", ".core.usgovcloudapi.net", ".core.chinacloudapi.cn", ".core.cloudapi.de"),
    ".storage.azure.net",
)
"""Where the machine's own credentials may be shown: to no other host than Azure's."""


def _named(location: Location, field: str, pattern: str) -> str:
    # It becomes part of a host or of a path.
    name = f"{location[field]}"
    if not re.fullmatch(pattern, name):
        raise refusals.refused(f"nothing there is called {name[:70]!r}", field)
    return name


def container(location: Location) -> str:
    """Return the container's name."""
    return _named(location, "container", _CONTAINER)


def where(location: Location) -> urls.Url:
    """Return where the account is.

    :raises StorageRefused: when its name is none, and might lead elsewhere.
    """
    if given := location.get("endpoint"):
        _named(location, "storage_account", _EMULATED)
        return urls.parse(given)
    account = _named(location, "storage_account", _ACCOUNT)
    return urls.parse(f"https://{account}.blob.core.windows.net")


def credential(location: Location, there: urls.Url) -> tuple[Credential | None, tuple[str, ...]]:
    """Return what to show, None for the machine's own, and the options that it stands in.

    :raises StorageRefused: when there is nothing that can be shown.
    """
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

    if key := location.get("storage_access_key"):
        return AzureNamedKeyCredential(location["storage_account"], _key(key)), ("storage_access_key",)
    if token := location.get("sas_token"):
        return AzureSasCredential(signature(token)), ("sas_token",)
    if not location.get(WORKLOAD_IDENTITY):
        raise refusals.credentials("storage_access_key", "sas_token")
    if there.scheme != "https" or not there.host.endswith(_CLOUDS):
        raise refusals.refused("the machine's own credentials are shown to Azure only", "endpoint")
    return None, ("storage_account",)


def _key(text: str) -> str:
    try:
        base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raise refusals.credentials("storage_access_key") from None
    return text.strip()


def signature(token: str) -> str:
    """Return the query of a shared access signature, of which people paste all or part, encoded or not.

    :raises StorageRefused: when it has none.
    """
    pairs = [pair.partition("=") for pair in token.strip().rpartition("?")[2].split("&") if pair]
    if not any(name == "sig" and value for name, _, value in pairs):
        raise refusals.credentials("sas_token")
    return "&".join(f"{quote(name)}={quote(unquote(value), safe='')}" for name, _, value in pairs)


def endpoint(text: str) -> str:
    """Check the option of this name."""
    try:
        url = urls.parse(text.strip())
    except urls.InvalidURL:
        raise OptionProblem("The endpoint format is invalid.") from None
    if "?" in url.target:
        raise OptionProblem("The endpoint must have no query; a signature goes into sas_token.")
    return f"{url}"


def metadata(entries: dict[str, str]) -> dict[str, str]:
    """Check the option of this name."""
    for name, value in entries.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,254}", name):
            raise OptionProblem(
                f"The metadata must have names of letters, digits and underscores, not {name[:50]!r}."
            )
        if not re.fullmatch(r"[\x20-\x7e]*", value):
            raise OptionProblem(f"The metadata must have plain ASCII text in {name}.")
    if len({name.lower() for name in entries}) < len(entries):
        raise OptionProblem("The metadata must not have names that differ in case only.")
    return {name: value.strip() for name, value in entries.items()}
