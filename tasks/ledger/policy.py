"""What an operator decides about the ledger: leases, tries, release window, times to live."""

from __future__ import annotations

from msgspec import Struct

MIN_WINDOW = 6
"""The release window before the first worker has reported its slots."""


class LedgerPolicy(Struct, frozen=True, kw_only=True):
    """The values that every change of a job depends on. Each comes from a setting."""

    lease_seconds: float
    """How long a lease lasts without a renewal."""
    wakeup_grace_seconds: float
    """After this time the reaper checks whether the wake-up of a queued step was lost."""
    release_window: int
    """Open steps of one job; 0 to derive it from the slots of all workers."""
    max_tries: int
    """How often a step is tried before it fails for good."""
    result_ttl_seconds: int
    """How long the result of an ended job is kept."""
    job_ttl_seconds: int
    """How long the record of an ended job is kept, at the least."""

    @property
    def record_ttl_seconds(self) -> int:
        """A record lives at least as long as its result: a job that is not known has no result.

        With a JOB_TTL below RESULT_TTL the record used to expire first, so the result could not be
        read for the rest of its time.
        """
        return max(self.job_ttl_seconds, self.result_ttl_seconds)

    def window(self, slots: int) -> int:
        """The release window: open steps of one job, if all workers together have these slots.

        Half as many again as there are slots keeps every slot busy. With twice as many, ten small
        jobs took 26 % longer beside a large one; see tests/integration/test_fairness.py.
        """
        return self.release_window or max(MIN_WINDOW, slots + slots // 2)
