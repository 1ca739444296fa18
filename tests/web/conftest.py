"""The web application on the test's ledger, and someone who plays its worker."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.main import OpenQueue, create_app, web_server
from tasks.resources import open_ledger, open_queue
from tasks.settings import Settings
from tests.spans import provider
from tests.waiting import wait_until
from tests.web.player import Player

BASE = "http://localhost:8000"

NOBODY = "redis://127.0.0.1:1/0"
"""Where no Redis listens."""


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, with no server between them."""
    async with client_of(settings) as client:
        yield client


@pytest.fixture
async def cut_off() -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application whose Redis is away."""
    async with client_of(Settings(redis_url=NOBODY)) as client:
        yield client


@pytest.fixture
async def web(settings: Settings) -> AsyncIterator[str]:
    """The address of a real server."""
    async with served(settings) as url:
        yield url


@pytest.fixture
async def player(settings: Settings) -> AsyncIterator[Player]:
    async with open_ledger(settings) as ledger:
        yield Player(ledger)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Every span that ends during the test."""
    exporter = InMemorySpanExporter()
    provider().add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    server = web_server(settings, open_queue)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await wait_until(lambda: server.started, "the web service to start")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@asynccontextmanager
async def client_of(
    settings: Settings, opens: OpenQueue = open_queue
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, opens)
    started, ended = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        """In one task, as a server does it; the ends of a fixture are run in two."""
        async with app.lifespan():
            started.set()
            await ended.wait()

    living = asyncio.create_task(live())
    await started.wait()
    # What is raised becomes a 500, as in a server.
    transport = httpx.ASGITransport(cast(Any, app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client
    ended.set()
    await living
