"""The client knows what it is told, and connects where it may."""

from __future__ import annotations

import pytest

from jobs.contract import outbound
from jobs.contract.errors import AddressRefused, StorageRefused
from storage import s3
from storage._support import s3_client, s3_line

LOCATION = {
    "bucket": "pail",
    "region": "eu-central-1",
    "endpoint": None,
    "access_key_id": "AKIATOLD",
    "secret_access_key": "told",
    "session_token": None,
}


@pytest.fixture
def misleading(monkeypatch, tmp_path):
    """An environment and files that would lead elsewhere."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "config").write_text(
        "[default]\nregion = xx-files-1\nendpoint_url = http://files.invalid\nmax_attempts = 9\n"
        "s3 =\n  use_accelerate_endpoint = true\n"
    )
    (home / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = file\naws_session_token = file\n"
    )
    for name, value in {
        "HOME": f"{home}",
        "AWS_PROFILE": "nobody-has-it",
        "AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT",
        "AWS_SECRET_ACCESS_KEY": "environment",
        "AWS_SESSION_TOKEN": "environment",
        "AWS_DEFAULT_REGION": "xx-environment-1",
        "AWS_ENDPOINT_URL": "http://environment.invalid",
        "AWS_ENDPOINT_URL_S3": "http://environment.invalid",
        "AWS_CA_BUNDLE": "/nowhere",
        "REQUESTS_CA_BUNDLE": "/nowhere",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_MAX_ATTEMPTS": "9",
        "AWS_RETRY_MODE": "adaptive",
        "AWS_DEFAULTS_MODE": "auto",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported",
        "HTTP_PROXY": "http://proxy.invalid:1",
        "HTTPS_PROXY": "http://proxy.invalid:1",
        "https_proxy": "http://proxy.invalid:1",
    }.items():
        monkeypatch.setenv(name, value)
    s3_client._session.cache_clear()
    yield
    s3_client._session.cache_clear()


@pytest.fixture
def names(monkeypatch):
    """Every name is that of a public address, and nobody is asked."""
    monkeypatch.setattr(outbound, "_look_up", lambda _host, _port: ["93.184.216.34"])


def made(location=()):
    """Return a client."""
    return s3_client.client(LOCATION | dict(location), s3_line.Line(4))


def sent(client, **asked):
    """Return the request that would be sent."""
    found = []

    def catch(request, **_):
        found.append(request)
        raise AddressRefused

    client.meta.events.register_first("before-send.s3", catch)
    with pytest.raises(AddressRefused):
        client.get_object(**{"Bucket": "pail", "Key": "a/b", **asked})
    return found[0]


def test_nothing_around_it_has_a_say(names, misleading):
    client = made()

    request = sent(client)

    assert request.url == "https://pail.s3.eu-central-1.amazonaws.com/a/b"
    assert b"Credential=AKIATOLD/" in request.headers["Authorization"]
    assert "X-Amz-Security-Token" not in request.headers
    assert client.meta.config.retries == {"total_max_attempts": 2, "mode": "standard"}


def test_no_proxy_is_asked(misleading, loopback, moto):
    client = made({"endpoint": moto.endpoint, "region": moto.region})

    assert client.list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_session_token_is_sent(names):
    request = sent(made({"session_token": "token"}))

    assert request.headers["X-Amz-Security-Token"] == b"token"


@pytest.mark.parametrize(
    ("endpoint", "bucket", "url"),
    [
        (None, "pail.with.dots", "https://s3.eu-central-1.amazonaws.com/pail.with.dots/a/b"),
        ("https://s3.example.com", "pail", "https://s3.example.com/pail/a/b"),
        ("http://93.184.216.34:9000/base", "pail.x", "http://93.184.216.34:9000/base/pail.x/a/b"),
        ("https://s3.example.com", "Old_Pail", "https://s3.example.com/Old_Pail/a/b"),
    ],
)
def test_the_bucket_stands_in_the_path_where_a_host_may_lack_it(names, endpoint, bucket, url):
    assert sent(made({"endpoint": endpoint}), Bucket=bucket).url == url


@pytest.mark.parametrize("key", ["/a", "a//b", "../a", "a/./b", "a/../b", " ", "a?b#c%20", "ü/🙂"])
def test_no_key_is_made_another(names, key):
    from urllib.parse import unquote, urlsplit

    url = sent(made({"endpoint": "https://s3.example.com"}), Key=key).url

    assert unquote(urlsplit(url).path) == f"/pail/{key}"


def test_an_endpoint_inside_is_refused_before_anything_is_sent(names):
    client = made({"endpoint": "http://127.0.0.1:9"})

    with pytest.raises(AddressRefused):
        client.list_objects_v2(Bucket="pail")


def test_an_identity_of_our_own_is_used_only_when_it_is_allowed(names, misleading, monkeypatch):
    monkeypatch.delenv("AWS_PROFILE")
    nobodys = dict.fromkeys(("access_key_id", "secret_access_key", "session_token"))

    request = sent(made(nobodys | {"workload_identity": True}))

    assert b"Credential=AKIAENVIRONMENT/" in request.headers["Authorization"]
    assert request.url.startswith("https://pail.s3.eu-central-1.amazonaws.com/")


def test_an_identity_that_is_not_there_is_the_operators_business(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", f"{tmp_path}")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(StorageRefused, match="operator"):
        made({"workload_identity": True})


def test_a_saved_connection_may_hold_where_and_who_and_nothing_else():
    export = next(record for record in s3.OPERATIONS if record.name == "export/s3")

    assert {option.name for option in export.options if option.place} == LOCATION.keys()
