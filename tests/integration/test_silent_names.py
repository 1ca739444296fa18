"""A job whose host names are never resolved does not delay the jobs beside it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from ipaddress import ip_address

import pytest
from msgspec.structs import replace

from tasks.composition import fetch_policy
from tasks.fetch.addresses import Address
from tasks.fetch.fetcher import HttpFetcher
from tasks.fetch.resolver import MAX_LOOKUPS_PER_JOB, HostResolver
from tasks.fetch.transport import direct_transport
from tasks.jobs.job import BatchAnalysis, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.settings import Settings
from tests.integration.conftest import RunWorker, ended
from tests.integration.raw_site import Site, serving
from tests.waiting import wait_until


class NameServers:
    """Lead to this machine, but never answer about hosts whose name begins with `silent`."""

    def __init__(self) -> None:
        self.lookups: list[str] = []
        self.end = threading.Event()

    def __call__(self, host: str) -> list[Address]:
        self.lookups.append(host)
        if host.startswith("silent"):
            self.end.wait(60)
        return [ip_address("127.0.0.1")]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, worker_concurrency=16, allow_private_addresses=True)


@pytest.fixture
def servers() -> Iterator[NameServers]:
    servers = NameServers()
    yield servers
    servers.end.set()


@pytest.fixture
async def fetcher(settings: Settings, servers: NameServers) -> AsyncIterator[HttpFetcher]:
    resolver = HostResolver(servers)
    transport = direct_transport(resolver, allow_private=True)
    fetcher = HttpFetcher(transport, fetch_policy(settings), resolver=resolver)
    async with aclosing(fetcher):
        yield fetcher


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


def a_batch(*urls: str) -> Submission:
    return Submission(params=BatchAnalysis(urls=urls))


def silent(count: int) -> Submission:
    return a_batch(*(f"http://silent{number}.example/" for number in range(count)))


async def test_eight_silent_names_delay_no_other_job(
    queue: Queue, run_worker: RunWorker, servers: NameServers, site: Site
) -> None:
    async with run_worker():
        dead = (await queue.submit(silent(8))).job
        await wait_until(lambda: len(servers.lookups) == 8, "the lookups")
        urls = (f"http://news{number}.example:{site.port}/story" for number in range(3))
        job = (await queue.submit(a_batch(*urls))).job
        status = await ended(queue, job.id, timeout=5)
        assert (status.record.processed, status.record.failed) == (3, 0)
        assert (await queue.status(dead.id)).record.state is JobState.PROGRESS


async def test_a_step_that_waits_long_for_its_lookup_is_postponed(
    queue: Queue, run_worker: RunWorker, servers: NameServers
) -> None:
    async with run_worker():
        job = (await queue.submit(silent(MAX_LOOKUPS_PER_JOB + 4))).job

        async def are_postponed() -> bool:
            return (await queue.status(job.id)).waiting.count == 4

        await wait_until(are_postponed, "four steps to be postponed")
        assert len(servers.lookups) == MAX_LOOKUPS_PER_JOB
        assert await queue.attempts(job.id) == ()
