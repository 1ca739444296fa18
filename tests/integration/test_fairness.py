"""A large job takes its turn beside small ones."""

from __future__ import annotations

import asyncio
import time

import pytest
from msgspec.structs import replace

from tasks.jobs.job import BatchAnalysis
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.settings import Settings
from tests.fakes import FakeEngine
from tests.integration.conftest import RunWorker, ended
from tests.waiting import wait_until

LARGE = "http://large.example/"
SMALL_JOBS, SMALL_ARTICLES = 10, 20
SMALL_STEPS = SMALL_JOBS * (SMALL_ARTICLES + 2)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, release_window=0, max_urls_per_job=10_000)


def batch(site: str, articles: int) -> Submission:
    return Submission(params=BatchAnalysis(urls=tuple(f"{site}{n}" for n in range(articles))))


async def test_ten_small_jobs_wait_for_less_than_a_quarter_more_beside_a_large_one(
    queue: Queue, engine: FakeEngine, run_worker: RunWorker
) -> None:
    async with run_worker():
        large = (await queue.submit(batch(LARGE, 10_000))).job
        await wait_until(lambda: len(engine.started) > 100, "the large job to be under way")
        await queue.pause()  # or the large job runs on while the small ones are being submitted
        small = await asyncio.gather(
            *(
                queue.submit(batch(f"http://small{n}.example/", SMALL_ARTICLES))
                for n in range(SMALL_JOBS)
            )
        )
        submitted = time.time()
        await queue.resume()
        for one in small:
            await ended(queue, one.job.id)
        await queue.cancel(large.id)
        await ended(queue, large.id)
    urls = [url for moment, url in engine.started if moment >= submitted]
    last_small = max(n for n, url in enumerate(urls) if not url.startswith(LARGE))
    steps_of_large = sum(url.startswith(LARGE) for url in urls[:last_small])
    assert steps_of_large < SMALL_STEPS / 4
