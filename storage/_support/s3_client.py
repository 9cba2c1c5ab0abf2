"""A client for S3 that knows what it is told: nothing of the environment, of files at home, or of proxies."""

from __future__ import annotations

import functools
import threading
from typing import Any

from jobs.contract import outbound
from jobs.contract.errors import StorageRefused

from .place import Location
from .s3_line import Line

_making = threading.Lock()
"""Two clients are never made at once of one session."""
TRIES = 2


def client(location: Location, line: Line) -> Any:
    """Return a client for the storage a location names, which speaks on a line; threads may share it.

    :raises StorageRefused: when the machine's own identity is to be used, and it has none.
    """
    from botocore.config import Config

    key, secret, token = _credentials(location)
    config = Config(
        ignore_configured_endpoint_urls=True,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        # Hosts of others need not have a name for each bucket; Amazon's do.
        s3={"addressing_style": "path" if location["endpoint"] else "auto"},
        # We send MD5 ourselves: not every compatible knows the newer sums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        user_agent_extra="Athanor",
    )
    with _making:
        made = _session().create_client(
            "s3",
            region_name=location["region"],
            endpoint_url=location["endpoint"],
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=config,
        )
    line.carry(made.meta.events)
    made.meta.events.register_last("before-parameter-build.s3", _stay)
    return made


@functools.cache
def _session() -> Any:
    # Made once: the models of S3 take a quarter of a second to read.
    from botocore import configprovider, loaders, session

    sealed = session.Session()
    defaults = {name: each[2] for name, each in configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES.items()}
    nothing = dict.fromkeys(("config_file", "credentials_file", "s3", "proxies_config"))
    mapping = {
        name: configprovider.ConstantProvider(value=value) for name, value in (defaults | nothing).items()
    }
    models = loaders.Loader([loaders.Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    sealed.register_component("config_store", configprovider.ConfigValueStore(mapping=mapping))
    sealed.register_component("data_loader", models)
    return sealed


def _credentials(location: Location) -> tuple[str, str, str | None]:
    if not location.get("workload_identity"):
        return location["access_key_id"], location["secret_access_key"], location["session_token"]
    from botocore import session

    with outbound.trusted():
        chain = session.Session().get_credentials()
        found = chain and chain.get_frozen_credentials()
    if not found:
        raise StorageRefused("This service has no identity of its own with AWS. Ask the operator.")
    return found.access_key, found.secret_key, found.token


def _stay(context: dict[str, Any], **_: Any) -> None:
    # The library would look for the bucket's region by itself, and never end where HEAD is redirected too.
    context["s3_redirect"]["redirected"] = True
