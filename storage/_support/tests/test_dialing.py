from __future__ import annotations

import socket

import pytest

from jobs.contract import OptionProblem, reach
from jobs.contract.errors import AddressRefused, StorageUnreachable
from storage._support import dialing


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("files.example.com", "files.example.com"),
        (" 10.0.0.1 ", "10.0.0.1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_a_host_is_a_name_or_an_address(text, host):
    assert dialing.host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sftp://a.example",
        "a.example/x",
        "me@a.example",
        "a b",
        "a\r\nb",
        "a\0b",
        "[::1]:22",
        "x" * 254,
        "\ud800",
    ],
)
def test_what_is_no_host_is_refused(text):
    with pytest.raises(OptionProblem, match="host"):
        dialing.host(text)


@pytest.mark.parametrize("names", [["127.0.0.1", "::1"], ["::1"]])
def test_the_first_address_that_answers_is_taken(names, loopback, monkeypatch):
    found = [(socket.AF_UNSPEC, socket.SOCK_STREAM, 0, "", (name, 0)) for name in names]
    asked = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: found if host == "a.test" else asked(host, *rest, **more),
    )
    with socket.socket() as silent:
        # Nobody answers there, nor takes the number meanwhile.
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with (
            socket.create_server(("::1", port), family=socket.AF_INET6),
            dialing.connect("a.test", port, usual=reach.SFTP) as line,
        ):
            assert line.getpeername()[:2] == ("::1", port)


@pytest.mark.parametrize("port", [21, 80, 6379])
def test_a_port_of_another_protocol_is_refused(port, loopback):
    with pytest.raises(AddressRefused):
        dialing.connect("127.0.0.1", port, usual=reach.SFTP)


@pytest.mark.parametrize("host", ["127.0.0.1", "nothing.invalid"])
def test_nobody_there_is_unreachable(host, loopback):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(StorageUnreachable, match=host):
        dialing.connect(host, port, usual=reach.SFTP)
