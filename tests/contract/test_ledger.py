"""Every ledger: the usual life of a job, and the queries about it."""

from __future__ import annotations

import pytest

from tasks.errors import Reason
from tasks.jobs.ids import new_job_id
from tasks.jobs.job import JobState, JobType, Priority
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleFailed
from tasks.jobs.record import QueueDepth, SubmitVerdict
from tasks.jobs.step import Claim, ClaimRefusal, StepRef
from tasks.settings import Settings
from tests.contract.ledgers import (
    START_MS,
    WORKER,
    LedgerUnderTest,
    a_job,
    analyse,
    candidates,
    claim,
    complete,
    discover,
    nth_id,
    record,
    state,
)


async def test_a_job_runs_from_submit_to_success(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    assert await state(ledger, job) is JobState.PENDING
    await discover(ledger, job)
    assert await state(ledger, job) is JobState.PROGRESS
    for index in range(2):
        await analyse(ledger, job, index)
        assert (await record(ledger, job)).settled == index + 1
    assert await ledger.evidence(job.id) == {0: b"e", 1: b"e"}
    assert await ledger.complete(await claim(ledger, job, "rank"), b'{"done":true}')
    assert await state(ledger, job) is JobState.SUCCESS
    assert await ledger.result(job.id) == b'{"done":true}'
    assert await ledger.evidence(job.id) == {}


async def test_the_record_has_times(under_test: LedgerUnderTest) -> None:
    ledger, job = under_test.ledger, a_job(traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    await ledger.submit(job)
    under_test.advance(1)
    lease = await claim(ledger, job, "discover")
    under_test.advance(1)
    await ledger.discovered(lease, [], b"null")
    await ledger.complete(await claim(ledger, job, "rank"), b"{}")
    stored = await record(ledger, job)
    assert (stored.submitted_ms, stored.started_ms) == (START_MS, START_MS + 1000)
    assert (stored.finished_ms, stored.retries) == (START_MS + 2000, 0)
    assert stored.trace_id == "a" * 32


async def test_a_claim_returns_the_job_and_the_candidate(ledger: Ledger) -> None:
    job = a_job(priority=Priority.HIGH, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    await ledger.submit(job)
    await discover(ledger, job)
    granted = await ledger.claim(StepRef(job.id, "analyse", 1), WORKER)
    assert isinstance(granted, Claim)
    assert granted.job == job
    assert granted.candidate == candidates(job)[1]
    assert (granted.lease.attempt, granted.lease.tries) == (1, 1)


async def test_a_repeated_submit_makes_one_job(ledger: Ledger) -> None:
    job = a_job()
    assert (await ledger.submit(job)).verdict is SubmitVerdict.SUBMITTED
    assert (await ledger.submit(job)).verdict is SubmitVerdict.KNOWN
    assert (await ledger.depth()).outstanding == 1


async def test_no_more_than_w_steps_of_a_job_are_open(ledger: Ledger, settings: Settings) -> None:
    job = a_job(urls=settings.release_window + 5)
    await ledger.submit(job)
    await discover(ledger, job)
    for index in range(5):
        assert (await ledger.depth()).outstanding == settings.release_window
        await analyse(ledger, job, index)
    lease = await claim(ledger, job, "analyse:5")
    await ledger.fail(lease, "not_found", "404")
    assert (await ledger.depth()).outstanding == settings.release_window - 1


async def test_a_failed_article_is_one_of_the_outcomes(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    await ledger.fail(await claim(ledger, job, "analyse:1"), "not_found", 'It said "404".')
    await analyse(ledger, job, 0)
    page = await ledger.outcomes(job.id, 0, 10)
    assert [outcome.url for outcome in page.outcomes] == [
        candidate.url for candidate in candidates(job)
    ]
    assert page.outcomes[1] == ArticleFailed(
        url="http://site.example/1", reason=Reason.NOT_FOUND, detail='It said "404".'
    )
    stored = await record(ledger, job)
    assert (stored.settled, stored.processed, stored.failed) == (2, 1, 1)


async def test_outcomes_come_in_pages_while_the_job_runs(ledger: Ledger) -> None:
    job = a_job(urls=5)
    await ledger.submit(job)
    await discover(ledger, job)
    for index in (0, 3, 4):
        await analyse(ledger, job, index)
    first = await ledger.outcomes(job.id, 0, 3)
    assert [outcome.url for outcome in first.outcomes] == ["http://site.example/0"]
    assert first.next_cursor == 3
    rest = await ledger.outcomes(job.id, 3, 3)
    assert [outcome.url for outcome in rest.outcomes] == [
        "http://site.example/3",
        "http://site.example/4",
    ]
    assert rest.next_cursor is None


async def test_a_job_with_nothing_to_analyse_is_ranked_at_once(ledger: Ledger) -> None:
    job = a_job(urls=0)
    await ledger.submit(job)
    await complete(ledger, job)
    assert (await record(ledger, job)).total == 0


async def test_the_reports_of_the_sources_are_stored(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    assert await ledger.discovery(job.id) is None
    await ledger.discovered(await claim(ledger, job, "discover"), [], b'{"feeds":3}')
    assert await ledger.discovery(job.id) == b'{"feeds":3}'


async def test_queries_about_an_unknown_job(ledger: Ledger) -> None:
    unknown = new_job_id(START_MS)
    assert await ledger.claim(StepRef(unknown, "discover"), WORKER) is ClaimRefusal.UNKNOWN
    assert await ledger.record(unknown) is None
    assert await ledger.result(unknown) is None
    assert await ledger.failures(unknown) == ()
    assert (await ledger.outcomes(unknown, 0, 3)).outcomes == ()


async def test_jobs_are_listed_newest_first_by_state_and_type(ledger: Ledger) -> None:
    jobs = [a_job(id=nth_id(n)) for n in range(5)]
    for job in jobs:
        await ledger.submit(job)
    await ledger.cancel(jobs[2].id)
    newest_first = [job.id for job in reversed(jobs) if job is not jobs[2]]
    first = await ledger.jobs([JobState.PENDING], list(JobType), None, 3)
    assert [entry.id for entry in first.jobs] == newest_first[:3]
    rest = await ledger.jobs([JobState.PENDING], list(JobType), first.next_cursor, 3)
    assert [entry.id for entry in rest.jobs] == newest_first[3:]
    assert rest.next_cursor is None
    revoked = await ledger.jobs([JobState.REVOKED], list(JobType), None, 3)
    assert [entry.id for entry in revoked.jobs] == [jobs[2].id]
    others = await ledger.jobs([JobState.PENDING], [JobType.HEALTH_CHECK], None, 3)
    assert others.jobs == ()


async def test_the_depth_counts_queued_and_running_steps(under_test: LedgerUnderTest) -> None:
    ledger, job = under_test.ledger, a_job(urls=3)
    await ledger.submit(job)
    await discover(ledger, job)
    await claim(ledger, job, "analyse:0")
    under_test.advance(1.5)
    await ledger.renew(WORKER, b"{}", [])
    assert await ledger.depth() == QueueDepth(
        active_jobs=1,
        queued=2,
        outstanding=3,
        oldest_queued_ms=1500,
        workers=1,
        ready=4,
        paused=False,
    )


def test_the_name_of_a_step_is_read_back() -> None:
    ref = StepRef(new_job_id(START_MS), "analyse", 7)
    assert StepRef.parse(str(ref)) == ref


@pytest.mark.parametrize("name", ["", "discover", "{}/other", "{}:events/discover", "{}/rank:1"])
def test_an_invalid_step_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a step"):
        StepRef.parse(name.format(new_job_id(START_MS)))
