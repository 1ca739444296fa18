"""From a host's name to its addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Protocol

from tasks.fetch.addresses import Address


class NoSuchHost(Exception):
    """The name service says that there is no such name."""


class ResolverFailed(Exception):
    """The name service gave no answer."""


class Resolver(Protocol):
    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """The host's addresses, the best first. Raises NoSuchHost or ResolverFailed."""
        ...


_NOT_THERE = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


async def system_resolver(host: str, port: int) -> list[Address]:
    """Asks the operating system, which also sorts the answers (RFC 6724)."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise (NoSuchHost if error.errno in _NOT_THERE else ResolverFailed)(host) from error
    except (OSError, UnicodeError) as error:
        raise ResolverFailed(host) from error
    return list(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))
