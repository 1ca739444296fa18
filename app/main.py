"""The web process: its parts put together (the composition root), and the server."""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from litestar import Litestar, Request, Router
from litestar.connection import ASGIConnection
from litestar.datastructures import CacheControlHeader, State
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.handlers.base import BaseRouteHandler
from litestar.static_files import create_static_files_router

from app.api.admin import ADMIN_HANDLERS
from app.api.health import HEALTH_ROUTER
from app.api.jobs import JOB_HANDLERS, JOBS_HANDLERS
from app.api.long_poll import LongPolls
from app.api.metrics import MetricsText, get_metrics
from app.api.openapi import OpenApiDocument, openapi_config
from app.api.schedules import SCHEDULE_HANDLERS
from app.api.status_reports import StatusReports
from app.http.body import BodyRequest
from app.http.callers import TrustedProxies
from app.http.compression import compression_config
from app.http.connections import ConnectionLimits, bounded_protocol
from app.http.hosts import AllowedHosts
from app.http.methods import HeadRequests, complete_allow
from app.http.negotiation import JSON_ONLY, complete_vary, preferred_wait, require_acceptable
from app.http.problems import problem_response
from app.http.request_log import RequestLog
from app.http.request_metrics import RequestDurations
from app.http.security import RequestGuards, add_security_headers, cors_config
from app.http.tracing import ServerSpans
from app.pages.pages import JOB_PAGE_HANDLERS, PAGE_HANDLERS, FormLimits
from app.pages.templating import HERE, template_config
from tasks.composition import job_limits
from tasks.errors import UnknownJob
from tasks.jobs.ids import is_job_id
from tasks.jobs.queue import Queue
from tasks.machine import collect_less_garbage
from tasks.resources import open_ledger_metrics, open_scaling, open_schedules, open_traces
from tasks.schedules.service import ScheduleService
from tasks.settings import Settings
from tasks.telemetry.exposition import Exposition
from tasks.telemetry.process import observed_process
from tasks.telemetry.tracing import tracer

OpenQueue = Callable[[Settings], AbstractAsyncContextManager[Queue]]
OpenSchedules = Callable[[Settings], AbstractAsyncContextManager[ScheduleService]]

API_HANDLERS = (*JOBS_HANDLERS, *ADMIN_HANDLERS, *SCHEDULE_HANDLERS)

MAX_STATIC_PATH = 200
"""Characters; ours are shorter, and file systems refuse names of more than 255 bytes."""

REQUEST_BYTES = 8_000_000
"""Of the requests that are in memory at once: web stays below 150 MB."""

WARM_UP_SECONDS = 5.0
"""Until the OpenAPI document is rendered: after the first requests, and before it may be asked for
by many at once. It slows other requests down for a second."""

SHUTDOWN_SECONDS = 5
"""Seconds that running requests have to finish."""


def create_app(
    settings: Settings,
    open_queue: OpenQueue,
    open_schedules: OpenSchedules = open_schedules,
    exposition: Exposition | None = None,
) -> Litestar:
    """The application, which opens queue and schedules at its start and closes them at its end.

    `exposition`: the metrics of this process. Without, only what is the application's own is shown.
    """
    exposition = exposition or Exposition("curator-web", {})

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with (
            open_queue(settings) as queue,
            open_schedules(settings) as schedules,
            open_scaling(settings) as scaling,
            open_traces(settings) as traces,
            open_ledger_metrics(settings, scaling, exposition) as ledger_metrics,
            observed_process(on=exposition.meter),
        ):
            app.state.queue = queue
            app.state.scaling = scaling
            app.state.metrics = MetricsText(exposition, ledger_metrics)
            app.state.long_polls = LongPolls(queue)
            app.state.reports = StatusReports(queue)
            app.state.schedules = schedules
            app.state.traces = traces
            yield

    document = OpenApiDocument(job_limits(settings))
    app = Litestar(
        route_handlers=[
            Router("/", route_handlers=API_HANDLERS, opt=JSON_ONLY),
            *document.handlers(),
            *PAGE_HANDLERS,
            _job_router(),
            HEALTH_ROUTER,
            get_metrics,
            _static_files(),
        ],
        dependencies={
            "caller": _caller(settings),
            "limits": _from_state("limits"),
            "long_polls": _from_state("long_polls"),
            "metrics": _from_state("metrics"),
            "queue": _from_state("queue"),
            "reports": _from_state("reports"),
            "scaling": _from_state("scaling"),
            "schedules": _from_state("schedules"),
            "traces": _from_state("traces"),
            "wait": Provide(preferred_wait, sync_to_thread=False),
        },
        exception_handlers={Exception: problem_response},
        before_send=[add_security_headers, complete_allow, complete_vary],
        compression_config=compression_config(),
        cors_config=cors_config(settings.cors_origins),
        guards=[*_guards(settings).in_order(), require_acceptable],
        lifespan=[lifespan],
        logging_config=None,
        openapi_config=openapi_config(),
        request_class=BodyRequest,
        request_max_body_size=settings.max_body_bytes,
        state=State({"limits": _form_limits(settings), "openapi": document}),
        template_config=template_config(),
    )
    app.asgi_handler = ServerSpans(
        RequestDurations(RequestLog(HeadRequests(app.asgi_handler))), tracer
    )
    return app


