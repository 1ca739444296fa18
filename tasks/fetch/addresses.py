"""Which addresses are public, and how an address looks when it stands in a URL.

The rule is a list of what may be reached, not of what may not: an IPv6 address must lie in the
global unicast space, and either kind must be outside every block that IANA sets aside. The blocks
are written out because `ipaddress.is_global` differs between patch releases of Python.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_SET_ASIDE_V4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and metadata services of some clouds
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and metadata services of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")

_SET_ASIDE_V6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them, which wraps an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which wraps an IPv4 address
        "3fff::/20",  # documentation
    )
)

_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether anyone on the internet may be behind it, and nothing of ours is."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in block for block in _SET_ASIDE_V4)
    if address in _NAT64:
        # Networks with no IPv4 reach all IPv4 sites like this; the wrapped address is what counts.
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address not in _GLOBAL_UNICAST_V6 or address.scope_id is not None:
        return False
    return address.is_global and not any(address in block for block in _SET_ASIDE_V6)


def literal_address(host: str) -> Address | None:
    """The address that a URL's host spells, without brackets; None where it is a name."""
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(host.removesuffix("."))
        except AddressValueError:
            continue
    return None


def ends_in_number(host: str) -> bool:
    """Whether some software would read this host as an IPv4 address, plain or odd.

    `2130706433`, `0x7f.1` and `127.1` are all 127.0.0.1 to the C library, and `010.0.0.1` is
    8.0.0.1 to one reader and 10.0.0.1 to the next. The test is that of the WHATWG's URL standard.
    """
    last = host.removesuffix(".").rpartition(".")[2].lower()
    if last.isdigit():
        return True
    return last.startswith("0x") and all(digit in "0123456789abcdef" for digit in last[2:])
