"""What every ledger promises of a submit with an idempotency key."""

from __future__ import annotations

from tasks.jobs.ids import new_job_id
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.record import IdempotencyKey, SubmitOutcome, SubmitVerdict
from tests.contract.ledgers import START_MS, a_job

KEY = IdempotencyKey(key_digest="ab" * 32, submission_digest="01" * 32)
OTHER_SUBMISSION = IdempotencyKey(key_digest="ab" * 32, submission_digest="02" * 32)
OTHER_KEY = IdempotencyKey(key_digest="cd" * 32, submission_digest="01" * 32)


async def test_the_same_key_and_submission_are_the_same_job(ledger: Ledger) -> None:
    first, again = a_job(), a_job()
    assert await ledger.submit(first, KEY) == SubmitOutcome(SubmitVerdict.SUBMITTED, first.id)
    assert await ledger.submit(again, KEY) == SubmitOutcome(SubmitVerdict.KNOWN, first.id)
    assert await ledger.record(again.id) is None
    assert (await ledger.depth()).outstanding == 1


async def test_the_same_key_with_another_submission_is_a_conflict(ledger: Ledger) -> None:
    first, other = a_job(), a_job()
    await ledger.submit(first, KEY)
    outcome = await ledger.submit(other, OTHER_SUBMISSION)
    assert outcome == SubmitOutcome(SubmitVerdict.CONFLICT, first.id)
    assert await ledger.record(other.id) is None


async def test_another_key_is_another_job(ledger: Ledger) -> None:
    await ledger.submit(a_job(), KEY)
    assert (await ledger.submit(a_job(), OTHER_KEY)).verdict is SubmitVerdict.SUBMITTED
    assert (await ledger.submit(a_job())).verdict is SubmitVerdict.SUBMITTED


async def test_a_submit_that_was_refused_does_not_use_up_its_key(ledger: Ledger) -> None:
    refused = await ledger.submit(a_job(depends_on=(new_job_id(START_MS),)), KEY)
    assert refused.verdict is SubmitVerdict.UNKNOWN_DEPENDENCY
    assert (await ledger.submit(a_job(), OTHER_SUBMISSION)).verdict is SubmitVerdict.SUBMITTED


async def test_a_key_outlives_its_job(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job, KEY)
    await ledger.cancel(job.id)
    assert await ledger.submit(a_job(), KEY) == SubmitOutcome(SubmitVerdict.KNOWN, job.id)
