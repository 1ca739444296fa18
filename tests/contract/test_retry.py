"""What a retry makes of a job that has ended."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tasks.composition import job_limits
from tasks.errors import InvalidRequest, JobUnfinished, UnknownJob
from tasks.jobs.bulk import JobFilter, retry_matching
from tasks.jobs.ids import new_job_id
from tasks.jobs.job import (
    BatchAnalysis,
    Job,
    JobState,
    Params,
    Priority,
    SingleAnalysis,
    TopicCuration,
)
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.options import JobOptions
from tasks.jobs.outcome import Candidate
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.settings import Settings
from tests.contract.ledgers import START_MS, analysed, claim

TOPIC = TopicCuration(topic="tea", max_articles=7)
URL, FAILING = "http://site.example/1", "http://site.example/2"


@pytest.fixture
def queue(ledger: Ledger, settings: Settings) -> Queue:
    return Queue(ledger, job_limits(settings))


async def run(
    ledger: Ledger, queue: Queue, params: Params, failing: Sequence[str], *, rank: bool = True
) -> Job:
    """A job that has ended: of URL, which was analysed, and of these articles, which failed."""
    job = (await queue.submit(Submission(params=params, priority=Priority.LOW))).job
    urls = [URL, *failing]
    discover = await claim(ledger, job, "discover")
    await ledger.discovered(discover, [Candidate(url=url) for url in urls], b"null")
    for index, url in enumerate(urls):
        lease = await claim(ledger, job, f"analyse:{index}")
        if url == URL:
            await ledger.settle(lease, analysed(url))
        else:
            await ledger.fail(lease, "not_found", "The server answered 404.")
    lease = await claim(ledger, job, "rank")
    if rank:
        await ledger.complete(lease, b"{}")
    else:
        await ledger.fail(lease, "internal_error", "The ranking failed.")
    return job


async def params_of(ledger: Ledger, job_id: str) -> Params:
    job = await ledger.job(job_id)
    assert job is not None
    return job.params


async def test_a_success_is_retried_as_a_batch_of_its_failed_articles(
    ledger: Ledger, queue: Queue
) -> None:
    job = await run(ledger, queue, TOPIC, [FAILING])
    new = (await queue.retry(job.id)).job
    assert await params_of(ledger, new.id) == BatchAnalysis(
        urls=(FAILING,), query="tea", apply_diversity=True
    )
    assert (new.priority, new.replayed_from) == (Priority.LOW, job.id)


async def test_the_options_of_a_job_are_those_of_its_retry(ledger: Ledger, queue: Queue) -> None:
    own = JobOptions(domain_cap=1, min_word_count=40, sources=("feeds",))
    job = await run(ledger, queue, replace(TOPIC, options=own), [FAILING])
    params = await params_of(ledger, (await queue.retry(job.id)).job.id)
    assert isinstance(params, BatchAnalysis)
    assert params.options == JobOptions(domain_cap=1, min_word_count=40)


@pytest.mark.parametrize("params", [TOPIC, SingleAnalysis(url=FAILING, query="tea")])
async def test_a_failure_is_run_again_whatever_failed_in_it(
    ledger: Ledger, queue: Queue, params: Params
) -> None:
    job = await run(ledger, queue, params, [FAILING], rank=False)
    new = (await queue.retry(job.id)).job
    assert await params_of(ledger, new.id) == params
    assert (new.priority, new.replayed_from) == (Priority.LOW, job.id)


async def test_a_cancelled_job_is_run_again(ledger: Ledger, queue: Queue) -> None:
    job = (await queue.submit(Submission(params=TOPIC))).job
    await queue.cancel(job.id)
    assert await params_of(ledger, (await queue.retry(job.id)).job.id) == TOPIC


async def test_urls_that_no_client_may_submit_are_retried_as_they_are(
    ledger: Ledger, queue: Queue
) -> None:
    urls = ["http://site.example/a b", "ftp://site.example/", "http://site.example/" + "x" * 3000]
    job = await run(ledger, queue, TOPIC, urls)
    new = (await queue.retry(job.id)).job
    params = await params_of(ledger, new.id)
    assert isinstance(params, BatchAnalysis)
    assert params.urls == tuple(urls)


async def test_lower_limits_do_not_stop_a_retry(
    ledger: Ledger, settings: Settings, queue: Queue
) -> None:
    urls = [f"http://site.example/{n}" for n in range(2, 12)]
    job = await run(ledger, queue, TOPIC, urls)
    strict = Queue(ledger, replace(job_limits(settings), max_urls_per_job=9))
    params = await params_of(ledger, (await strict.retry(job.id)).job.id)
    assert isinstance(params, BatchAnalysis)
    assert params.urls == tuple(urls)


async def test_what_cannot_be_retried(ledger: Ledger, queue: Queue) -> None:
    with pytest.raises(UnknownJob):
        await queue.retry(new_job_id(START_MS))
    active = (await queue.submit(Submission(params=TOPIC))).job
    with pytest.raises(JobUnfinished):
        await queue.retry(active.id)
    job = await run(ledger, queue, SingleAnalysis(url=URL), [])
    with pytest.raises(InvalidRequest, match="No article of this job failed"):
        await queue.retry_once(job.id)


async def test_a_job_is_retried_once_until_its_retry_is_purged(
    ledger: Ledger, queue: Queue
) -> None:
    job = await run(ledger, queue, TOPIC, [FAILING])
    first, again = await queue.retry_once(job.id), await queue.retry_once(job.id)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.job.id == again.job.id
    await queue.cancel(first.job.id)
    await queue.purge(first.job.id)
    assert (await queue.retry_once(job.id)).job.id != first.job.id


async def test_no_key_of_a_client_blocks_a_retry(ledger: Ledger, queue: Queue) -> None:
    job = await run(ledger, queue, TOPIC, [FAILING])
    other = await queue.submit(Submission(params=TOPIC), f"retry:{job.id}")
    retried = await queue.retry_once(job.id)
    assert (retried.replayed, retried.job.replayed_from) == (False, job.id)
    assert retried.job.id != other.job.id


async def test_a_bulk_retry_lists_new_jobs_only(ledger: Ledger, queue: Queue) -> None:
    job = await run(ledger, queue, TOPIC, [FAILING], rank=False)
    every = JobFilter(states=[JobState.FAILURE])
    [outcome] = (await retry_matching(queue, every, "")).jobs
    assert (outcome.status, outcome.replayed_from) == ("submitted", job.id)
    assert (await retry_matching(queue, every, "")).jobs == ()
