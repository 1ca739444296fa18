"""No address of our own network passes for a public one."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tasks.fetch.addresses import ends_in_number, is_public, literal_address

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2002:808:808::",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
]

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700::1111",
]

NAT64 = IPv6Network("64:ff9b::/96")


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", [*PUBLIC, "64:ff9b::8.8.8.8"])
def test_addresses_that_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4), st.sampled_from(["10.0.0.0/8", "127.0.0.0/8", "192.168.0.0/16"]))
def test_no_wrapping_makes_a_private_address_public(seed: IPv4Address, block: str) -> None:
    network = IPv4Network(block)
    inner = int(network[int(seed) % network.num_addresses])
    wrapped = [
        inner,
        0xFFFF << 32 | inner,
        0x64FF9B << 96 | inner,
        0x2002 << 112 | inner << 80,
        0x20010000 << 96 | inner << 32 | (inner ^ 0xFFFF_FFFF),
    ]
    assert not is_public(IPv4Address(inner))
    assert not any(is_public(IPv6Address(number)) for number in wrapped)


@given(st.ip_addresses())
def test_addresses_that_python_calls_local_are_never_public(
    address: IPv4Address | IPv6Address,
) -> None:
    assume(address not in NAT64)
    local = address.is_private or address.is_loopback or address.is_multicast
    assert not (local and is_public(address))


@given(st.ip_addresses())
def test_a_literal_address_is_parsed(address: IPv4Address | IPv6Address) -> None:
    assert literal_address(str(address)) == address
    assert literal_address(f"{address}.") == address


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f.1",
        "127.1",
        "0300.0250.1",
        "017700000001",
        "0x7f000001",
        "127.0.0.1.",
        "1.0x",
    ],
)
def test_numbers_that_some_software_reads_as_addresses(host: str) -> None:
    assert ends_in_number(host)


@given(
    st.lists(
        st.sampled_from(["0", "127", "0x7f", "017", "1", "4294967295"]), min_size=1, max_size=4
    )
)
def test_every_host_that_the_c_library_reads_as_an_address_ends_in_a_number(
    parts: list[str],
) -> None:
    host = ".".join(parts)
    try:
        socket.inet_aton(host)
    except OSError:
        return
    assert ends_in_number(host)


@pytest.mark.parametrize("host", ["example.com", "1.example", "0xabc.example", "a0x"])
def test_names_do_not_end_in_numbers(host: str) -> None:
    assert not ends_in_number(host)
