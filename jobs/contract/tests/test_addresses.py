from __future__ import annotations

import ipaddress

import pytest

from jobs.contract import addresses

PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "223.255.255.255"]
PUBLIC_V6 = ["2001:4860:4860::8888", "2a00:1450:4001::1", "2606:4700:4700::1111"]


@pytest.mark.parametrize(
    "text",
    [
        *PUBLIC,
        *PUBLIC_V6,
        # The way of a machine with IPv6 alone to one with IPv4, and the other spelling of IPv4.
        *("64:ff9b::8.8.8.8", "::ffff:8.8.8.8"),
        # Not ISATAP, though it ends like it.
        "2a00:1450::5eff:7f00:1",
        "2a00:1450::100:5efe:8.8.8.8",
    ],
)
def test_an_address_of_the_public_internet_is_of_no_special_kind(text):
    assert addresses.kind(ipaddress.ip_address(text)) is None


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("loopback", ["127.0.0.1", "127.255.255.254", "::1"]),
        ("this network", ["0.0.0.0", "0.1.2.3"]),
        ("unspecified", ["::"]),
        ("private", ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1"]),
        ("shared by a carrier", ["100.64.0.1", "100.127.255.255"]),
        ("link-local", ["169.254.0.1", "169.254.170.2", "fe80::1", "fe80::1%eth0", "febf::1"]),
        ("site-local", ["fec0::1", "feff::1"]),
        ("multicast", ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"]),
        ("reserved", ["240.0.0.1", "255.255.255.255"]),
        ("documentation", ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"]),
        ("benchmarking", ["198.18.0.1", "198.19.255.255"]),
        ("for protocols", ["192.0.0.9", "192.0.0.10", "2001:2::1", "2001:20::1"]),
        ("6to4 relay", ["192.88.99.1"]),
        ("AS112", ["192.31.196.1", "192.175.48.1", "2620:4f:8000::1"]),
        ("AMT", ["192.52.193.1"]),
        ("discarded", ["100::1"]),
        ("segment routing", ["5f00::1"]),
        ("unassigned", ["4000::1", "1::1", "8000::1", "200::1"]),
        (
            "cloud metadata",
            [
                *("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
                *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::ffff:168.63.129.16"),
            ],
        ),
    ],
)
def test_every_special_address_is_told_by_its_kind(kind, texts):
    assert {text: addresses.kind(ipaddress.ip_address(text)) for text in texts} == dict.fromkeys(texts, kind)


@pytest.mark.parametrize(
    ("form", "inside"),
    [
        ("::ffff:{}", True),
        ("64:ff9b::{}", True),
        ("::{}", False),
        ("64:ff9b:1::{}", False),
        ("2a00:1450::5efe:{}", False),
        ("2a00:1450::200:5efe:{}", False),
        ("fe80::5efe:{}", False),
    ],
)
def test_an_ipv4_address_in_an_ipv6_one_counts_as_itself(form, inside):
    address = ipaddress.ip_address(form.format("10.1.2.3"))

    found = list(addresses.forms(address))

    assert ipaddress.ip_address("10.1.2.3") in found
    assert (address not in found) is inside
    assert addresses.kind(address)


def test_6to4_and_teredo_hide_theirs_in_the_middle_and_turned():
    sixtofour = list(addresses.forms(ipaddress.ip_address("2002:7f00:1::1")))
    teredo = list(addresses.forms(ipaddress.ip_address("2001:0:0a00:1::80ff:fffe")))

    assert [f"{each}" for each in sixtofour] == ["2002:7f00:1::1", "127.0.0.1"]
    assert [f"{each}" for each in teredo] == ["2001:0:a00:1::80ff:fffe", "10.0.0.1", "127.0.0.1"]
    assert addresses.kind(sixtofour[0]) == "6to4"
    assert addresses.kind(teredo[0]) == "Teredo"


@pytest.mark.parametrize("text", ["127.1", "0x7f.1", "2130706433", "017700000001", "127.0.0.1"])
def test_a_host_of_digits_is_the_address_that_systems_read_in_it(text):
    assert addresses.literal(text) == ipaddress.ip_address("127.0.0.1")


@pytest.mark.parametrize(("text", "address"), [("0", "0.0.0.0"), ("::1", "::1"), ("fe80::1", "fe80::1")])
def test_other_literals(text, address):
    assert addresses.literal(text) == ipaddress.ip_address(address)


@pytest.mark.parametrize("text", ["example.com", "1.2.3.4.5", "0x7f.example", "", "\ud800"])
def test_a_name_is_no_literal(text):
    assert addresses.literal(text) is None
