"""The sockets of web, and the one line that says why it cannot listen."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.http.listening import close, inherited, listen, url_of
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


def test_a_child_takes_over_the_sockets_of_its_parent() -> None:
    with listening("127.0.0.1") as [parents]:
        copy = parents.dup()
        [ours] = inherited([copy.detach()])
        try:
            assert ours.getsockname() == parents.getsockname()
            assert ours.family == socket.AF_INET
        finally:
            ours.close()
