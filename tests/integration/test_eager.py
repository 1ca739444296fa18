"""A job inside its caller, with no Redis."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import msgspec
import pytest
from msgspec.structs import replace

from tasks.eager import EagerOutcome, run_eagerly
from tasks.errors import InvalidRequest, PermanentFailure, Reason, TransientFailure
from tasks.jobs.job import BatchAnalysis, HealthCheck, JobState, Params, SingleAnalysis
from tasks.jobs.options import JobOptions
from tasks.jobs.submission import Submission
from tasks.settings import Settings
from tests.fakes import FakeEngine, FakeFetcher

SETTINGS = Settings(tasks_eager=True, task_retry_delay=0.05, lease_seconds=1)
URL = "http://site.example/a"


@pytest.fixture
def fetcher() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


async def run(
    params: Params,
    engine: FakeEngine,
    fetcher: FakeFetcher,
    settings: Settings = SETTINGS,
    **fields: object,
) -> EagerOutcome:
    submission = replace(Submission(params=params), **fields)
    return await run_eagerly(submission, settings, engine, fetcher)


async def test_a_batch_gives_its_result(engine: FakeEngine, fetcher: FakeFetcher) -> None:
    urls = tuple(f"http://site.example/{n}" for n in range(40))
    outcome = await run(BatchAnalysis(urls=urls), engine, fetcher)
    assert outcome.status.record.state is JobState.SUCCESS
    assert len(msgspec.json.decode(outcome.result)["decisions"]) == 40
    assert set(engine.calls.values()) == {1}


async def test_no_more_steps_run_at_once_than_there_are_slots(
    engine: FakeEngine, fetcher: FakeFetcher
) -> None:
    most = 0

    async def count() -> None:
        nonlocal most
        most = max(most, engine.running)

    urls = tuple(f"http://site.example/{n}" for n in range(20))
    engine.behaviours = dict.fromkeys(urls, count)
    await run(BatchAnalysis(urls=urls), engine, fetcher, replace(SETTINGS, worker_concurrency=4))
    assert most == 3  # three quarters of the slots, as for every caller


async def test_what_may_pass_is_tried_again(engine: FakeEngine, fetcher: FakeFetcher) -> None:
    async def flaky() -> None:
        if fetcher.calls[URL] < 3:
            raise TransientFailure(Reason.SERVER_ERROR, "The site answered 503.")

    fetcher.behaviours[URL] = flaky
    outcome = await run(BatchAnalysis(urls=(URL,)), engine, fetcher)
    assert outcome.status.record.processed == 1
    assert fetcher.calls[URL] == 3


async def test_a_failed_job_gives_what_it_had(engine: FakeEngine, fetcher: FakeFetcher) -> None:
    async def gone() -> None:
        raise PermanentFailure(Reason.NOT_FOUND, "The site answered 404.")

    fetcher.behaviours[URL] = gone
    outcome = await run(SingleAnalysis(url=URL), engine, fetcher)
    assert outcome.status.record.state is JobState.FAILURE
    assert msgspec.json.decode(outcome.result)["failures"][0]["reason"] == "not_found"


async def test_a_step_that_outlasts_its_lease_runs_once(
    engine: FakeEngine, fetcher: FakeFetcher
) -> None:
    async def slow() -> None:
        await asyncio.sleep(SETTINGS.lease_seconds + 0.2)

    engine.behaviours[URL] = slow
    outcome = await run(BatchAnalysis(urls=(URL,)), engine, fetcher)
    assert outcome.status.record.processed == 1
    assert engine.calls[URL] == 1


async def test_a_deadline_is_kept(engine: FakeEngine, fetcher: FakeFetcher) -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    engine.behaviours[URL] = forever
    params = BatchAnalysis(urls=(URL, "http://site.example/b"))
    outcome = await run(params, engine, fetcher, deadline_seconds=1)
    record = outcome.status.record
    assert (record.state, record.processed, record.failed) == (JobState.SUCCESS, 1, 1)
    assert record.deadline_reached
    assert engine.running == 0


async def test_a_cancelled_call_leaves_nothing_running(
    engine: FakeEngine, fetcher: FakeFetcher
) -> None:
    started = asyncio.Event()

    async def forever() -> None:
        started.set()
        await asyncio.Event().wait()

    engine.behaviours[URL] = forever
    call = asyncio.create_task(run(BatchAnalysis(urls=(URL,)), engine, fetcher))
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert engine.running == 0


async def test_a_bad_submission_is_refused(engine: FakeEngine, fetcher: FakeFetcher) -> None:
    with pytest.raises(InvalidRequest):
        await run(BatchAnalysis(urls=()), engine, fetcher)


async def test_a_health_check_passes_through(engine: FakeEngine, fetcher: FakeFetcher) -> None:
    outcome = await run(HealthCheck(), engine, fetcher)
    assert msgspec.json.decode(outcome.result)["worker"] == "eager"


def test_neither_taskiq_nor_the_client_of_redis_is_loaded() -> None:
    code = "import sys, tasks.eager; print(sorted({'redis', 'taskiq', 'torch'} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"


async def test_articles_that_the_job_does_not_accept_are_no_failures(
    engine: FakeEngine, fetcher: FakeFetcher
) -> None:
    urls = ("http://site.example/a", "http://other.example/b", "http://site.example/untitled")
    options = JobOptions(include_domains=("site.example",))
    outcome = await run(BatchAnalysis(urls=urls, options=options), engine, fetcher)
    result = msgspec.json.decode(outcome.result)
    assert outcome.status.record.state is JobState.SUCCESS
    assert [each["verdict"] for each in result["decisions"]] == ["kept", "not_admitted", "failed"]
    assert "other.example is none of them" in result["decisions"][1]["explanation"]
    assert [each["article"]["url"] for each in result["results"]] == [urls[0]]
    assert result["failed_count"] == 1


async def test_a_job_for_which_no_article_is_accepted_has_an_empty_list(
    engine: FakeEngine, fetcher: FakeFetcher
) -> None:
    options = JobOptions(published_after_ms=0)
    outcome = await run(BatchAnalysis(urls=(URL,), options=options), engine, fetcher)
    result = msgspec.json.decode(outcome.result)
    assert outcome.status.record.state is JobState.SUCCESS
    assert result["results"] == []
    assert "gives no date" in result["decisions"][0]["explanation"]
