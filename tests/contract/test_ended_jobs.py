"""Every ledger: the end of each job is logged once, whatever ended it."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs
from structlog.typing import EventDict

from tasks.jobs.ledger_port import Ledger
from tasks.ledger.ended import BATCH, log_ended
from tasks.settings import Settings
from tests.contract.ledgers import LedgerUnderTest, a_job, claim, complete


async def logged(ledger: Ledger) -> list[EventDict]:
    """The lines by several processes at once."""
    with capture_logs() as lines:
        await asyncio.gather(*(log_ended(ledger) for _ in range(3)))
    return [dict(line) for line in lines]


async def test_a_job_that_succeeded(ledger: Ledger) -> None:
    job = a_job(traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    await ledger.submit(job)
    assert await logged(ledger) == []
    await complete(ledger, job)
    assert await logged(ledger) == [
        {
            "event": "job ended",
            "log_level": "info",
            "job_id": job.id,
            "type": "batch_analysis",
            "state": "SUCCESS",
            "seconds": 0.0,
            "articles": 2,
            "failed": 0,
            "error": None,
            "trace_id": "a" * 32,
        }
    ]
    assert await logged(ledger) == []


async def test_a_job_that_failed_and_those_that_waited_for_it(ledger: Ledger) -> None:
    failed = a_job()
    waiting = a_job(depends_on=(failed.id,))
    last = a_job(depends_on=(waiting.id,))
    for job in (failed, waiting, last):
        await ledger.submit(job)
    await ledger.fail(await claim(ledger, failed, "discover"), "sources_failed", "None answered.")
    late = a_job(depends_on=(failed.id,))  # ends in the call that submits it
    await ledger.submit(late)
    lines = await logged(ledger)
    assert [line["job_id"] for line in lines] == [failed.id, waiting.id, last.id, late.id]
    assert {line["state"] for line in lines} == {"FAILURE"}
    assert lines[0]["error"] == "sources_failed: None answered."
    assert str(lines[1]["error"]).startswith("dependency_failed: ")


async def test_jobs_that_a_cancel_ended(ledger: Ledger) -> None:
    queued, running = a_job(), a_job()
    for job in (queued, running):
        await ledger.submit(job)
    lease = await claim(ledger, running, "discover")
    for job in (queued, running):
        await ledger.cancel(job.id)
    assert [line["job_id"] for line in await logged(ledger)] == [queued.id]
    await ledger.hand_back(lease)
    [line] = await logged(ledger)
    assert (line["job_id"], line["state"]) == (running.id, "REVOKED")


async def test_a_job_that_the_reaper_ended(under_test: LedgerUnderTest, settings: Settings) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    for _ in range(settings.task_max_retries + 1):
        await claim(ledger, job, "discover")
        under_test.advance(settings.lease_seconds + 0.1)
        await ledger.reap()
    [line] = await logged(ledger)
    assert (line["job_id"], line["state"]) == (job.id, "FAILURE")
    assert str(line["error"]).startswith("worker_lost: ")


async def test_more_jobs_than_are_read_at_once(ledger: Ledger) -> None:
    jobs = [a_job() for _ in range(BATCH + 5)]
    for job in jobs:
        await ledger.submit(job)
        await ledger.cancel(job.id)
    assert sorted(str(line["job_id"]) for line in await logged(ledger)) == sorted(
        job.id for job in jobs
    )


async def test_a_job_that_was_purged_at_once_hides_no_other(ledger: Ledger) -> None:
    purged, kept = a_job(), a_job()
    for job in (purged, kept):
        await ledger.submit(job)
        await ledger.cancel(job.id)
    assert await ledger.purge(purged.id)
    assert [line["job_id"] for line in await logged(ledger)] == [kept.id]
