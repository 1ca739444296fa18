"""Puts the parts together: what web, worker and tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from tasks.cache.redis import analysis_store, http_store
from tasks.embedded_valkey import redis_url
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.queue import Queue
from tasks.ledger.connection import connect
from tasks.ledger.redis import RedisLedger
from tasks.ledger.schedules import RedisSchedules
from tasks.ports import Cache
from tasks.reaper import reap_forever
from tasks.schedules.scheduler import Scheduler
from tasks.schedules.service import Schedules
from tasks.settings import Settings
from tasks.supervision import background


@asynccontextmanager
async def open_ledger(settings: Settings) -> AsyncIterator[RedisLedger]:
    """The ledger at REDIS_URL, on a client of its own. Does not wait for Redis to be there."""
    client = connect(redis_url(settings))
    try:
        yield RedisLedger(client, settings)
    finally:
        await client.aclose()


class Caches(NamedTuple):
    """What all workers remember together."""

    analyses: Cache
    documents: Cache
    """What was fetched."""


@asynccontextmanager
async def open_caches(settings: Settings) -> AsyncIterator[Caches]:
    """The caches at REDIS_URL, on connections of their own: their values may be megabytes."""
    client = connect(redis_url(settings))
    try:
        yield Caches(analysis_store(client, settings), http_store(client, settings))
    finally:
        await client.aclose()


@asynccontextmanager
async def open_queue(settings: Settings) -> AsyncIterator[Queue]:
    """What clients can do with jobs."""
    async with open_ledger(settings) as ledger:
        yield Queue(ledger, settings)


@asynccontextmanager
async def open_web(settings: Settings) -> AsyncIterator[Queue]:
    """The same for web, where reaper and scheduler run too: there may be no worker."""
    async with open_ledger(settings) as ledger, reaping(ledger), scheduling(ledger, settings):
        yield Queue(ledger, settings)


@asynccontextmanager
async def open_schedules(settings: Settings) -> AsyncIterator[Schedules]:
    """What clients can do with schedules."""
    async with open_ledger(settings) as ledger:
        yield Schedules(RedisSchedules(ledger.scripts), settings)


@asynccontextmanager
async def reaping(ledger: Ledger) -> AsyncIterator[None]:
    async with background("reaper", lambda: reap_forever(ledger)):
        yield


@asynccontextmanager
async def scheduling(ledger: RedisLedger, settings: Settings) -> AsyncIterator[None]:
    scheduler = Scheduler(RedisSchedules(ledger.scripts), Queue(ledger, settings), settings)
    async with background("scheduler", scheduler.run_forever):
        yield
