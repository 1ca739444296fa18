"""Connections go to the address that was checked, and to no other."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any

import httpcore
import httpx
import pytest

from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.fetch.addresses import Address
from tasks.fetch.failures import step_error_of
from tasks.fetch.resolver import HostResolver
from tasks.fetch.transport import PoolTransport, PublicBackend

PUBLIC, OTHER, PRIVATE = "93.184.216.34", "93.184.216.35", "127.0.0.1"


class Names:
    """A name service that gives its answers one after the other, the last for ever."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self.answers = list(answers)
        self.lookups = 0

    async def __call__(self, host: str) -> list[Address]:
        answer = self.answers[min(self.lookups, len(self.answers) - 1)]
        self.lookups += 1
        if isinstance(answer, Exception):
            raise answer
        return [ip_address(text) for text in answer]


class Wire(httpcore.AsyncNetworkBackend):
    """Notes where it was asked to connect; answers each connection with one page."""

    def __init__(self, *dead: str) -> None:
        self.dead = dead
        self.connected: list[str] = []
        self.server_names: list[str | None] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        if host in self.dead:
            raise httpcore.ConnectError(f"nothing at {host}")
        return Line(self)


class Line(httpcore.AsyncMockStream):
    def __init__(self, wire: Wire) -> None:
        super().__init__([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"])
        self.wire = wire

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        assert ssl_context.verify_mode is ssl.CERT_REQUIRED
        self.wire.server_names.append(server_hostname)
        return self


async def get(wire: Wire, names: Names, url: str, *, allow_private: bool = False) -> str:
    backend = PublicBackend(names, allow_private=allow_private, inner=wire)
    transport = PoolTransport(
        httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=backend
        )
    )
    async with transport:
        response = await transport.handle_async_request(httpx.Request("GET", url))
        return (await response.aread()).decode()


async def failure_of(names: Names, url: str = "http://example.com/") -> tuple[StepError, Wire]:
    wire = Wire()
    with pytest.raises(StepError) as caught:
        await get(wire, names, url)
    return caught.value, wire


async def test_the_name_is_resolved_once_and_its_address_connected_to() -> None:
    wire, names = Wire(), Names([PUBLIC])
    assert await get(wire, names, "http://example.com/") == "hi"
    assert (wire.connected, names.lookups) == ([PUBLIC], 1)


async def test_tls_still_verifies_the_name() -> None:
    wire = Wire()
    await get(wire, Names([PUBLIC]), "https://example.com/")
    assert wire.connected == [PUBLIC]
    assert wire.server_names == ["example.com"]


async def test_a_private_address_is_refused_without_a_connection() -> None:
    failure, wire = await failure_of(Names([PRIVATE, "::1", "10.0.0.1"]))
    assert failure.reason == Reason.BLOCKED_ADDRESS
    assert wire.connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
async def test_a_literal_address_is_checked_without_a_resolver(host: str) -> None:
    names = Names(AssertionError("asked"))
    failure, wire = await failure_of(names, f"http://{host}/")
    assert failure.reason == Reason.BLOCKED_ADDRESS
    assert (wire.connected, names.lookups) == ([], 0)


async def test_of_mixed_addresses_only_the_public_ones_are_tried_in_order() -> None:
    wire = Wire(PUBLIC)
    assert await get(wire, Names([PRIVATE, PUBLIC, "::1", OTHER]), "http://example.com/") == "hi"
    assert wire.connected == [PUBLIC, OTHER]


async def test_private_addresses_can_be_allowed() -> None:
    wire = Wire()
    await get(wire, Names([PRIVATE]), "http://example.com/", allow_private=True)
    assert wire.connected == [PRIVATE]


async def test_a_host_with_many_dead_addresses_is_given_up() -> None:
    dead = [f"93.184.216.{last}" for last in range(1, 100)]
    wire = Wire(*dead)
    with pytest.raises(httpx.ConnectError):
        await get(wire, Names(dead), "http://example.com/")
    assert len(wire.connected) == 4


async def test_a_kept_answer_is_checked_for_each_connection() -> None:
    wire = Wire()
    lookups: list[str] = []

    def system_lookup(host: str) -> list[Address]:
        lookups.append(host)
        return [ip_address(PRIVATE)]

    resolver = HostResolver(system_lookup)
    allowing = PublicBackend(resolver, allow_private=True, inner=wire)
    await allowing.connect_tcp("example.com", 80)
    with pytest.raises(PermanentFailure) as caught:
        await PublicBackend(resolver, inner=wire).connect_tcp("example.com", 80)
    assert caught.value.reason == Reason.BLOCKED_ADDRESS
    assert (wire.connected, lookups) == ([PRIVATE], ["example.com"])


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (httpx.ConnectTimeout("x"), TransientFailure, Reason.TIMED_OUT),
        (httpx.ReadTimeout("x"), TransientFailure, Reason.TIMED_OUT),
        (httpx.ConnectError("10.0.0.7 refused"), TransientFailure, Reason.CONNECTION_FAILED),
        (httpx.RemoteProtocolError("x"), TransientFailure, Reason.CONNECTION_FAILED),
        (httpx.ProxyError("502 Bad Gateway"), TransientFailure, Reason.CONNECTION_FAILED),
        (httpx.ProxyError("403 Forbidden"), PermanentFailure, Reason.CONNECTION_FAILED),
    ],
)
def test_connection_errors_are_reported_without_their_text(
    error: httpx.HTTPError, kind: type[StepError], reason: Reason
) -> None:
    failure = step_error_of(error)
    assert type(failure) is kind
    assert failure.reason == reason
    assert str(error) not in failure.detail


def test_a_certificate_that_does_not_verify_fails_for_good() -> None:
    error = httpx.ConnectError("x")
    error.__cause__ = httpcore.ConnectError("x")
    error.__cause__.__cause__ = ssl.SSLCertVerificationError("self-signed")
    failure = step_error_of(error)
    assert isinstance(failure, PermanentFailure)
    assert "certificate" in failure.detail
