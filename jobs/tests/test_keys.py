from __future__ import annotations

import hashlib

import pytest

from jobs import keys
from jobs.models import ApiKey


def test_a_key_is_random_and_only_its_hash_is_kept(owner):
    row, text = keys.make_key(owner, name="a")
    _, other = keys.make_key(owner, name="a")

    assert text != other
    assert len(text) >= 43  # 256 bits in base 64
    assert row.digest == hashlib.sha256(text.encode()).hexdigest()
    kept = " ".join(f"{value}" for value in ApiKey.objects.filter(pk=row.pk).values_list()[0])
    assert text not in kept
    assert text[9:20] not in kept


def test_a_key_is_found_with_its_owner_until_it_is_revoked(owner, django_assert_num_queries):
    row, text = keys.make_key(owner, name="a", scopes=("task.read", "user.read"))
    with django_assert_num_queries(1):
        found = keys.find(text)
        assert found.owner == owner

    assert (found, found.scopes) == (row, ["user.read", "task.read"])
    assert keys.find(text[:-1]) is None
    assert keys.find("") is None
    assert [keys.revoke(row), keys.revoke(row)] == [True, False]
    assert keys.find(text) is None


def test_an_existing_key_can_be_imported_once(owner):
    text = "e" * 2048
    row, same = keys.make_key(owner, name="old", key=text)

    assert (same, keys.find(text)) == (text, row)
    with pytest.raises(ValueError, match="known already"):
        keys.make_key(owner, name="again", key=text)


@pytest.mark.parametrize("text", ["short", "x" * 31, "x" * 4097, "x" * 40 + " ", "é" * 40, "x" * 40 + "\0"])
def test_what_cannot_be_a_key_is_not_imported(owner, text):
    with pytest.raises(ValueError, match="characters"):
        keys.make_key(owner, name="bad", key=text)


def test_an_unknown_scope_is_refused(owner):
    with pytest.raises(ValueError, match=r"admin\.write"):
        keys.make_key(owner, name="bad", scopes=("task.read", "admin.write"))
