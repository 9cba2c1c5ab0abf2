from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from api import links
from jobs.models import File, Task


@pytest.fixture
def task():
    now = timezone.now()
    return Task(pk=uuid4(), operation="import/upload", created_at=now, ended_at=now)


@pytest.fixture
def file(task):
    return File(pk=uuid4(), task=task, name="über & co/1;2.pdf", size=3, sha256="00", key="k")


def query(url):
    return dict(parse_qsl(urlsplit(url).query))


def test_a_form_has_only_strings_and_begins_its_key_with_the_task(task, settings):
    settings.ATHANOR_STORAGE_URL = "https://storage.example.com/"

    form = links.upload_form(task)

    assert form["url"] == f"https://storage.example.com/storage/uploads/{task.pk}"
    assert all(type(value) is str for value in form["parameters"].values())
    assert form["parameters"]["key"] == f"{task.pk}/${{filename}}"
    assert form["parameters"]["success_action_status"] == "201"


def test_a_form_is_valid_for_its_task_as_long_as_the_settings_say(task, settings):
    settings.ATHANOR_UPLOAD_HOURS, settings.ATHANOR_MAX_FILE_BYTES = 2, 77

    grant = links.check_upload(links.upload_form(task)["parameters"], task=None)

    assert (grant.task, grant.max_size) == (task.pk, 77)
    assert grant.expires == int((task.created_at + timedelta(hours=2)).timestamp())


def test_the_task_in_the_path_must_be_that_of_the_form(task):
    fields = links.upload_form(task)["parameters"]

    assert links.check_upload(fields, task=task.pk).task == task.pk
    with pytest.raises(links.LinkRefused):
        links.check_upload(fields, task=uuid4())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signature", "0" * 64),
        ("signature", "é"),
        ("signature", None),
        ("max_file_size", "99999999999999"),
        ("max_file_size", "²"),
        ("expires", "99999999999"),
        ("expires", "-1"),
        ("key_id", "00000000"),
        ("key_id", None),
        ("key", f"{UUID(int=1)}/${{filename}}"),
        ("key", "../${filename}"),
        ("key", None),
    ],
)
def test_an_altered_form_is_refused(task, name, value):
    fields = links.upload_form(task)["parameters"]
    fields = {**fields, name: value} if value is not None else {k: v for k, v in fields.items() if k != name}

    with pytest.raises(links.LinkRefused):
        links.check_upload(fields, task=None)


def test_an_old_form_is_refused(task):
    task.created_at -= timedelta(days=1)

    with pytest.raises(links.LinkExpired):
        links.check_upload(links.upload_form(task)["parameters"], task=None)


def test_a_download_url_is_the_same_whenever_asked(file, task):
    task.ended_at = datetime(2026, 1, 2, tzinfo=UTC)

    assert links.download_url(file, task, inline=False) == links.download_url(file, task, inline=False)


def test_a_download_url_survives_clients_that_encode_it_anew(file, task):
    url = links.download_url(file, task, inline=True)
    raw = urlsplit(url).query

    again = urlencode({name: values[0] for name, values in parse_qs(raw).items()}, quote_via=quote)

    assert again == raw
    assert links.check_download(query(url), task=task.pk).file == file.pk
    assert urlsplit(url).path == f"/storage/tasks/{task.pk}/%C3%BCber%20%26%20co%2F1%3B2.pdf"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signature", "00"),
        ("file", f"{UUID(int=2)}"),
        ("file", "x"),
        ("expires", "99999999999"),
        ("disposition", "inline"),
        ("key", ""),
    ],
)
def test_an_altered_download_url_is_refused(file, task, name, value):
    altered = {**query(links.download_url(file, task, inline=False)), name: value}

    with pytest.raises(links.LinkRefused):
        links.check_download(altered, task=task.pk)


def test_a_download_url_ends_with_the_files_retention(file, task, settings):
    settings.ATHANOR_RETENTION_HOURS = 1
    task.ended_at -= timedelta(hours=2)

    with pytest.raises(links.LinkExpired):
        links.check_download(query(links.download_url(file, task, inline=False)), task=task.pk)


def test_a_signature_serves_one_purpose(file, task):
    uploaded = links.upload_form(task)["parameters"]
    stolen = {
        "file": f"{file.pk}",
        "expires": uploaded["expires"],
        "disposition": "",
        "key": uploaded["key_id"],
    }

    with pytest.raises(links.LinkRefused):
        links.check_download({**stolen, "signature": uploaded["signature"]}, task=task.pk)


def test_links_of_an_older_key_still_verify_and_new_ones_use_the_new_key(file, task, settings):
    old = query(links.download_url(file, task, inline=False))
    settings.ATHANOR_SIGNING_KEYS, settings.SECRET_KEY = (settings.SECRET_KEY,), "a-new-secret"

    new = query(links.download_url(file, task, inline=False))

    assert links.check_download(old, task=task.pk) and links.check_download(new, task=task.pk)
    assert old["key"] != new["key"]
    settings.ATHANOR_SIGNING_KEYS = ()
    with pytest.raises(links.LinkRefused):
        links.check_download(old, task=task.pk)
