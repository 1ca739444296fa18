"""The leases of a worker: how old they are, and which work is broken off when it is replaced."""

from __future__ import annotations

import asyncio

import pytest

from tasks.composition import ledger_policy
from tasks.jobs.step import Lease, StepRef
from tasks.ledger.memory import MemoryLedger
from tasks.settings import Settings
from tasks.worker.leases import MAX_UNCOUNTED_ATTEMPTS, HeldLeases, StopReason


@pytest.mark.parametrize(
    ("attempt", "tries", "reason"),
    [
        (1, 1, StopReason.RECYCLING),
        (MAX_UNCOUNTED_ATTEMPTS, 1, StopReason.RECYCLING),
        (MAX_UNCOUNTED_ATTEMPTS + 1, 1, None),
        (MAX_UNCOUNTED_ATTEMPTS + 3, 4, StopReason.RECYCLING),
    ],
)
async def test_a_step_that_gave_way_often_is_left_to_run(
    attempt: int, tries: int, reason: StopReason | None
) -> None:
    leases = HeldLeases(MemoryLedger(ledger_policy(Settings())), "worker", slots=1)
    lease = Lease(ref=StepRef("job", "analyse", 0), attempt=attempt, tries=tries, worker="worker")
    work = asyncio.create_task(asyncio.sleep(30))
    with leases.hold(lease, work) as held:
        leases.hand_back_for_recycling()
        assert held.stop_reason is reason
        assert work.cancelling() == (reason is not None)
    work.cancel()


async def test_the_age_of_the_oldest_step() -> None:
    leases = HeldLeases(MemoryLedger(ledger_policy(Settings())), "worker", slots=2)
    assert leases.oldest_seconds() == 0
    work = asyncio.create_task(asyncio.sleep(0))
    first, second = (
        Lease(ref=StepRef("job", "analyse", n), attempt=1, tries=1, worker="worker") for n in (0, 1)
    )
    with leases.hold(second, work):
        with leases.hold(first, work) as held:
            held.since -= 100
            assert 100 <= leases.oldest_seconds() < 200
        assert leases.oldest_seconds() < 100
