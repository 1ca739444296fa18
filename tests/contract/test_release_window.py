"""The release window that is derived from the slots of all workers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tasks.jobs.ledger_port import Ledger
from tasks.policies import MIN_WINDOW
from tasks.settings import Settings
from tests.contract.ledgers import a_job, discover


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, release_window=0)


async def test_it_is_half_as_many_again_as_the_slots_of_all_workers(ledger: Ledger) -> None:
    await ledger.renew("worker-1", b'{"slots":20,"running":0}', [])
    await ledger.renew("worker-2", b'{"slots":4,"running":0}', [])
    job = a_job(urls=60)
    await ledger.submit(job)
    await discover(ledger, job)
    assert (await ledger.depth()).outstanding == 36


async def test_it_is_small_before_a_worker_is_known(ledger: Ledger) -> None:
    job = a_job(urls=60)
    await ledger.submit(job)
    await discover(ledger, job)
    assert (await ledger.depth()).outstanding == MIN_WINDOW
