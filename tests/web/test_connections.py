"""Slow and silent clients on real sockets, and the clients beside them that behave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import httpx
import pytest
import structlog
import uvicorn
from msgspec.structs import replace

from app.http.connections import ConnectionLimits, bounded_protocol
from tasks.settings import Settings
from tests.waiting import wait_until
from tests.web.conftest import served
from tests.web.raw_client import GET, HOST, raw_clients, still_open

LIMITS = ConnectionLimits(
    max_connections=20,
    max_per_peer=20,
    header_timeout=30.0,
    body_timeout=30.0,
    send_timeout=30.0,
    request_bytes=1_000_000,
)

POST = b"POST /jobs HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"

LARGE_REQUEST = b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n"

LARGE = 50_000_000
"""Bytes; more than the buffers of the kernel hold between a server and a client."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With limits that no test reaches, but for those that it sets."""
    return replace(settings, http_header_timeout=30.0, http_body_timeout=30.0, http_idle_timeout=30)


class Application:
    """An ASGI application whose responses are late or large, by their paths."""

    def __init__(self) -> None:
        self.waiting = 0
        self.may_respond = asyncio.Event()

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["path"] == "/late":
            self.waiting += 1
            await self.may_respond.wait()
        body = bytes(LARGE) if scope["path"] == "/large" else b"ok"
        length = str(len(body)).encode()
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", length)],
            }
        )
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(application: Application, limits: ConnectionLimits) -> AsyncIterator[str]:
    """The address of a server of this application."""
    config = uvicorn.Config(
        cast(Any, application),
        http=bounded_protocol(limits),
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await wait_until(lambda: server.started, "the server to start")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running


async def is_served(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(f"{url}/health/live")
    return response.text == '{"status":"alive"}'


async def test_500_half_requests_shut_no_other_client_out(settings: Settings) -> None:
    limited = replace(settings, http_max_connections=100, http_max_connections_per_peer=100)
    async with served(limited) as url, raw_clients(url, 500) as clients:
        for client in clients:
            client.send(GET)
        for _ in range(20):
            assert await is_served(url)
        await wait_until(lambda: still_open(clients) <= 100, "the oldest to be closed")
        assert still_open(clients[:300]) == 0


async def test_500_slow_senders_shut_no_other_client_out(settings: Settings) -> None:
    limited = replace(settings, http_max_connections=100, http_max_connections_per_peer=100)
    async with (
        served(limited) as url,
        raw_clients(url, 500) as clients,
        asyncio.TaskGroup() as senders,
    ):
        slow = [senders.create_task(client.drip(GET * 1000)) for client in clients]
        for _ in range(20):
            assert await is_served(url)
        for sender in slow:
            sender.cancel()


async def test_one_peer_cannot_take_the_connections_of_others(settings: Settings) -> None:
    limited = replace(settings, http_max_connections=50, http_max_connections_per_peer=10)
    async with (
        served(limited) as url,
        raw_clients(url, 5, own_address="127.0.0.2") as earlier,
        raw_clients(url, 100, own_address="127.0.0.3") as flood,
    ):
        for client in (*earlier, *flood):
            client.send(GET)
        await wait_until(lambda: still_open(flood) <= 10, "the flood to be cut")
        assert still_open(earlier) == 5
        for client in earlier:
            client.send(b"\r\n")
            assert (await client.response()).startswith(b"HTTP/1.1 200")


async def test_requests_take_bounded_memory(settings: Settings) -> None:
    """The peer that sends most is refused, and no other."""
    body = b'{"type": "health_check"}'
    head = POST + b"Content-Length: %d\r\n\r\n"
    large = body.ljust(settings.max_body_bytes)
    async with served(settings) as url:
        async with (
            raw_clients(url, 5, own_address="127.0.0.2") as earlier,
            raw_clients(url, 60, own_address="127.0.0.3") as flood,
        ):
            for client in earlier:
                client.send(head % len(body) + body[:10])
            for client in flood:
                client.send(head % len(large) + large[:-1])
            await wait_until(lambda: still_open(flood) <= 8, "the flood to be refused")
            assert still_open(earlier) == 5
            for client in earlier:
                client.send(body[10:])
                assert (await client.response()).startswith(b"HTTP/1.1 202")
        async with raw_clients(url) as [client]:
            for _ in range(20):  # nothing counts any more, whether it was answered or refused
                client.send(head % len(large) + large)
                assert (await client.response()).startswith(b"HTTP/1.1 202")


async def test_a_header_that_drips_is_cut_off(settings: Settings) -> None:
    limited = replace(settings, http_header_timeout=0.3)
    async with served(limited) as url, raw_clients(url) as [client]:
        dripping = asyncio.create_task(client.drip(GET * 1000))
        response = await client.rest()
        await dripping
    assert response.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"Connection: close" in response
    assert b'"type":"/problems/request-timeout"' in response


async def test_a_second_header_that_drips_is_cut_off(settings: Settings) -> None:
    limited = replace(settings, http_header_timeout=0.3)
    async with served(limited) as url, raw_clients(url) as [client]:
        client.send(GET + b"\r\n")
        assert (await client.response()).startswith(b"HTTP/1.1 200")
        dripping = asyncio.create_task(client.drip(GET * 1000))
        assert (await client.rest()).startswith(b"HTTP/1.1 408")
        await dripping


@pytest.mark.parametrize(
    ("length", "part"),
    [
        (b"Content-Length: 1000\r\n\r\n", b" "),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
)
async def test_a_body_that_drips_is_cut_off(settings: Settings, length: bytes, part: bytes) -> None:
    limited = replace(settings, http_body_timeout=0.3)
    with structlog.testing.capture_logs() as logs:
        async with served(limited) as url, raw_clients(url) as [client]:
            client.send(POST + length)
            dripping = asyncio.create_task(client.drip(part * 900))
            response = await client.rest()
            await dripping
    assert response.count(b"HTTP/1.1 ") == 1
    assert response.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def test_a_body_that_was_refused_early_cannot_drip_on(settings: Settings) -> None:
    limited = replace(settings, http_body_timeout=0.5)
    async with served(limited) as url, raw_clients(url) as [client]:
        client.send(POST + b"Content-Length: 50000000\r\n\r\n")
        assert (await client.response()).startswith(b"HTTP/1.1 413")
        dripping = asyncio.create_task(client.drip(b" " * 1000))
        assert await client.rest() == b""
        await dripping


async def test_a_client_that_leaves_during_its_body_is_no_error(settings: Settings) -> None:
    with structlog.testing.capture_logs() as logs:
        async with served(settings) as url:
            async with raw_clients(url) as [client]:
                client.send(POST + b"Content-Length: 1000\r\n\r\n{")
                assert await is_served(url)
            assert await is_served(url)
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def test_silent_connections_are_closed(settings: Settings) -> None:
    limited = replace(settings, http_header_timeout=0.3, http_idle_timeout=1)
    async with served(limited) as url, raw_clients(url, 2) as [silent, idle]:
        idle.send(GET + b"\r\n")
        assert (await idle.response()).startswith(b"HTTP/1.1 200")
        assert await silent.rest() == b""
        assert await idle.rest() == b""


async def test_a_long_poll_outlives_every_limit(settings: Settings) -> None:
    limited = replace(
        settings,
        http_header_timeout=0.2,
        http_body_timeout=0.2,
        http_send_timeout=0.2,
        http_idle_timeout=1,
    )
    async with served(limited) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        response = await client.post(
            "/jobs", json={"type": "health_check"}, headers={"Prefer": "wait=2"}
        )
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "wait=2"


async def test_busy_connections_are_never_closed_for_others() -> None:
    application = Application()
    limits = replace(LIMITS, max_connections=20, max_per_peer=20)
    async with serving(application, limits) as url, raw_clients(url, 19) as busy:
        for client in busy:
            client.send(b"GET /late HTTP/1.1\r\n" + HOST + b"\r\n")
        await wait_until(lambda: application.waiting == 19, "the requests to arrive")
        async with raw_clients(url, 100) as flood:
            await wait_until(lambda: still_open(flood) <= 1, "the flood to be cut")
        application.may_respond.set()
        for client in busy:
            assert (await client.response()).endswith(b"ok")


async def test_a_server_with_only_busy_connections_refuses_another() -> None:
    application = Application()
    async with (
        serving(application, replace(LIMITS, max_connections=2)) as url,
        raw_clients(url, 2) as busy,
    ):
        for client in busy:
            client.send(b"GET /late HTTP/1.1\r\n" + HOST + b"\r\n")
        await wait_until(lambda: application.waiting == 2, "the requests to arrive")
        async with raw_clients(url) as [refused]:
            response = await refused.rest()
        assert response.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"Retry-After: 5" in response
        application.may_respond.set()
        for client in busy:
            assert (await client.response()).endswith(b"ok")


async def test_a_client_that_reads_nothing_is_disconnected() -> None:
    limits = replace(LIMITS, max_connections=1, send_timeout=0.3)
    async with serving(Application(), limits) as url, raw_clients(url) as [client]:
        client.transport.pause_reading()
        client.send(LARGE_REQUEST)

        async def has_room() -> bool:
            async with raw_clients(url) as [other]:
                other.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
                return (await other.response()).endswith(b"ok")

        await wait_until(has_room, "the connection to be closed")
        client.transport.resume_reading()
        assert len(await client.rest()) < LARGE


async def test_a_client_that_reads_slowly_gets_everything() -> None:
    limits = replace(LIMITS, send_timeout=0.5)
    async with (
        serving(Application(), limits) as url,
        raw_clients(url, bytes_per_read=3_000_000) as [client],
    ):
        client.send(LARGE_REQUEST)
        assert len(await client.response()) > LARGE


@pytest.mark.parametrize("order", [0, 1])
async def test_two_lengths_of_one_body_are_refused(settings: Settings, order: int) -> None:
    lengths = [b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n"]
    smuggled = b"0\r\n\r\n" + GET + b"\r\n"
    async with served(settings) as url, raw_clients(url) as [client]:
        client.send(POST + lengths[order] + lengths[1 - order] + b"\r\n" + smuggled)
        response = await client.rest()
    assert response.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert response.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in response


async def test_half_requests_do_not_hold_up_the_end_of_the_server(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        async with served(settings) as url:
            clients = await stack.enter_async_context(raw_clients(url, 50))
            for client in clients:
                client.send(GET)
        await wait_until(lambda: still_open(clients) == 0, "the connections to be closed")
