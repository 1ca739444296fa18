"""Which addresses are never fetched: the check of a URL, of its host, and of an IP address.

The rule for IP addresses is an allow list: an IPv6 address must lie in the global unicast space,
and an address of either version must be outside every block that IANA has reserved. The blocks are
written out because `ipaddress.is_global` differs between patch releases of Python.
"""

from __future__ import annotations

import re
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
)

import httpx

from tasks.errors import PermanentFailure, Reason

Address = IPv4Address | IPv6Address

PUBLIC_PORTS = frozenset({80, 443, 8080, 8443})

MAX_URL_LENGTH = 8_000

MAX_HOST_LENGTH = 253

_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")

_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".onion")
"""Endings of names that are never public. A proxy would resolve them in its own network."""


def parse_target(url: str, *, allow_private: bool = False) -> httpx.URL:
    """The URL, checked, without its fragment and without a dot at the end of the host.

    With `allow_private`, only its syntax is checked. Raises PermanentFailure.
    """
    if len(url) > MAX_URL_LENGTH:
        raise _invalid("The address is too long.")
    try:
        target = httpx.URL(url.strip())
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise _invalid("The address is not a valid URL.") from error
    if target.scheme not in ("http", "https"):
        raise _invalid("The address must begin with http:// or https://.")
    if target.userinfo:
        raise _invalid("The address must not carry a user name.")
    host = target.raw_host.decode("ascii").lower().removesuffix(".")
    _check_host(host, allow_private)
    _check_port(target, allow_private)
    return target.copy_with(host=host, fragment=None)


def join_target(base: httpx.URL, location: str, *, allow_private: bool = False) -> httpx.URL:
    """The target of a redirect, checked like any other URL. Raises PermanentFailure."""
    if len(location) > MAX_URL_LENGTH:
        raise _invalid("The page redirects to an address that is too long.")
    try:
        joined = base.join(location)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise _invalid("The page redirects to an invalid URL.") from error
    return parse_target(str(joined), allow_private=allow_private)


def origin_of(target: httpx.URL) -> str:
    """Scheme, host and port: what one robots.txt applies to."""
    return f"{target.scheme}://{target.netloc.decode('ascii')}"


def _check_port(target: httpx.URL, allow_private: bool) -> None:
    if target.port is None:
        return
    if not 1 <= target.port <= 65535:
        raise _invalid("The address has no valid port.")
    if not allow_private and target.port not in PUBLIC_PORTS:
        raise PermanentFailure(
            Reason.BLOCKED_ADDRESS, "The address uses a port that public sites do not."
        )


def _check_host(host: str, allow_private: bool) -> None:
    address = literal_address(host)
    if address is None and not (len(host) <= MAX_HOST_LENGTH and _NAME.fullmatch(host)):
        raise _invalid("The address has no valid host.")
    if allow_private:
        return
    if address is not None:
        if not is_public(address):
            raise blocked()
    elif ends_in_number(host) or "." not in host or host.endswith(_LOCAL_ENDINGS):
        raise blocked()


def blocked() -> PermanentFailure:
    """The same error for every refusal, so that it reveals nothing about our own network."""
    return PermanentFailure(Reason.BLOCKED_ADDRESS, "The address does not lead to a public site.")


def _invalid(detail: str) -> PermanentFailure:
    return PermanentFailure(Reason.INVALID_URL, detail)


_RESERVED_V4 = tuple(
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

_RESERVED_V6 = tuple(
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
    """Whether the address is reachable on the internet and cannot belong to our own network."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in block for block in _RESERVED_V4)
    if address in _NAT64:
        # Networks without IPv4 reach all IPv4 sites like this; the wrapped address counts.
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address not in _GLOBAL_UNICAST_V6 or address.scope_id is not None:
        return False
    return address.is_global and not any(address in block for block in _RESERVED_V6)


def literal_address(host: str) -> Address | None:
    """The IP address in a URL's host, without brackets; None where the host is a name."""
    for version in (IPv4Address, IPv6Address):
        try:
            return version(host.removesuffix("."))
        except AddressValueError:
            continue
    return None


def ends_in_number(host: str) -> bool:
    """Whether some software would read this host as an IPv4 address, in any notation.

    `2130706433`, `0x7f.1` and `127.1` are all 127.0.0.1 to the C library, and `010.0.0.1` is
    8.0.0.1 to one parser and 10.0.0.1 to the next. The test is that of the WHATWG's URL standard.
    """
    last = host.removesuffix(".").rpartition(".")[2].lower()
    if last.isdigit():
        return True
    return last.startswith("0x") and all(digit in "0123456789abcdef" for digit in last[2:])
