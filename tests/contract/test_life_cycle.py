"""The ledger in Redis and the one in memory behave the same, whatever happens to their jobs.

The default run takes some 20 seconds. For minutes of it, with new cases each time:

    LIFE_CYCLE=deep nice pytest tests/contract/test_life_cycle.py
"""

from __future__ import annotations

import os

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test

from tasks.settings import Settings
from tests.contract.ledger_pair import LedgerPair
from tests.contract.life_cycle import LifeCycleMachine

YEARS_S = 10 * 365 * 24 * 3600

DEFAULT = hypothesis.settings(
    max_examples=80,
    stateful_step_count=50,
    derandomize=True,  # a change elsewhere must not fail here by chance
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
PROFILES = {
    "default": DEFAULT,
    "deep": hypothesis.settings(
        DEFAULT, max_examples=3000, stateful_step_count=80, derandomize=False
    ),
}


@pytest.mark.timeout(0)
def test_both_ledgers_behave_the_same(valkey_server: str) -> None:
    settings = Settings(
        key_prefix="test:",
        lease_seconds=2,
        wakeup_grace=0.3,
        release_window=3,
        task_max_retries=2,
        result_ttl=YEARS_S,  # the server counts the times to live, not on the clock of the test
        job_ttl=YEARS_S,
        max_jobs_per_caller=3,
        max_articles=20,
    )
    pair = LedgerPair(settings, valkey_server)

    class Machine(LifeCycleMachine):
        def __init__(self) -> None:
            super().__init__(pair)

    try:
        run_state_machine_as_test(
            Machine, settings=PROFILES[os.environ.get("LIFE_CYCLE", "default")]
        )
    finally:
        pair.close()
