"""Every ledger: a submit with an idempotency key."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tasks.jobs.ids import new_job_id
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.record import IdempotencyKey, SubmitOutcome, SubmitVerdict
from tasks.settings import Settings
from tests.contract.ledgers import START_MS, LedgerUnderTest, a_job

KEY = IdempotencyKey(name="ab" * 32, submission_digest="01" * 32)
OTHER_SUBMISSION = IdempotencyKey(name="ab" * 32, submission_digest="02" * 32)
OTHER_KEY = IdempotencyKey(name="cd" * 32, submission_digest="01" * 32)


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


async def test_a_key_names_its_job_after_the_end(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job, KEY)
    await ledger.cancel(job.id)
    assert await ledger.submit(a_job(), KEY) == SubmitOutcome(SubmitVerdict.KNOWN, job.id)


@pytest.mark.parametrize("key", [KEY, OTHER_SUBMISSION])
async def test_the_key_of_a_purged_job_is_free_again(ledger: Ledger, key: IdempotencyKey) -> None:
    purged, new = a_job(), a_job()
    await ledger.submit(purged, KEY)
    await ledger.cancel(purged.id)
    assert await ledger.purge(purged.id)
    assert await ledger.submit(new, key) == SubmitOutcome(SubmitVerdict.SUBMITTED, new.id)
    assert await ledger.submit(a_job(), key) == SubmitOutcome(SubmitVerdict.KNOWN, new.id)


class TestJobTtlBelowADay:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, job_ttl=7200)

    async def test_the_key_of_an_expired_job_is_free_again(
        self, under_test: LedgerUnderTest
    ) -> None:
        ledger, expired, new = under_test.ledger, a_job(), a_job()
        await ledger.submit(expired, KEY)
        await ledger.cancel(expired.id)
        under_test.advance(7200)
        assert await ledger.submit(new, KEY) == SubmitOutcome(SubmitVerdict.SUBMITTED, new.id)
