from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.error
from pathlib import Path

import pytest

from jobs.contract import outbound, reach
from jobs.contract.errors import AddressRefused
from jobs.contract.reach import SFTP, Reach

ROOT = Path(__file__).parents[3]


@pytest.fixture
def answers(monkeypatch):
    """What the resolver says, by host; ``asked`` is what it was asked."""

    class Resolver(dict):
        def __init__(self):
            self.asked = []

        def __call__(self, host, port, **_kwargs):
            self.asked.append(host)
            found = self.get(host)
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            family = {True: socket.AF_INET6, False: socket.AF_INET}
            return [(family[":" in each], socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    monkeypatch.setattr(outbound, "_NAMED", {})
    return resolver


def allow(monkeypatch, text):
    monkeypatch.setattr(reach, "allowed", lambda: Reach.read(text))


def test_a_host_is_looked_up_once(answers):
    answers["files.test"] = ["8.8.8.8", "2606:4700::1111", "8.8.8.8"]

    assert outbound.resolve("files.test", 443) == ["8.8.8.8", "2606:4700::1111"]
    assert answers.asked == ["files.test"]


@pytest.mark.parametrize("found", [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["8.8.8.8", "::ffff:127.0.0.1"]])
def test_one_address_inside_refuses_the_host(answers, found, caplog):
    answers["files.test"] = found

    with pytest.raises(AddressRefused) as caught:
        outbound.resolve("files.test", 443)

    # All to the log, and little to the customer.
    assert found[-1] in caplog.text
    assert "files.test" in caplog.text
    assert "files.test" not in caught.value.message


def test_a_port_is_refused_whatever_the_address(answers):
    answers["files.test"] = ["8.8.8.8"]

    with pytest.raises(AddressRefused):
        outbound.resolve("files.test", 22)
    assert outbound.resolve("files.test", 22, usual=SFTP) == ["8.8.8.8"]


@pytest.mark.parametrize("host", ["nothing.invalid", "a" * 64 + ".example"])
def test_a_host_without_address_is_not_found(answers, host):
    with pytest.raises(socket.gaierror):
        outbound.resolve(host, 443)


def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: over.wait(60))
    monkeypatch.setattr(outbound, "RESOLVE_SECONDS", 0.05)

    with pytest.raises(TimeoutError):
        outbound.resolve("files.test", 443)
    over.set()


def test_an_address_of_this_machine_is_refused_though_it_is_public(answers, monkeypatch):
    monkeypatch.setattr(socket.socket, "getsockname", lambda _self: ("8.8.8.8", 1))
    monkeypatch.setattr(socket.socket, "connect", lambda _self, _address: None)
    answers["files.test"] = ["8.8.8.8"]

    with pytest.raises(AddressRefused):
        outbound.resolve("files.test", 443)
    allow(monkeypatch, "8.8.8.8")
    assert outbound.resolve("files.test", 443)


def test_the_system_tells_which_addresses_are_its_own():
    import ipaddress

    assert outbound._is_ours(ipaddress.ip_address("127.0.0.1"))
    assert not outbound._is_ours(ipaddress.ip_address("8.8.8.8"))


@pytest.mark.parametrize(
    "host", ["localhost", b"127.0.0.1", "127.1", "", None, "\uff1127.0.0.1", "<broadcast>"]
)
def test_what_is_connected_to_must_be_an_address(monkeypatch, host):
    allow(monkeypatch, "0.0.0.0/0,::/0,localhost")

    with pytest.raises(AddressRefused):
        outbound.decide(host, 443)


def test_an_address_is_decided_on_as_it_is_connected_to(monkeypatch):
    outbound.decide("8.8.8.8", 443)
    outbound.decide("8.8.8.8", 22)
    for host, port in [("10.0.0.1", 443), ("8.8.8.8", 6379), ("8.8.8.8", "443"), ("fe80::1%eth0", 443)]:
        with pytest.raises(AddressRefused):
            outbound.decide(host, port)
    allow(monkeypatch, "10.0.0.0/8")
    outbound.decide("10.0.0.1", 443)


def test_a_host_allowed_by_name_is_known_by_its_last_addresses(answers, monkeypatch):
    allow(monkeypatch, "*.internal")
    monkeypatch.setattr(outbound, "MOST_NAMES", 2)
    answers["a.internal"] = ["10.0.0.1"]

    outbound.resolve("a.internal", 443)
    outbound.decide("10.0.0.1", 443)
    answers["a.internal"] = ["10.0.0.2"]
    outbound.resolve("a.internal", 443)

    outbound.decide("10.0.0.2", 443)
    with pytest.raises(AddressRefused):
        outbound.decide("10.0.0.1", 443)
    for name in ("b.internal", "c.internal"):
        answers[name] = ["10.0.0.3"]
        outbound.resolve(name, 443)
    assert list(outbound._NAMED) == ["b.internal", "c.internal"]


def caused(*, by):
    try:
        try:
            raise by
        except Exception:  # noqa: BLE001
            raise OSError("unreachable")  # noqa: B904 - as libraries do
    except OSError as error:
        return error


REFUSAL = AddressRefused()


@pytest.mark.parametrize(
    "error",
    [
        REFUSAL,
        caused(by=REFUSAL),
        caused(by=caused(by=REFUSAL)),
        urllib.error.URLError(REFUSAL),
        OSError("many", REFUSAL),
        ExceptionGroup("all", [ValueError(), REFUSAL]),
    ],
)
def test_our_refusal_is_found_in_what_a_library_makes_of_it(error):
    assert outbound.refusal_of(error) is REFUSAL


def test_other_errors_come_from_no_refusal():
    error = ValueError()
    error.__cause__ = OSError("x")
    error.__cause__.__context__ = error

    assert outbound.refusal_of(error) is None


# --- The guard: it cannot be taken off, so it is tried in a process of its own.


@pytest.fixture
def canary():
    """A server that nobody may reach: its port, and whether somebody did."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def reached():
            try:
                server.accept()[0].close()
            except TimeoutError:
                return False
            return True

        yield server.getsockname()[1], reached


def guarded(*words):
    script = Path(__file__).with_name("guarded.py")
    done = subprocess.run(
        [sys.executable, f"{script}", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_library_is_stopped_in_every_thread_and_our_own_connections_are_not(canary, tmp_path):
    port, reached = canary

    outcome = guarded(port, tmp_path / "no.sock")

    assert outcome.pop("trusted") == "reached"
    assert outcome.pop("first thread") == "reached"
    assert reached()
    assert reached()
    assert not reached()
    assert len(outcome) == 18
    assert outcome == dict.fromkeys(outcome, "AddressRefused")


def test_the_guard_costs_next_to_nothing_where_nothing_connects():
    # Python tells the hook of every import and every opened file; it must not look further.
    asked = []
    outbound._hear("open", asked)
    outbound._hear("import", ("x",))

    assert not asked
