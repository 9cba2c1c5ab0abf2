from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from jobs import keys
from jobs.models import Account, ApiKey


def seed(capsys, *arguments):
    call_command("seed_demo", *arguments)
    return capsys.readouterr().out


def made(capsys, *arguments):
    return json.loads(seed(capsys, "--json", *arguments))


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "with space" / "athanor.json"


def keep(path, values):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**values, "url": "http://127.0.0.1:8000"}))


def test_everything_it_prints_works(db, capsys):
    values = made(capsys)

    assert list(values) == ["api_key", "api_key_readonly", "api_key_other", "admin_user", "admin_password"]
    full, readonly, other = (keys.find(values[field]) for field in list(values)[:3])
    assert (full.owner.username, other.owner.username) == ("demo", "other")
    assert readonly.owner == full.owner
    assert full.scopes == other.scopes == list(keys.SCOPES)
    assert readonly.scopes == ["user.read", "task.read", "webhook.read"]
    operator = Account.objects.get(username=values["admin_user"])
    assert operator.is_superuser and operator.is_staff and operator.check_password(values["admin_password"])
    assert not full.owner.has_usable_password()
    assert not full.owner.is_staff


def test_without_a_file_it_makes_new_secrets_for_the_same_accounts(db, capsys):
    first, second = made(capsys), made(capsys)

    assert not {*first.values()} & {*second.values()} - {"admin"}
    assert Account.objects.count() == 3
    assert Account.objects.get(username="admin").check_password(second["admin_password"])


def test_with_a_file_it_keeps_what_is_there(db, capsys, kept):
    first = made(capsys, "--keep", f"{kept}")
    keep(kept, first)

    assert made(capsys, "--keep", f"{kept}") == first
    assert ApiKey.objects.count() == 3


def test_with_a_file_it_brings_back_what_the_database_lost(db, capsys, kept):
    first = made(capsys)
    keep(kept, first)
    Account.objects.all().delete()

    assert made(capsys, "--keep", f"{kept}") == first
    assert keys.find(first["api_key"]).owner.username == "demo"
    assert Account.objects.get(username="admin").check_password(first["admin_password"])


def test_a_revoked_key_stays_revoked(db, capsys, kept):
    first = made(capsys)
    keep(kept, first)
    keys.revoke(keys.find(first["api_key"]))

    second = made(capsys, "--keep", f"{kept}")

    assert second["api_key"] != first["api_key"]
    assert keys.find(first["api_key"]) is None
    assert keys.find(second["api_key"])


def test_a_file_that_is_not_json_is_said_to_be(db, kept):
    kept.parent.mkdir()
    kept.write_text("{")

    with pytest.raises(CommandError, match="not JSON"):
        call_command("seed_demo", "--json", "--keep", f"{kept}")


def test_people_read_lines(db, capsys):
    assert "admin_user: admin\n" in seed(capsys)