def web_server(
    settings: Settings, open_queue: OpenQueue, exposition: Exposition | None = None
) -> uvicorn.Server:
    """The server, for callers with an event loop of their own."""
    config = uvicorn.Config(
        create_app(settings, open_queue, exposition=exposition),
        host=settings.http_host,
        port=settings.http_port,
        http=bounded_protocol(_connection_limits(settings)),
        loop="uvloop",
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=settings.http_idle_timeout,
    )
    return uvicorn.Server(config)


def serve(
    settings: Settings,
    open_queue: OpenQueue,
    sockets: list[socket.socket],
    exposition: Exposition | None = None,
) -> None:
    """Serves on these sockets until SIGINT or SIGTERM, closes them, and returns."""
    server = web_server(settings, open_queue, exposition)

    def stop(*_: object) -> None:
        """Once uvicorn has stopped, it raises the signal again for the handler set before."""
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    app: Any = server.config.app
    warm_up = threading.Timer(WARM_UP_SECONDS, app.state.openapi.as_yaml, [app])
    warm_up.daemon = True
    warm_up.start()
    collect_less_garbage()
    server.run(sockets)


def _from_state(name: str) -> Provide:
    """A dependency of handlers that the application's state holds."""

    def provide(state: State) -> Any:
        return state[name]

    return Provide(provide, sync_to_thread=False)


def _caller(settings: Settings) -> Provide:
    proxies = TrustedProxies(
        networks=tuple(map(ipaddress.ip_network, settings.trusted_proxies)),
        all_peers=settings.proxy_secret is not None,
    )

    def provide(request: Request[Any, Any, Any]) -> str:
        return proxies.caller(request)

    return Provide(provide, sync_to_thread=False)


def _guards(settings: Settings) -> RequestGuards:
    hosts = AllowedHosts(bound=settings.http_host, names=settings.allowed_hosts)
    return RequestGuards(hosts, settings.proxy_secret, settings.cors_origins)


def _connection_limits(settings: Settings) -> ConnectionLimits:
    return ConnectionLimits(
        max_connections=settings.http_max_connections,
        max_per_peer=settings.http_max_connections_per_peer,
        header_timeout=settings.http_header_timeout,
        body_timeout=settings.http_body_timeout,
        send_timeout=settings.http_send_timeout,
        request_bytes=max(REQUEST_BYTES, 2 * settings.max_body_bytes),
    )


def _form_limits(settings: Settings) -> FormLimits:
    return FormLimits(
        max_urls=settings.max_urls_per_job,
        max_articles=settings.max_articles_per_topic,
        domain_cap=settings.domain_cap,
        cluster_cap=settings.cluster_cap,
        sources=settings.sources,
        max_result_ttl_seconds=settings.max_result_ttl,
    )


def _job_router() -> Router:
    return Router(
        "/jobs/{job_id:str}",
        route_handlers=[*JOB_HANDLERS, *JOB_PAGE_HANDLERS],
        guards=[_require_job_id],
        opt=JSON_ONLY,
    )


def _static_files() -> Router:
    return create_static_files_router(
        "/static",
        directories=[HERE / "static"],
        cache_control=CacheControlHeader(max_age=60, public=True),
        guards=[_require_file_name],
    )


async def _require_file_name(
    connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
) -> None:
    """A guard: a name that no file system takes would be an error of ours."""
    path = connection.scope["path"]
    if "\0" in path or len(path) > MAX_STATIC_PATH:
        raise NotFoundException


async def _require_job_id(
    connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
) -> None:
    """A guard: text that is not an id must not become part of a Redis key."""
    if not is_job_id(connection.path_params.get("job_id", "")):
        raise UnknownJob
