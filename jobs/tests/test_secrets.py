from __future__ import annotations

import pytest

from jobs import secrets

M = secrets.MASK


@pytest.fixture(autouse=True)
def _names(fakes):
    secrets.names.cache_clear()
    yield
    secrets.names.cache_clear()


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ({"password": "x", "url": "y"}, {"password": M, "url": "y"}),
        ({"PASSWORD": 7}, {"PASSWORD": M}),
        ({"headers": {"A": "x", "B": ["y", None]}}, {"headers": {"A": M, "B": [M, None]}}),
        ({"deep": [{"password": {"a": "x"}}]}, {"deep": [{"password": {"a": M}}]}),
        ({"password": None, "headers": {}}, {"password": None, "headers": {}}),
        ({"password": ""}, {"password": ""}),
        ([1, "password"], [1, "password"]),
    ],
)
def test_secrets_are_masked_wherever_they_are(payload, shown):
    assert secrets.masked(payload) == shown


def test_the_payload_itself_stays_as_it_is():
    payload = {"headers": {"A": "x"}}

    secrets.masked(payload)

    assert payload == {"headers": {"A": "x"}}


def test_words_are_shown_without_secrets():
    payload = {"password": "pass", "headers": {"A": "password-2"}, "url": "https://a.example"}

    shown = secrets.redacted("tool --pw pass --h password-2 https://a.example", payload)

    assert shown == f"tool --pw {M} --h {M} https://a.example"
