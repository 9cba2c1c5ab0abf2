from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engines._support import bubblewrap
from engines._support.cells import BROWSER, GRAPHICS, OFFICE, USUAL
from engines._support.room import Room

ROOM = Room(read={"/input": Path("/data/in")}, write={"/output": Path("/data/out")}, start="/output")


def options(profile=USUAL, **environment: str) -> str:
    return " ".join(bubblewrap.arguments(ROOM, profile, environment))


def test_a_room_has_namespaces_of_its_own_and_ends_with_us():
    for wanted in ("--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"):
        assert wanted in options().split()


def test_only_the_browser_may_make_namespaces_itself():
    assert "--disable-userns" in options()
    assert "--disable-userns" not in options(BROWSER)


def test_only_outputs_can_be_written():
    words = options().split()

    assert "--ro-bind /data/in /input" in options()
    assert "--bind /data/out /output" in options()
    assert words.count("--bind") == 1
    assert "--remount-ro / " in options() + " "


def test_a_device_is_shown_to_whom_it_is_for_and_to_nobody_else(tmp_path):
    for name in ("card0", "card1", "cardctl", "disk"):
        (tmp_path / name).touch()
    wanted = replace(USUAL, devices=(f"{tmp_path}/card[0-9]*", f"{tmp_path}/cardctl", f"{tmp_path}/card-uvm"))

    shown = [f"--dev-bind-try {tmp_path / name} {tmp_path / name}" for name in ("card0", "card1", "cardctl")]
    assert " ".join(shown) in options(wanted)
    assert options(wanted).count("--dev-bind") == 3
    assert options(wanted).index("--dev /dev ") < options(wanted).index("--dev-bind-try")
    assert "--dev-bind" not in options()


def test_only_a_card_s_own_engine_has_devices():
    assert [profile for profile in (USUAL, OFFICE, BROWSER) if profile.devices] == []
    assert all("/dev/nvidia" in pattern for pattern in GRAPHICS.devices)


def test_what_is_made_of_memory_has_a_size():
    words = options().split()

    assert words.count("--tmpfs") == words.count("--size") == 2


def test_nothing_of_this_machines_own_is_shown():
    shown = options().split()

    for secret in (
        "/home",
        "/root",
        "/var",
        "/run",
        "/sys",
        "/etc/passwd",
        "/etc/shadow",
        "/etc/ssl",
    ):
        assert secret not in shown


def test_the_environment_is_what_is_given():
    assert "--setenv HOME /tmp" in options(HOME="/tmp")


def test_every_bound_is_given_to_the_program():
    bounds = bubblewrap.bounds(USUAL, seconds=60, own=False)

    argv = bubblewrap.limited(["ffmpeg", "-i", "x"], bounds)

    assert {"core", "fsize", "nofile", "nproc", "as", "cpu"} == set(bounds)
    assert argv[:2] == ["/usr/bin/dash", "-c"]
    assert argv[3:] == ["dash", "ffmpeg", "-i", "x"]
    assert argv[2].startswith("ulimit -c 0 && ulimit -f ")
    assert argv[2].endswith(' && exec "$@"')


def test_what_stays_has_no_bound_on_processor_time_and_what_reserves_none_on_addresses():
    assert "cpu" not in bubblewrap.bounds(USUAL, seconds=None, own=False)
    assert "as" not in bubblewrap.bounds(replace(USUAL, address_space=False), seconds=60, own=False)
