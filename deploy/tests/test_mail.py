from __future__ import annotations

import traceback

import pytest

from deploy import mail
from deploy.startup import SettingError


@pytest.mark.parametrize(
    ("url", "backend", "expected"),
    [
        ("", "dummy", {}),
        ("console:", "console", {}),
        ("file:///var/mail%20box", "filebased", {"EMAIL_FILE_PATH": "/var/mail box"}),
        (
            "smtp://mail.example",
            "smtp",
            {"EMAIL_HOST": "mail.example", "EMAIL_PORT": 25, "EMAIL_USE_TLS": False},
        ),
        (
            "smtp+tls://mail.example",
            "smtp",
            {"EMAIL_PORT": 587, "EMAIL_USE_TLS": True, "EMAIL_USE_SSL": False},
        ),
        (
            "smtps://me%40a.example:p%2Fw@mail.example:2465",
            "smtp",
            {
                "EMAIL_PORT": 2465,
                "EMAIL_USE_SSL": True,
                "EMAIL_HOST_USER": "me@a.example",
                "EMAIL_HOST_PASSWORD": "p/w",
            },
        ),
    ],
)
def test_an_url_says_where_e_mail_goes(url, backend, expected):
    found = mail.settings_of(url)

    assert found["EMAIL_BACKEND"].split(".")[-2] == backend
    assert expected.items() <= found.items()


@pytest.mark.parametrize(
    "url",
    [
        *("mail.example", "http://u:secret@mail.example", "smtp://", "file:"),
        *("smtp://mail.example:99999", "smtp://u:secret/word@mail.example", "smtp://[mail.example"),
    ],
)
def test_what_is_none_is_refused_without_telling_the_password(url):
    with pytest.raises(SettingError, match="ATHANOR_EMAIL_URL must be") as caught:
        mail.settings_of(url)

    assert "secret" not in "".join(traceback.format_exception(caught.value))
