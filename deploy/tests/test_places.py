from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deploy import places


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind((places.HOST, 0))
        server.listen()
        yield server.getsockname()[1]


def test_the_next_free_port_is_taken(taken):
    port, sync_port = places.free_ports((None, None), (taken, taken))

    assert taken < port < sync_port


def test_a_port_asked_for_is_used_and_not_given_twice():
    with socket.socket() as probe:
        probe.bind((places.HOST, 0))
        free = probe.getsockname()[1]

    port, sync_port = places.free_ports((None, free), (free, free))

    assert sync_port == free
    assert port != free


def test_a_port_asked_for_that_is_taken_is_refused(taken):
    with pytest.raises(OSError, match=f"{taken} is taken"):
        places.free_ports((taken, None))


@pytest.mark.parametrize(
    ("folder", "fits"),
    [("/srv/athanor/var", True), ("/srv/my athanor/var", False), ("/srv/" + "deep/" * 20 + "var", False)],
)
def test_a_socket_lies_in_the_data_folder_where_its_path_allows(folder, fits):
    assert places.socket_folder(Path(folder)) == (Path(folder) if fits else None)


def seen(inherited):
    return places.environment(
        inherited, data_dir=Path("/data"), ports=(8000, 8001), redis=Path("/data/redis.sock")
    )


def test_the_programs_are_told_where_everything_is():
    env = seen({"PATH": "/usr/bin"})

    assert env["PATH"] == "/usr/bin"
    assert env["ATHANOR_PUBLIC_URL"] == "http://127.0.0.1:8000"
    assert env["ATHANOR_SYNC_URL"] == "http://127.0.0.1:8001"
    assert env["ATHANOR_BROKER_URL"] == "redis+socket:///data/redis.sock"
    assert env["ATHANOR_EVENTS_URL"] == "unix:///data/redis.sock"
    assert env["TMPDIR"] == "/data/work"


def test_what_the_operator_says_wins():
    env = seen({"ATHANOR_PUBLIC_URL": "https://files.example.test", "ATHANOR_BROKER_URL": "amqp://rabbit"})

    assert env["ATHANOR_PUBLIC_URL"] == "https://files.example.test"
    assert env["ATHANOR_BROKER_URL"] == "amqp://rabbit"
    assert "ATHANOR_EVENTS_URL" not in env


def test_the_data_folder_is_the_one_we_locked():
    assert seen({"ATHANOR_DATA_DIR": "/elsewhere"})["ATHANOR_DATA_DIR"] == "/data"


@pytest.mark.parametrize(
    ("inherited", "allowed"),
    [
        ({}, "127.0.0.0/8,::1"),
        ({"ATHANOR_OUTBOUND_ALLOW": "10.0.0.0/8"}, "10.0.0.0/8"),
        ({"ATHANOR_OUTBOUND_ALLOW": ""}, None),
    ],
)
def test_customers_urls_may_lead_to_this_machine_unless_the_operator_says_otherwise(inherited, allowed):
    assert seen(inherited).get("ATHANOR_OUTBOUND_ALLOW") == allowed
