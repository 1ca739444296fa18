"""Health over HTTP: whether the service can be used, for probes and for people."""

from __future__ import annotations

import asyncio

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec

from app.api.models.admin import Health, Liveness, Readiness
from app.http.problems import Problem
from app.http.security import ANY_CLIENT
from tasks.errors import LedgerUnavailable
from tasks.jobs.queue import Queue
from tasks.scaling.monitor import Scaling, ScalingMonitor

REDIS_TIMEOUT = 2.0
"""Seconds that a probe waits for Redis; most probes give up soon after."""


async def check_health(queue: Queue) -> Health:
    try:
        async with asyncio.timeout(REDIS_TIMEOUT):
            depth = await queue.depth()
    except (LedgerUnavailable, TimeoutError):
        return Health(status="unavailable", redis_connected=False)
    oldest = depth.oldest_queued_ms
    return Health(
        status="healthy",
        redis_connected=True,
        workers=depth.workers,
        active_jobs=depth.active_jobs,
        queued=depth.queued,
        oldest_queued_seconds=None if oldest is None else oldest / 1000,
    )


@get("/jobs", responses={503: ResponseSpec(Health, description="Redis cannot be reached.")})
async def get_health(queue: NamedDependency[Queue]) -> Response[Health]:
    """How much there is to do, and whether Redis and workers can be reached."""
    health = await check_health(queue)
    return Response(health, status_code=200 if health.redis_connected else 503)


@get("/live")
async def get_liveness() -> Liveness:
    """The process is alive."""
    return Liveness(status="alive")


@get("/ready", responses={503: ResponseSpec(Readiness, description="They cannot.")})
async def get_readiness(queue: NamedDependency[Queue]) -> Response[Readiness]:
    """Jobs can be submitted."""
    try:
        async with asyncio.timeout(REDIS_TIMEOUT):
            await queue.check_accepts_work()
    except (LedgerUnavailable, TimeoutError) as error:
        reason = str(error) or f"The ledger does not answer within {REDIS_TIMEOUT:g} s."
        return Response(Readiness(status="unavailable", reason=reason), status_code=503)
    return Response(Readiness(status="ready"))


@get("/scaling", responses={503: ResponseSpec(Problem, description="Redis cannot be reached.")})
async def get_scaling(scaling: NamedDependency[ScalingMonitor]) -> Scaling:
    """How many workers are wanted, and what that follows from."""
    return await scaling.report()


HEALTH_ROUTER = Router(
    "/health",
    route_handlers=[get_health, get_liveness, get_readiness, get_scaling],
    opt=ANY_CLIENT,
    tags=["health"],
)
