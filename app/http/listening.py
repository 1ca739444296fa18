"""The sockets of web, opened before anything else: a port in use is found at once.

They take connections from the moment they are open. A connection that comes while web still starts,
or is started again, waits instead of being refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from collections.abc import Iterable, Sequence

from tasks.errors import InvalidSettings

BACKLOG = 2048
"""Connections that may wait to be accepted; the system may allow fewer."""

MAX_SOCKETS = 64

ENDING_SECONDS = 1.0
"""How long a port may still be in use by a process that has been killed."""

POLL_SECONDS = 0.02

SKIPPED = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Of several addresses of one name, those that this machine does not have are left out."""


def listen(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of this host, all on one port; port 0 stands for any free one.

    Raises InvalidSettings if web cannot listen there.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InvalidSettings(f"HTTP_HOST={host[:80]!r}: {_reason(error)}") from error
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            port = port or (sockets[0].getsockname()[1] if sockets else 0)
            try:
                sockets.append(_listening_soon(family, (address[0], port, *address[2:])))
            except OSError as error:
                if error.errno not in SKIPPED:
                    raise
                missing = error
        if missing and not sockets:
            raise missing
    except OSError as error:
        close(sockets)
        raise _unusable(host, port, error) from error
    return sockets


async def hand_over(sockets: Sequence[socket.socket], channel: socket.socket) -> None:
    """Gives these sockets to the child at the other end of the channel once it asks, and closes
    them here.

    It does not inherit them: a child whose parent dies before it has had itself killed with that
    would keep the port from the next start.
    """
    channel.setblocking(False)
    try:
        with channel, contextlib.suppress(ConnectionError):
            if await asyncio.get_running_loop().sock_recv(channel, 1):
                socket.send_fds(channel, [b"."], [opened.fileno() for opened in sockets])
    finally:
        close(sockets)


def received(channel: socket.socket) -> list[socket.socket]:
    """Asks the parent of this process for the sockets that it has opened.

    Raises ConnectionError if it has ended.
    """
    with channel:
        channel.sendall(b".")
        _, numbers, _, _ = socket.recv_fds(channel, 1, MAX_SOCKETS)
    if not numbers:
        raise ConnectionAbortedError("the process that opened the sockets has ended")
    return [socket.socket(fileno=number) for number in numbers]


def url_of(host: str, sockets: Sequence[socket.socket]) -> str:
    """Where web answers, for a person to open."""
    port = sockets[0].getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def close(sockets: Iterable[socket.socket]) -> None:
    for opened in sockets:
        opened.close()


def _listening_soon(family: int, address: tuple[object, ...]) -> socket.socket:
    """Waits for the end of a process that has just been killed."""
    deadline = time.monotonic() + ENDING_SECONDS
    while True:
        try:
            return _listening(family, address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
    except BaseException:
        opened.close()
        raise
    return opened


def _unusable(host: str, port: int, error: OSError) -> InvalidSettings:
    match error.errno:
        case errno.EADDRINUSE:
            return InvalidSettings(
                f"HTTP_PORT={port}: another process listens on {host}, port {port}; "
                "end it, or choose another port"
            )
        case errno.EACCES:
            return InvalidSettings(
                f"HTTP_PORT={port}: this user may not listen on that port; choose one from 1024 on"
            )
        case errno.EADDRNOTAVAIL:
            return InvalidSettings(f"HTTP_HOST={host[:80]!r}: this machine has no such address")
    return InvalidSettings(f"HTTP_HOST={host[:80]!r}, HTTP_PORT={port}: {_reason(error)}")


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if isinstance(error, socket.gaierror) or number is None:
        return getattr(error, "strerror", None) or "no name or address of a machine"
    return os.strerror(number)
