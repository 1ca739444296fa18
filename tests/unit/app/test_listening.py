"""The sockets of web, and the one line that says why it cannot listen."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.http.listening import close, hand_over, listen, received, url_of
from tasks.errors import InvalidSettings


@contextmanager
def listening(host: str, port: int = 0) -> Iterator[list[socket.socket]]:
    sockets = listen(host, port)
    try:
        yield sockets
    finally:
        close(sockets)


def problem(host: str, port: int = 0) -> str:
    with pytest.raises(InvalidSettings) as raised:
        close(listen(host, port))
    return str(raised.value)


def test_connections_are_taken_at_once() -> None:
    with listening("127.0.0.1") as [ours], socket.create_connection(ours.getsockname()) as theirs:
        accepted, _ = ours.accept()
        accepted.close()
        assert theirs.recv(1) == b""


def test_all_addresses_of_a_name_share_one_port() -> None:
    with listening("localhost") as sockets:
        ports = {ours.getsockname()[1] for ours in sockets}
        assert len(ports) == 1
        assert url_of("localhost", sockets) == f"http://localhost:{ports.pop()}"


def test_a_url_has_an_ipv6_address_in_brackets() -> None:
    with listening("127.0.0.1") as sockets:
        assert url_of("::1", sockets) == f"http://[::1]:{sockets[0].getsockname()[1]}"


def test_what_is_in_use_is_named() -> None:
    with listening("127.0.0.1") as [ours]:
        port = ours.getsockname()[1]
        assert problem("127.0.0.1", port).startswith(f"HTTP_PORT={port}: another process listens")


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "192.0.2.1", "a..b", "x" * 64, "256.1.1.1", "127.0.0.1/8"]
)
def test_a_host_that_is_not_here_is_named(host: str) -> None:
    assert problem(host).startswith(f"HTTP_HOST={host!r}")


async def test_a_child_takes_over_the_sockets_of_its_parent() -> None:
    with listening("127.0.0.1") as [parents]:
        parents_end, childs_end = socket.socketpair()
        handing_over = asyncio.create_task(hand_over([parents.dup()], parents_end))
        [ours] = await asyncio.to_thread(received, childs_end)
        await handing_over
        with ours:
            assert ours.getsockname() == parents.getsockname()
            assert ours.family == socket.AF_INET


async def test_a_child_that_has_not_asked_does_not_keep_the_port() -> None:
    with listening("127.0.0.1") as [parents]:
        port = parents.getsockname()[1]
        parents_end, childs_end = socket.socketpair()
        handing_over = asyncio.create_task(hand_over([parents.dup()], parents_end))
        await asyncio.sleep(0)
    with childs_end:
        handing_over.cancel()  # as when the parent is killed
        await asyncio.wait([handing_over])
        with listening("127.0.0.1", port):
            pass
        with pytest.raises(ConnectionError):
            received(childs_end)


async def test_a_child_that_ends_before_it_asks_stops_nothing() -> None:
    parents_end, childs_end = socket.socketpair()
    with listening("127.0.0.1") as [parents]:
        copy = parents.dup()
        handing_over = asyncio.create_task(hand_over([copy], parents_end))
        childs_end.close()
        await handing_over
        assert copy.fileno() == -1


def test_a_port_is_taken_once_the_process_that_was_killed_is_gone() -> None:
    with contextlib.ExitStack() as stack:
        [killed] = stack.enter_context(listening("127.0.0.1"))
        ending = threading.Timer(0.1, killed.close)
        ending.start()
        stack.callback(ending.join)
        stack.enter_context(listening("127.0.0.1", killed.getsockname()[1]))
