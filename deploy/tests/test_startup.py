from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import startup

ROOT = Path(__file__).resolve().parents[2]
GOOD = "wq7Jx0_2ZbN5mRk8Vt1-LcYpGhA4sDfU9eKiBo3XyQE"
KEY = f"k1:{base64.b64encode(hashlib.sha256(b'one like a new one').digest()).decode()}"
SEALING = tuple(startup.sealing_keys(KEY, name="").values())


def refusals(*, secret_keys=(GOOD,), sealing_keys=SEALING, given=True, debug=False):
    return startup.refusals(secret_keys=secret_keys, sealing_keys=sealing_keys, given=given, debug=debug)


def test_good_keys_may_start():
    assert refusals() == ()
    assert refusals(secret_keys=(GOOD, GOOD[::-1])) == ()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"secret_keys": ("",)}, "ATHANOR_SECRET_KEY is not set. Make one: python3"),
        ({"secret_keys": (GOOD[:31],)}, "ATHANOR_SECRET_KEY has only 31 characters of at least 32"),
        ({"secret_keys": ("change-me-" * 4,)}, "ATHANOR_SECRET_KEY is a sample"),
        ({"secret_keys": ("My-S3cret-Key-is-not-a-SECRET-really",)}, "ATHANOR_SECRET_KEY is a sample"),
        ({"secret_keys": (f"django-insecure-{GOOD}",)}, "ATHANOR_SECRET_KEY is a sample"),
        ({"secret_keys": ("abcabcabc" * 5,)}, "ATHANOR_SECRET_KEY is a sample"),
        ({"secret_keys": (GOOD, "older")}, "One of ATHANOR_SIGNING_KEYS has only 5 characters"),
        (
            {"given": False},
            "ATHANOR_SEALING_KEYS is not set, nor ATHANOR_SEALING_KEYS_FILE. Make a key: python3",
        ),
        ({"sealing_keys": (os.urandom(32), bytes(32))}, "ATHANOR_SEALING_KEYS holds a sample key"),
        ({"debug": True}, "ATHANOR_DEBUG is on"),
    ],
)
def test_what_must_not_face_customers_is_said_with_its_remedy(wrong, sentence):
    [refusal] = refusals(**wrong)

    assert refusal.startswith(sentence)


@pytest.mark.parametrize("command", [startup.MAKE_SECRET_KEY, startup.MAKE_SEALING_KEY])
def test_the_commands_told_make_good_keys(command):
    made = subprocess.run(["sh", "-c", command], capture_output=True, check=True, text=True).stdout.strip()

    if command == startup.MAKE_SECRET_KEY:
        assert refusals(secret_keys=(made,)) == ()
    else:
        [(name, key)] = startup.sealing_keys(made, name="").items()
        assert (name, refusals(sealing_keys=(key,))) == ("k1", ())


def test_the_first_sealing_key_stays_the_first():
    text = f"b:{base64.b64encode(b'1' * 32).decode()},\n a:{base64.urlsafe_b64encode(b'?' * 32).decode()}\n"

    assert list(startup.sealing_keys(text, name="").items()) == [("b", b"1" * 32), ("a", b"?" * 32)]


@pytest.mark.parametrize(
    "text",
    ["", "k1", "k1:", "k1:c2hvcnQ=", f":{KEY}", f"a b:{KEY}", f"{KEY},{KEY}", "k1:" + "ä" * 44, KEY[:-2]],
)
def test_what_is_no_sealing_key_is_refused_without_showing_it(text):
    with pytest.raises(startup.SettingError) as refused:
        startup.sealing_keys(text, name="HERE")

    assert "HERE" in f"{refused.value}"
    assert "c2hvcnQ" not in f"{refused.value}"
    assert KEY[10:30] not in f"{refused.value}"


def test_what_is_made_once_is_private_and_stays(tmp_path):
    path = tmp_path / "new" / "key"

    assert startup.kept(path, "first") == "first"
    assert startup.kept(path, "second") == "first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["key"]


def manage(*words, folder, **settings):
    bare = {name: text for name, text in os.environ.items() if not name.startswith("ATHANOR_")}
    given = {f"ATHANOR_{name}": text for name, text in settings.items()}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**bare, "ATHANOR_DATA_DIR": f"{folder}", **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_the_service_does_not_start_with_keys_of_nobody_s_choice(tmp_path, command):
    ended = manage(command, folder=tmp_path)

    assert ended.returncode == 1
    assert "ATHANOR_SECRET_KEY is not set." in ended.stderr
    assert "ATHANOR_SEALING_KEYS is not set" in ended.stderr
    assert len(ended.stderr.splitlines()) == 2
    assert ended.stdout == ""


def test_other_commands_need_no_keys(tmp_path):
    assert manage("migrate", "--plan", folder=tmp_path).returncode == 0


def test_good_settings_and_the_embedded_stack_may_start(tmp_path):
    show = ("shell", "-v0", "-c", "from django.conf import settings; print(settings.ATHANOR_REFUSALS)")
    (tmp_path / "keys").write_text(f"{KEY}\n")

    for given in (
        {"SECRET_KEY": GOOD, "SEALING_KEYS": KEY},
        {"SECRET_KEY": GOOD, "SEALING_KEYS_FILE": f"{tmp_path / 'keys'}"},
        {"EMBEDDED": "1"},
    ):
        assert manage(*show, folder=tmp_path / "data", **given).stdout == "()\n"


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"SEALING_KEYS": "k1:c2hvcnQ="}, "Key 1 of ATHANOR_SEALING_KEYS"),
        ({"MAX_IMAGE_PIXELS": "lots"}, "ATHANOR_MAX_IMAGE_PIXELS='lots' must be a positive whole number"),
        ({"SLOTS": "ffmpeg"}, "ATHANOR_SLOTS='ffmpeg' cannot be read: write something like storage=8"),
    ],
)
def test_a_setting_that_cannot_be_read_is_one_line(tmp_path, setting, sentence):
    ended = manage("check", folder=tmp_path, **setting)

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert sentence in ended.stderr


def test_every_setting_is_listed_and_no_value_shown(tmp_path):
    listed = manage("settings", folder=tmp_path, SECRET_KEY=GOOD, SLOTS="storage=3").stdout

    for words in (
        "ATHANOR_SECRET_KEY=\n    Signs",
        "ATHANOR_MAX_IMAGE_PIXELS=100000000\n",
        "_SLOTS=\n    How",
    ):
        assert words in listed
    assert GOOD not in listed


def test_a_work_folder_of_somebody_else_is_said_in_a_line(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "work").symlink_to(tmp_path)
    data = tmp_path / "data"
    ended = manage("worker", folder=data, SECRET_KEY=GOOD, SEALING_KEYS=KEY)

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"CommandError: The work folder cannot be used: {data / 'work'} belongs to somebody else."
    ]


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["--queues", "storage,ffmepg"], {}),
        ([], {"QUEUES": "ffmepg"}),
        ([], {"SLOTS": "ffmepg=2,storage=4"}),
    ],
)
def test_a_worker_of_no_such_queue_does_not_start(words, given, tmp_path):
    ended = manage("worker", *words, folder=tmp_path, SECRET_KEY=GOOD, SEALING_KEYS=KEY, **given)

    assert ended.returncode == 1
    assert ended.stderr.startswith("CommandError: There is no queue ffmepg; there are: archivetool, ")
