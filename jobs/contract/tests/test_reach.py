from __future__ import annotations

import ipaddress

import pytest

from jobs.contract.reach import SFTP, WEB, Reach, allowed

NOTHING = Reach()


def objection(reach, address, port=443, **more):
    return reach.objection(ipaddress.ip_address(address), port, **more)


@pytest.mark.parametrize("port", [80, 443, 1024, 8080, 8443, 9000, 65535])
def test_a_public_address_is_reached_on_the_ports_of_the_web_and_above(port):
    assert objection(NOTHING, "8.8.8.8", port) is None


@pytest.mark.parametrize("port", [-1, 0, 1, 22, 25, 53, 81, 445, 1023, 3306, 6379, 11211, 2375, 6000, 65536])
def test_no_address_is_reached_on_other_ports(port):
    assert objection(NOTHING, "8.8.8.8", port) == "not a port for files"
    assert objection(Reach.read("0.0.0.0/0"), "8.8.8.8", port) == "not a port for files"


def test_each_protocol_has_its_usual_ports():
    assert objection(NOTHING, "8.8.8.8", 22, usual=SFTP) is None
    assert objection(NOTHING, "8.8.8.8", 80, usual=SFTP)
    assert objection(NOTHING, "8.8.8.8", 22, usual=WEB | SFTP) is None
    assert objection(NOTHING, "8.8.8.8", 6379, usual=SFTP)


def test_an_operator_adds_ports():
    reach = Reach.read("", "81, 6379")

    assert objection(reach, "8.8.8.8", 81) is None
    assert objection(reach, "8.8.8.8", 6379) is None
    assert objection(reach, "10.0.0.1", 81) == "private"


def test_nothing_but_the_public_internet_is_reached_by_default():
    assert objection(NOTHING, "10.0.0.1") == "private"
    assert objection(NOTHING, "::ffff:10.0.0.1") == "private"


@pytest.mark.parametrize(
    ("allow", "address"),
    [
        ("10.0.0.0/8", "10.1.2.3"),
        ("192.0.2.1, 10.0.0.0/8", "10.1.2.3"),
        ("127.0.0.0/8,::1", "127.0.0.1"),
        ("127.0.0.0/8,::1", "::1"),
        ("127.0.0.0/8", "::ffff:127.0.0.1"),
        ("10.0.0.0/8", "64:ff9b::10.0.0.1"),
        ("fd00::/8", "fd00::1"),
        ("169.254.169.254", "169.254.169.254"),
        ("2002::/16,10.0.0.0/8", "2002:a00:1::"),
    ],
)
def test_an_operator_allows_networks(allow, address):
    assert objection(Reach.read(allow), address) is None
    assert Reach.read(allow).lists(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("allow", "address", "kind"),
    [
        ("10.0.0.0/8", "11.0.0.1", None),
        ("10.0.0.0/8", "172.16.0.1", "private"),
        # Who allows all of these seldom means the one that tells a machine's secrets.
        ("169.254.0.0/16", "169.254.169.254", "cloud metadata"),
        ("0.0.0.0/0,::/0", "::ffff:169.254.169.254", "cloud metadata"),
        ("::/0", "fd00:ec2::254", "cloud metadata"),
        # What is inside must be allowed, too.
        ("::/0", "::ffff:10.0.0.1", "private"),
        ("2002::/16", "2002:a00:1::", "private"),
    ],
)
def test_and_no_others(allow, address, kind):
    assert objection(Reach.read(allow), address) == kind
    assert not Reach.read(allow).lists(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("files.internal", True),
        ("a.example.com", True),
        ("a.b.example.com", True),
        ("example.com", False),
        ("badexample.com", False),
        ("x.files.internal", False),
        ("", False),
    ],
)
def test_an_operator_allows_hosts_by_name(host, named):
    reach = Reach.read("files.internal, *.Example.com")

    assert reach.names(host) is named
    assert objection(reach, "10.0.0.1", host=host) == (None if named else "private")
    assert objection(reach, "10.0.0.1", 22, host=host) == "not a port for files"


@pytest.mark.parametrize(
    "allow", ["10.0.0.1/8", "10.0.0", "300.1.1.1", "a b", "*", "*.", "http://a", "a.example/x", "::g", "-a"]
)
def test_words_that_are_no_network_and_no_host_are_told(allow):
    with pytest.raises(ValueError, match="neither a network like"):
        Reach.read(allow)


def test_a_port_is_a_number():
    with pytest.raises(ValueError, match="invalid literal"):
        Reach.read("", "http")


def test_settings_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("ATHANOR_OUTBOUND_ALLOW", "10.0.0.0/8,files.internal")
    monkeypatch.setenv("ATHANOR_OUTBOUND_PORTS", "81")

    assert allowed.__wrapped__() == Reach.read("10.0.0.0/8,files.internal", "81")


def test_nothing_is_allowed_where_nothing_is_set(monkeypatch):
    monkeypatch.delenv("ATHANOR_OUTBOUND_ALLOW", raising=False)
    monkeypatch.delenv("ATHANOR_OUTBOUND_PORTS", raising=False)

    assert allowed.__wrapped__() == NOTHING
