"""Whether the service can be used, for probes and for people."""

from __future__ import annotations

import asyncio
from typing import Literal

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from msgspec import Struct

from tasks.errors import LedgerUnavailable
from tasks.jobs.queue import Queue

PATIENCE = 2.0
"""Seconds that a probe waits for Redis; most probes give up soon after."""


class Health(Struct, frozen=True, kw_only=True):
    """How the queue is. The numbers are None while Redis cannot be reached."""

    status: Literal["healthy", "unavailable"]
    redis_connected: bool
    workers: int | None = None
    """Worker processes heard of lately; none is fine where they are started on demand."""
    active_jobs: int | None = None
    queued: int | None = None
    """Steps that wait for a worker."""
    oldest_queued_seconds: float | None = None


class Liveness(Struct, frozen=True, kw_only=True):
    status: Literal["alive", "ready", "unavailable"]


async def look(queue: Queue) -> Health:
    try:
        async with asyncio.timeout(PATIENCE):
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
async def jobs_health(queue: NamedDependency[Queue]) -> Response[Health]:
    """How much there is to do, and whether Redis and workers are there."""
    health = await look(queue)
    return Response(health, status_code=200 if health.redis_connected else 503)


@get("/live")
async def live() -> Liveness:
    """The process answers."""
    return Liveness(status="alive")


@get("/ready", responses={503: ResponseSpec(Liveness, description="Redis cannot be reached.")})
async def ready(queue: NamedDependency[Queue]) -> Response[Liveness]:
    """Jobs can be submitted."""
    if (await look(queue)).redis_connected:
        return Response(Liveness(status="ready"))
    return Response(Liveness(status="unavailable"), status_code=503)


health = Router("/health", route_handlers=[jobs_health, live, ready], tags=["health"])
