"""Three workers fetch one batch, each host as it wants to be asked: the web itself keeps count."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path

from tasks.errors import HostBusy
from tasks.jobs.job import BatchAnalysis, JobState, SingleAnalysis
from tasks.jobs.queue import Queue
from tasks.jobs.record import JobStatus
from tasks.jobs.submission import Submission
from tasks.settings import Settings
from tests.fakes import FakeFetcher
from tests.integration.conftest import RunWorker, ended
from tests.processes import Process, program, worker_environ
from tests.sampleweb.catalogue import ARTICLES
from tests.sampleweb.manners import Wishes
from tests.sampleweb.server import SampleWeb
from tests.waiting import wait_until

GAP, AT_ONCE = 0.75, 2
SLOW, STRICT = "www.northwire.example", "www.plainscience.example"
OTHERS = ("www.orbitdaily.example", "www.harbourgazette.example")
WISHES = {SLOW: Wishes(crawl_delay=1.0), STRICT: Wishes(refusals=1, retry_after=2)}
URLS_PER_HOST = 10


def batch() -> tuple[str, ...]:
    """As many addresses of each host, which differ in a parameter that selects no article."""
    first = {
        host: next(article.url for article in ARTICLES if article.host.name == host)
        for host in (SLOW, STRICT, *OTHERS)
    }
    return tuple(f"{url}?utm_source={n}" for n in range(URLS_PER_HOST) for url in first.values())


@asynccontextmanager
async def workers(
    settings: Settings, web: SampleWeb, folder: Path, count: int = 3, **others: object
) -> AsyncIterator[list[Process]]:
    environ = worker_environ(
        settings,
        egress_proxy=web.proxy_url,
        worker_concurrency=8,
        fetch_delay_per_host=GAP,
        **{"fetch_concurrency_per_host": AT_ONCE, **others},
    )
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                program("tests.integration.polite_worker", environ=environ, log=folder / f"log{n}")
            )
            for n in range(count)
        ]


async def all_run(queue: Queue, count: int) -> None:
    async def there() -> bool:
        return len(await queue.workers()) == count

    await wait_until(there, "the workers to start", timeout=60)


async def test_three_workers_never_violate_the_limits(
    settings: Settings, queue: Queue, tmp_path: Path
) -> None:
    seen_waiting: list[JobStatus] = []
    async with (
        SampleWeb(latency_seconds=0.05, wishes=WISHES) as web,
        workers(settings, web, tmp_path),
    ):
        await all_run(queue, 3)
        job = (await queue.submit(Submission(params=BatchAnalysis(urls=batch())))).job

        async def is_final() -> bool:
            status = await queue.status(job.id)
            if status.waiting.count:
                seen_waiting.append(status)
            return status.record.state.final

        await wait_until(is_final, "the batch to end", timeout=120)
        status = await queue.status(job.id)
    assert status.record.state is JobState.SUCCESS
    assert status.failures == ()
    assert web.visits.violations(gap=GAP, at_once=AT_ONCE) == []
    assert web.visits.by_host[STRICT][-1].retry_after is None
    assert any(visit.retry_after == 2 for visit in web.visits.by_host[STRICT])
    _assert_waiting_reported(seen_waiting)
    _was_used(web)


def _assert_waiting_reported(statuses: list[JobStatus]) -> None:
    """Articles that waited long for the slow host are reported, with the time."""
    waits = [wait for status in statuses for wait in status.waiting.first]
    assert any(wait.host == SLOW and wait.url.startswith(f"http://{SLOW}/") for wait in waits)
    assert {wait.host for wait in waits} <= {SLOW, STRICT, *OTHERS}


def _was_used(web: SampleWeb) -> None:
    """Being polite does not mean being idle: each turn is used, or nearly so."""
    arrivals = [visit.arrived for visit in web.visits.by_host[SLOW]]
    gaps = sorted(after - before for before, after in pairwise(arrivals))
    assert gaps[len(gaps) // 2] < 2 * WISHES[SLOW].crawl_delay


async def test_a_worker_that_dies_in_the_middle_of_a_request_does_not_block_its_host(
    settings: Settings, queue: Queue, tmp_path: Path
) -> None:
    slow, other = (f"http://trouble.sampleweb.example/{path}" for path in ("slow", "latin1"))
    async with SampleWeb() as web:

        async def requested() -> bool:
            return web.fetches(slow) > 0

        first = (await queue.submit(Submission(params=SingleAnalysis(url=slow)))).job
        async with workers(
            settings, web, tmp_path, count=1, fetch_concurrency_per_host=1
        ) as doomed:
            await wait_until(requested, "the slow page to be asked for")
            doomed[0].kill()
            await doomed[0].wait()
        await queue.cancel(first.id)
        job = (await queue.submit(Submission(params=SingleAnalysis(url=other)))).job
        async with workers(settings, web, tmp_path, count=1, fetch_concurrency_per_host=1):

            async def is_final() -> bool:
                return (await queue.status(job.id)).record.state.final

            await wait_until(is_final, "the other page", timeout=60)
        status = await queue.status(job.id)
    assert status.record.state is JobState.SUCCESS


async def test_waiting_for_a_host_is_no_try(
    queue: Queue, fetcher: FakeFetcher, run_worker: RunWorker, settings: Settings
) -> None:
    url = "http://site.example/0"

    async def busy() -> None:
        if fetcher.calls[url] <= settings.max_tries:
            raise HostBusy("site.example", 0.01)

    fetcher.behaviours[url] = busy
    job = (await queue.submit(Submission(params=SingleAnalysis(url=url)))).job
    async with run_worker():
        status = await ended(queue, job.id)
    assert status.record.state is JobState.SUCCESS
    assert fetcher.calls[url] == settings.max_tries + 1


async def test_a_job_that_waits_for_a_host_says_so_and_is_cancelled_at_once(
    queue: Queue, fetcher: FakeFetcher, run_worker: RunWorker
) -> None:
    urls = tuple(f"http://site.example/{n}" for n in range(25))

    async def busy() -> None:
        raise HostBusy("site.example", 600)

    fetcher.behaviours = dict.fromkeys(urls, busy)
    job = (await queue.submit(Submission(params=BatchAnalysis(urls=urls)))).job

    async def waits() -> bool:
        return (await queue.status(job.id)).waiting.count == 16

    async with run_worker():
        await wait_until(waits, "the whole window to wait for the host")
        waiting = (await queue.status(job.id)).waiting
        assert [wait.host for wait in waiting.first] == ["site.example"] * 16
        assert {wait.url for wait in waiting.first} == set(urls[:16])
        await queue.cancel(job.id)
        status = await queue.status(job.id)
    assert status.record.state is JobState.REVOKED
    assert status.waiting.count == 0
