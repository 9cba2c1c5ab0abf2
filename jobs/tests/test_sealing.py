from __future__ import annotations

import pytest

from jobs import sealing

PLACE = ("task", "password")
OLD, NEW = {"old": b"o" * 32}, {"new": b"n" * 32}


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.ATHANOR_SEALING_KEYS = OLD


@pytest.mark.parametrize(
    "value", ["word", "zwölf \U0001f511", "", 12, 1.5, True, ["a", {"b": None}], "sealed:1:old:x"]
)
def test_what_was_sealed_opens_as_it_was(value):
    assert sealing.opened(sealing.seal(value, place=PLACE), place=PLACE) == value


def test_a_seal_tells_nothing_but_its_key():
    one, other = (sealing.seal("word", place=PLACE) for _ in range(2))

    assert one.startswith("sealed:1:old:")
    assert one != other


def test_what_was_altered_does_not_open():
    sealed = sealing.seal("word", place=PLACE)

    for at in range(len("sealed:1:old:"), len(sealed)):
        altered = f"{sealed[:at]}{'A' if sealed[at] != 'A' else 'Q'}{sealed[at + 1 :]}"
        with pytest.raises(sealing.CannotOpen):
            sealing.opened(altered, place=PLACE)
    with pytest.raises(sealing.CannotOpen):
        sealing.opened("sealed:1:old:AAAA", place=PLACE)


@pytest.mark.parametrize("place", [("other", "password"), ("task", "headers"), ("task",), ("task/password",)])
def test_what_was_moved_does_not_open(place):
    with pytest.raises(sealing.CannotOpen):
        sealing.opened(sealing.seal("word", place=PLACE), place=place)


def test_the_first_key_seals_and_every_key_opens(settings):
    old = sealing.seal("word", place=PLACE)

    settings.ATHANOR_SEALING_KEYS = NEW | OLD

    new = sealing.seal("word", place=PLACE)
    assert new.startswith("sealed:1:new:")
    assert [sealing.opened(each, place=PLACE) for each in (old, new)] == ["word", "word"]
    assert [sealing.is_fresh(each) for each in (old, new, "word")] == [False, True, False]


def test_a_key_that_is_gone_is_named(settings):
    old = sealing.seal("word", place=PLACE)

    settings.ATHANOR_SEALING_KEYS = NEW

    with pytest.raises(sealing.CannotOpen, match="'old', which is not among ATHANOR_SEALING_KEYS"):
        sealing.opened(old, place=PLACE)


def test_another_key_of_the_same_name_does_not_open(settings):
    old = sealing.seal("word", place=PLACE)

    settings.ATHANOR_SEALING_KEYS = {"old": b"x" * 32}

    with pytest.raises(sealing.CannotOpen):
        sealing.opened(old, place=PLACE)


def test_what_was_stored_before_there_was_sealing_is_read():
    assert [sealing.opened(value, place=PLACE) for value in ("word", 7)] == ["word", 7]
