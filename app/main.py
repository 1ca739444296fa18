"""The web process: puts its parts together, and serves them."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import uvicorn
from litestar import Litestar, Router
from litestar.datastructures import CacheControlHeader, State
from litestar.di import Provide
from litestar.static_files import create_static_files_router

from app.api import CALLS, CALLS_OF_A_JOB
from app.health import health
from app.job_id import require_job_id
from app.openapi import openapi_config
from app.pages import PAGES, PAGES_OF_A_JOB
from app.problems import answer
from app.security_headers import add_security_headers
from app.server_span import ServerSpans
from app.templating import HERE, template_config
from tasks.queue import Queue
from tasks.settings import Settings
from tasks.telemetry import tracer

OpenQueue = Callable[[Settings], AbstractAsyncContextManager[Queue]]

SHUTDOWN_SECONDS = 5
"""How long requests that are under way may take to end."""


def create_app(settings: Settings, open_queue: OpenQueue) -> Litestar:
    """The application; the queue is opened when it starts, and closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_queue(settings) as queue:
            app.state.queue = queue
            yield

    app = Litestar(
        route_handlers=[*CALLS, *PAGES, _one_job(), health, _static()],
        dependencies={
            "queue": Provide(_queue, sync_to_thread=False),
            "settings": Provide(_settings, sync_to_thread=False),
        },
        exception_handlers={Exception: answer},
        before_send=[add_security_headers],
        lifespan=[lifespan],
        logging_config=None,
        openapi_config=openapi_config(),
        request_max_body_size=settings.max_body_bytes,
        state=State({"settings": settings}),
        template_config=template_config(),
    )
    app.asgi_handler = ServerSpans(app.asgi_handler, tracer)
    return app


def web_server(settings: Settings, open_queue: OpenQueue) -> uvicorn.Server:
    """The server, for callers with an event loop of their own."""
    config = uvicorn.Config(
        create_app(settings, open_queue),
        host=settings.http_host,
        port=settings.http_port,
        loop="uvloop",
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)


def serve(settings: Settings, open_queue: OpenQueue) -> None:
    """Listens until SIGINT or SIGTERM, and returns."""
    server = web_server(settings, open_queue)

    def end(*_: object) -> None:
        """uvicorn handles a signal, and at its end raises it again for whoever was there before."""
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    server.run()


def _queue(state: State) -> Queue:
    queue: Queue = state.queue
    return queue


def _settings(state: State) -> Settings:
    settings: Settings = state.settings
    return settings


def _one_job() -> Router:
    return Router(
        "/jobs/{job_id:str}",
        route_handlers=[*CALLS_OF_A_JOB, *PAGES_OF_A_JOB],
        guards=[require_job_id],
    )


def _static() -> Router:
    return create_static_files_router(
        "/static",
        directories=[HERE / "static"],
        cache_control=CacheControlHeader(max_age=60, public=True),
    )
