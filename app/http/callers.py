"""Who sends a request: the one place that says what a caller is.

Callers take turns, and each has a quota of its own; see `tasks.ledger`. Until there are keys, a
caller is a network address: that of the peer, or what a trusted proxy says in `X-Forwarded-For`.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from litestar.connection import ASGIConnection
from msgspec import Struct

Connection = ASGIConnection[Any, Any, Any, Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies(Struct, frozen=True, kw_only=True):
    """The proxies whose `X-Forwarded-For` is believed."""

    networks: tuple[Network, ...] = ()
    all_peers: bool = False
    """Whether every peer is a proxy: each request has to show the proxy's secret."""

    def caller(self, connection: Connection) -> str:
        """The address of the sender, or its network; empty for a peer on a Unix socket.

        Each proxy appends the address that it was asked from. So the last address that is not a
        trusted proxy's is the first that can be believed; what stands before it may be invented.
        """
        peer = connection.client.host if connection.client else ""
        if not (self.all_peers or self._trusts(peer)):
            return network_of(peer)
        forwarded = ",".join(connection.headers.getall("x-forwarded-for", [])).split(",")
        for address in map(str.strip, reversed(forwarded)):
            if not _is_address(address):
                break
            if not self._trusts(address):
                return network_of(address)
        return network_of(peer)

    def _trusts(self, address: str) -> bool:
        if not self.networks or not _is_address(address):
            return False
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self.networks)


def network_of(address: str) -> str:
    """What counts as one sender: the address, or the /64 network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
