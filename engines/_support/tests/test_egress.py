from __future__ import annotations

import socket
import struct
import threading
from contextlib import closing
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest

from engines._support import egress
from engines._support.chrome_bridge import HOST, Bridge
from engines._support.egress import Egress
from jobs.contract import reach


class Echo(StreamRequestHandler):
    """Says back what it is told, and that it was reached."""

    def handle(self):
        self.server.reached.append(self.client_address)
        while data := self.request.recv(65536):
            if data == b"endless":
                while self.server.going:
                    self.request.sendall(b"x" * 65536)
            self.request.sendall(data)


@pytest.fixture
def echo():
    with ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None
        server.reached, server.going = [], True
        server.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.going = False
        server.shutdown()


@pytest.fixture
def way(tmp_path):
    way = Egress(tmp_path / "egress", most=1_000_000)
    way.start()
    with closing(way):
        yield way


def ask(way, line):
    """Ask for a connection; return it with the answer's line."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(f"{way._path}")
    client.sendall(line)
    answer = b""
    while not answer.endswith(b"\n") and (more := client.recv(1)):
        answer += more
    return client, answer.decode()


def read_all(client):
    read = 0
    try:
        while data := client.recv(65536):
            read += len(data)
    except ConnectionError:
        pass
    return read


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1"])
def test_what_the_rule_allows_is_connected_to(way, echo, host):
    with way.opened():
        client, answer = ask(way, f"{host} {echo.port}\n".encode())
        client.sendall(b"hello")

        assert (answer, client.recv(100)) == ("\n", b"hello")
        # An end on one side reaches the other.
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1", "::ffff:127.0.0.1", "10.0.0.1"])
def test_what_it_does_not_is_refused_and_not_reached(way, echo, host):
    with way.opened():
        client, answer = ask(way, f"{host} {echo.port}\n".encode())

    assert answer == "ERR_NETWORK_ACCESS_DENIED\n"
    assert client.recv(1) == b""
    assert not echo.reached


def test_a_refusal_is_told_to_the_log_once_for_a_request(way, caplog):
    for _ in range(2):
        with way.opened():
            assert {ask(way, b"10.0.0.1 80\n")[1] for _ in range(5)} == {"ERR_NETWORK_ACCESS_DENIED\n"}

    assert caplog.text.count("'10.0.0.1'") == 2


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("port", [22, 25, 6379])
def test_ports_are_those_of_the_web(way, port):
    with way.opened():
        assert ask(way, f"127.0.0.1 {port}\n".encode())[1] == "ERR_NETWORK_ACCESS_DENIED\n"


@pytest.mark.parametrize(
    "line",
    [
        *(b"\n", b"x\n", b" 80\n", b"a b 80\n", b"user@8.8.8.8 80\n", b"a/b 80\n", b"\xff 80\n"),
        *(b"8.8.8.8 x\n", b"a?b 80\n", b"a#b 80\n", b"a 80 80\n"),
    ],
)
def test_what_is_no_host_is_not_looked_up(way, monkeypatch, line):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: pytest.fail("looked up"))

    with way.opened():
        assert ask(way, line)[1] == "ERR_NAME_NOT_RESOLVED\n"


def test_a_line_without_end_is_cut_off(way):
    with way.opened():
        assert ask(way, b"x" * 5000)[1] == ""


@pytest.mark.usefixtures("loopback")
def test_a_name_is_looked_up_once_and_each_of_its_addresses_tried(way, echo, monkeypatch):
    asked = []

    def lookup(host, port, **_kwargs):
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", (each, port)) for each in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)

    with way.opened():
        assert ask(way, f"Files.Test {echo.port}\n".encode())[1] == "\n"
    assert asked == ["files.test"]


@pytest.mark.usefixtures("loopback")
def test_who_does_not_listen_is_told_from_who_is_not_there(way, monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with way.opened():
            line = f"127.0.0.1 {silent.getsockname()[1]}\n".encode()
            assert ask(way, line)[1] == "ERR_CONNECTION_REFUSED\n"
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: raised(socket.gaierror))
            assert ask(way, b"nothing.invalid 80\n")[1] == "ERR_NAME_NOT_RESOLVED\n"


def raised(kind):
    raise kind


@pytest.mark.parametrize(
    ("error", "name"),
    [(TimeoutError(), "ERR_CONNECTION_TIMED_OUT"), (OSError(), "ERR_ADDRESS_UNREACHABLE")],
)
def test_other_problems_have_names_that_the_browser_knows(error, name):
    assert egress.problem(error) == name


@pytest.mark.usefixtures("loopback")
def test_it_is_shut_before_and_after_a_request(way, echo):
    line = f"127.0.0.1 {echo.port}\n".encode()

    with pytest.raises(ConnectionError):
        ask(way, line)[0].recv(1) or raised(ConnectionError)
    with way.opened():
        client, answer = ask(way, line)
    assert answer == "\n"
    # What was open is cut.
    assert read_all(client) == 0


@pytest.mark.usefixtures("loopback")
def test_a_request_has_so_many_bytes_in_all(way, echo):
    line = f"127.0.0.1 {echo.port}\n".encode()
    with way.opened():
        first, second = ask(way, line)[0], ask(way, line)[0]
        first.sendall(b"endless")
        assert read_all(first) <= 1_000_000
        second.sendall(b"hello")
        assert second.recv(100) == b""
    with way.opened():
        third, _ = ask(way, line)
        third.sendall(b"hello")
        assert third.recv(100) == b"hello"


@pytest.mark.usefixtures("loopback")
def test_a_child_has_so_many_connections_at_once(way, echo, monkeypatch):
    monkeypatch.setattr(egress, "MOST_CONNECTIONS", 2)
    line = f"127.0.0.1 {echo.port}\n".encode()
    with way.opened():
        held = [ask(way, line) for _ in range(2)]
        with pytest.raises(ConnectionError):
            ask(way, line)[0].recv(1) or raised(ConnectionError)
    assert [answer for _, answer in held] == ["\n", "\n"]


@pytest.mark.usefixtures("loopback")
def test_a_connection_on_which_nothing_moves_is_cut(way, echo, monkeypatch):
    monkeypatch.setattr(egress, "IDLE_SECONDS", 0.1)
    with way.opened():
        client, answer = ask(way, f"127.0.0.1 {echo.port}\n".encode())

        assert (answer, client.recv(1)) == ("\n", b"")


# --- The inner end.


@pytest.fixture
def bridge(way):
    bridge = Bridge(way._path)
    bridge.port = bridge.start()
    return bridge


def browse(bridge, kind, host, port, command=1):
    client = socket.create_connection((HOST, bridge.port), timeout=10)
    client.sendall(b"\x05\x01\x00")
    assert client.recv(2) == b"\x05\x00"
    client.sendall(struct.pack("!BBBB", 5, command, 0, kind) + host + struct.pack("!H", port))
    answer = client.recv(10)
    return client, answer[1] if answer else None


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize(
    ("kind", "host"), [(1, bytes([127, 0, 0, 1])), (3, b"\x09localhost"), (3, b"\x09127.0.0.1")]
)
def test_the_bridge_takes_the_browser_out(way, bridge, echo, kind, host):
    with way.opened():
        client, answer = browse(bridge, kind, host, echo.port)
        client.sendall(b"hello")

        assert (answer, client.recv(100)) == (0, b"hello")
    assert bridge.problem is None


@pytest.mark.parametrize(
    ("kind", "host"), [(1, bytes([127, 0, 0, 1])), (4, bytes(15) + b"\1"), (3, b"\x05[::1]")]
)
def test_the_bridge_knows_why_there_is_no_connection(way, bridge, echo, kind, host):
    with way.opened():
        assert browse(bridge, kind, host, echo.port)[1] == 1

    assert bridge.problem == "ERR_NETWORK_ACCESS_DENIED"


@pytest.mark.parametrize(("kind", "command"), [(1, 2), (1, 3), (2, 1)])
def test_the_bridge_does_nothing_but_connect(way, bridge, kind, command):
    with way.opened():
        assert browse(bridge, kind, bytes([127, 0, 0, 1]), 80, command)[1] is None


def test_the_bridge_is_shut_with_the_way(bridge, echo):
    assert browse(bridge, 1, bytes([127, 0, 0, 1]), echo.port)[1] in {None, 1}
    assert not echo.reached
    assert reach.allowed() == reach.Reach()
