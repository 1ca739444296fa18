"""Jobs through the real ledger, broker and runner, and what a worker does when they fail."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
import redis

from tasks.errors import PermanentFailure, Reason, ResultExpired, TransientFailure
from tasks.jobs.job import BatchAnalysis, HealthCheck, JobState, SingleAnalysis
from tasks.jobs.queue import Queue
from tasks.jobs.record import CancelOutcome
from tasks.jobs.submission import Submission
from tests.fakes import FakeEngine, FakeFetcher
from tests.integration.conftest import RunWorker, ended, in_state
from tests.waiting import wait_until


def a_batch(*urls: str, count: int = 0) -> Submission:
    numbered = tuple(f"http://site.example/{n}" for n in range(count))
    return Submission(params=BatchAnalysis(urls=urls or numbered))


async def test_a_batch_is_analysed_and_ranked(
    queue: Queue, engine: FakeEngine, run_worker: RunWorker
) -> None:
    async with run_worker():
        job = (await queue.submit(a_batch(count=40))).job
        status = await ended(queue, job.id)
    assert status.record.state is JobState.SUCCESS
    assert (status.record.processed, status.record.failed) == (40, 0)
    result = msgspec.json.decode(await queue.result(job.id))
    scores = [article["overall_score"] for article in result["results"]]
    assert scores == sorted(scores, reverse=True)
    assert len(result["decisions"]) == 40
    assert (result["query"], result["deadline_reached"]) == (None, False)
    assert set(engine.calls.values()) == {1}


async def test_a_failed_article_is_listed_with_its_reason(
    queue: Queue, fetcher: FakeFetcher, run_worker: RunWorker
) -> None:
    async def gone() -> None:
        raise PermanentFailure(Reason.NOT_FOUND, "The site answered 404.")

    fetcher.behaviours["http://site.example/gone"] = gone
    async with run_worker():
        urls = ("http://site.example/a", "http://site.example/gone", "http://site.example/untitled")
        job = (await queue.submit(a_batch(*urls))).job
        status = await ended(queue, job.id)
    assert status.record.state is JobState.SUCCESS
    assert {failure.url: failure.reason for failure in status.failures} == {
        "http://site.example/gone": "not_found",
        "http://site.example/untitled": "no_title",
    }
    result = msgspec.json.decode(await queue.result(job.id))
    assert [decision["verdict"] for decision in result["decisions"]] == ["kept", "failed", "failed"]


async def test_a_transient_failure_is_retried(
    queue: Queue, fetcher: FakeFetcher, run_worker: RunWorker
) -> None:
    url = "http://site.example/flaky"

    async def flaky() -> None:
        if fetcher.calls[url] < 3:
            raise TransientFailure(Reason.SERVER_ERROR, "The site answered 503.", retry_after=0.1)

    fetcher.behaviours[url] = flaky
    async with run_worker():
        job = (await queue.submit(a_batch(url))).job
        status = await ended(queue, job.id)
    assert status.record.processed == 1
    assert fetcher.calls[url] == 3


async def test_a_single_analysis_fails_with_its_article(
    queue: Queue, fetcher: FakeFetcher, run_worker: RunWorker
) -> None:
    async def gone() -> None:
        raise PermanentFailure(Reason.NOT_FOUND, "The site answered 404.")

    fetcher.behaviours["http://site.example/gone"] = gone
    async with run_worker():
        job = (
            await queue.submit(Submission(params=SingleAnalysis(url="http://site.example/gone")))
        ).job
        status = await ended(queue, job.id)
    assert status.record.state is JobState.FAILURE
    assert status.record.error == "not_found: The site answered 404."
    result = msgspec.json.decode(await queue.result(job.id))
    assert (result["state"], result["failed_count"]) == ("FAILURE", 1)


@pytest.mark.parametrize(
    ("paths", "error"),
    [
        (["gone"], "all_failed: Its article failed: The site answered 404."),
        (["gone", "lost", "gone"], "all_failed: All 2 articles failed: The site answered 404."),
    ],
)
async def test_a_batch_fails_if_all_its_articles_do(
    queue: Queue, fetcher: FakeFetcher, run_worker: RunWorker, paths: list[str], error: str
) -> None:
    async def gone() -> None:
        raise PermanentFailure(Reason.NOT_FOUND, "The site answered 404.")

    urls = [f"http://site.example/{path}" for path in paths]
    fetcher.behaviours |= dict.fromkeys(urls, gone)
    async with run_worker():
        job = (await queue.submit(a_batch(*urls))).job
        status = await ended(queue, job.id)
    assert (status.record.state, status.record.error) == (JobState.FAILURE, error)
    result = msgspec.json.decode(await queue.result(job.id))
    assert result["failed_urls"] == list(dict.fromkeys(urls))
    assert {failure["reason"] for failure in result["failures"]} == {"not_found"}


async def test_a_url_that_stands_twice_in_a_batch_is_one_article(
    queue: Queue, fetcher: FakeFetcher, run_worker: RunWorker
) -> None:
    async def gone() -> None:
        raise PermanentFailure(Reason.NOT_FOUND, "The site answered 404.")

    good, bad = "http://site.example/a", "http://site.example/gone"
    fetcher.behaviours[bad] = gone
    async with run_worker():
        job = (await queue.submit(a_batch(bad, good, bad, good))).job
        status = await ended(queue, job.id)
    assert [failure.url for failure in status.failures] == [bad]
    assert (status.record.state, status.record.total) == (JobState.SUCCESS, 2)
    assert (fetcher.calls[bad], fetcher.calls[good]) == (1, 1)


async def test_a_health_check_passes_through(queue: Queue, run_worker: RunWorker) -> None:
    async with run_worker():
        job = (await queue.submit(Submission(params=HealthCheck()))).job
        assert (await ended(queue, job.id)).record.state is JobState.SUCCESS


async def test_a_running_job_is_cancelled_and_keeps_its_settled_articles(
    queue: Queue, engine: FakeEngine, run_worker: RunWorker
) -> None:
    stuck = "http://site.example/stuck"

    async def forever() -> None:
        await asyncio.Event().wait()

    engine.behaviours[stuck] = forever
    async with run_worker():
        job = (await queue.submit(a_batch("http://site.example/a", stuck))).job
        await wait_until(lambda: engine.calls[stuck], "the article to be analysed")

        async def other_settled() -> bool:
            return (await queue.status(job.id)).record.settled == 1

        await wait_until(other_settled, "the other article to settle")
        assert await queue.cancel(job.id) is CancelOutcome.CANCELLING
        await in_state(queue, job.id, JobState.REVOKED)
        assert engine.running == 0
    result = msgspec.json.decode(await queue.result(job.id))
    assert (result["state"], result["processed_count"]) == ("REVOKED", 1)


async def test_a_step_that_a_worker_hands_back_is_run_by_the_next(
    queue: Queue, engine: FakeEngine, run_worker: RunWorker
) -> None:
    url = "http://site.example/slow"
    first = asyncio.Event()

    async def slow_once() -> None:
        if not first.is_set():
            first.set()
            await asyncio.Event().wait()

    engine.behaviours[url] = slow_once
    async with run_worker() as worker:
        job = (await queue.submit(a_batch(url))).job
        await first.wait()
        worker.shutdown.request_immediate()
        await worker.task
    async with run_worker():
        status = await ended(queue, job.id)
    assert status.record.processed == 1
    assert engine.calls[url] == 2


async def test_an_unexpected_error_fails_only_its_article(
    queue: Queue, engine: FakeEngine, run_worker: RunWorker
) -> None:
    async def bug() -> None:
        raise KeyError("surprise")

    engine.behaviours["http://site.example/bug"] = bug
    async with run_worker():
        job = (await queue.submit(a_batch("http://site.example/a", "http://site.example/bug"))).job
        status = await ended(queue, job.id)
    (failure,) = status.failures
    assert (failure.reason, status.record.processed) == ("internal_error", 1)
    assert "surprise" not in failure.detail


async def test_an_expired_result_is_not_an_unknown_job(
    queue: Queue, run_worker: RunWorker, valkey: redis.Redis
) -> None:
    async with run_worker():
        job = (await queue.submit(a_batch(count=1))).job
        await ended(queue, job.id)
    valkey.delete(f"test:job:{job.id}:result")
    with pytest.raises(ResultExpired):
        await queue.result(job.id)
