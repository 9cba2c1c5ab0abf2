from __future__ import annotations

import json
from uuid import UUID

import pytest

from jobs import secrets
from jobs.sealing import CannotOpen

M = secrets.MASK


ONE, TWO = UUID(int=1), UUID(int=2)

pytestmark = pytest.mark.usefixtures("fakes")


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


@pytest.mark.parametrize(
    ("payload", "text", "shown"),
    [
        ({"password": "pass", "url": "tool"}, "tool --pw pass", f"tool --pw {M}"),
        ({"password": "pass", "headers": {"A": "pass-2"}}, "pass pass-2", f"{M} {M}"),
        ({"headers": {"A": "Bearer a-long-token"}}, "a-long-token is bad", f"{M} is bad"),
        ({"password": " tidied "}, "got tidied", f"got {M}"),
        ({"password": 'a"b\\c\n'}, r'{"password": "a\"b\\c"}', f'{{"password": "{M}"}}'),
        ({"password": "zwölf"}, r'"zw\u00f6lf", zw%C3%B6lf', f'"{M}", {M}'),
        ({"password": "a/b&c"}, "?p=a%2Fb%26c", f"?p={M}"),
        ({"password": 123456}, "it is 123456", f"it is {M}"),
        ({"password": "no", "headers": {}}, "no, it is not", "no, it is not"),
        ({}, "a word", "a word"),
    ],
)
def test_texts_are_shown_without_secrets(payload, text, shown):
    assert secrets.redactor(payload)(text) == shown


def test_what_a_thread_works_on_is_hidden_until_it_works_on_something_else():
    secrets.hide(secrets.redactor({"password": "first"}))
    assert secrets.redacted("first") == M

    secrets.hide(secrets.redactor({}))

    assert secrets.redacted("first") == "first"


PAYLOAD = {
    "PASSWORD": 1234,
    "headers": {"A": "token", "B": ["more", None, ""]},
    "deep": [{"password": True}],
    "url": "https://a.example",
}


def test_a_sealed_payload_keeps_its_shape_and_tells_nothing():
    sealed = secrets.sealed(PAYLOAD, row=ONE)

    assert secrets.masked(sealed) == secrets.masked(PAYLOAD)
    assert sealed["url"] == PAYLOAD["url"]
    assert sealed["headers"]["B"][1:] == [None, ""]
    assert not [word for word in ("1234", "token", "more", "true") if word in json.dumps(sealed)]
    assert secrets.opened(sealed, row=ONE) == PAYLOAD


def test_a_sealed_payload_opens_as_its_tasks_only_and_in_its_order_only():
    sealed = secrets.sealed({"headers": {"A": "x", "B": "y"}}, row=ONE)
    swapped = {"headers": {"A": sealed["headers"]["B"]}}

    for payload, task in [(sealed, TWO), (swapped, ONE)]:
        with pytest.raises(CannotOpen):
            secrets.opened(payload, row=task)
