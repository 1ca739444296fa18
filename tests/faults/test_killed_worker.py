"""A worker is killed in the middle of a batch: the job ends, and no work is done twice."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tasks.jobs.job import BatchAnalysis, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.resources import open_queue
from tasks.settings import Settings
from tests.processes import Process, program, worker_environ
from tests.sampleweb.catalogue import BATCH_FAILURES, BATCH_OF_50
from tests.sampleweb.server import SampleWeb
from tests.waiting import wait_until

SLOTS = 4


def worker_process(
    settings: Settings, web: SampleWeb, calls: Path
) -> AbstractAsyncContextManager[Process]:
    environ = worker_environ(settings, egress_proxy=web.proxy_url, worker_concurrency=SLOTS)
    counting = "tests.integration.counting_worker"
    return program(counting, calls, environ=environ, log=calls.with_name("log"))


async def settled(queue: Queue, job_id: str) -> int:
    return (await queue.status(job_id)).record.settled


async def test_no_settled_article_is_analysed_again(settings: Settings, tmp_path: Path) -> None:
    calls = tmp_path / "engine-calls"
    calls.touch()
    async with SampleWeb() as web, open_queue(settings) as queue:
        job = (await queue.submit(Submission(params=BatchAnalysis(urls=tuple(BATCH_OF_50))))).job

        async def ten_settled() -> bool:
            return await settled(queue, job.id) >= 10

        async with worker_process(settings, web, calls) as doomed:
            await wait_until(ten_settled, "ten articles to settle", timeout=90)
            doomed.kill()
            await doomed.wait()
        settled_at_kill = {
            outcome.url for outcome in (await queue.articles(job.id, 0, 50)).outcomes
        }
        called_at_kill = Counter(calls.read_text().split())

        async def is_final() -> bool:
            return (await queue.status(job.id)).record.state.final

        async with worker_process(settings, web, calls):
            await wait_until(is_final, "the job to end", timeout=90)
        status = await queue.status(job.id)
    called = Counter(calls.read_text().split())
    assert status.record.state is JobState.SUCCESS
    assert (status.record.processed, status.record.failed) == (45, 5)
    assert {failure.url: failure.reason for failure in status.failures} == BATCH_FAILURES
    assert all(called[url] == called_at_kill[url] for url in settled_at_kill)
    repeated = [url for url, times in called.items() if times > 1]
    assert len(repeated) <= SLOTS, "more was analysed twice than was in flight"
