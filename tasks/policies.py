"""What an operator decides, as values for the parts that depend on it.

`tasks.composition` makes them of the settings.
"""

from __future__ import annotations

import math

from msgspec import Struct

from nlp.analysis import AnalysisPolicy
from nlp.decision import SelectionPolicy

SLOT_MARGIN_SECONDS = 5.0
"""How long a slot of a host outlasts the longest fetch: its request has ended by then."""


class FetchPolicy(Struct, frozen=True, kw_only=True):
    """The limits, the identity and the reach of one fetcher. Built once, at start."""

    concurrency: int
    """Requests of this process at once."""
    concurrency_per_host: int
    """Requests of all workers together to one host at once."""
    interval_per_host: float
    """Seconds between the starts of two requests to one host, at least."""
    timeout: float
    """Seconds for one fetch, redirects included."""
    max_bytes: int
    """Decompressed bytes of one body."""
    user_agent: str
    egress_proxy: str | None
    """The URL of an HTTP proxy for all requests; None: sites are asked directly."""
    allow_private_addresses: bool
    """Whether addresses that are not public may be fetched."""
    cache_ttl: float
    """Seconds that a fetched document is stored."""
    cache_max_age: float
    """Seconds that a stored document is used without revalidation, at most."""

    @property
    def slot_seconds(self) -> float:
        """How long a request may hold one of its host's slots."""
        return self.timeout + SLOT_MARGIN_SECONDS


MIN_WINDOW = 6
"""The release window before the first worker has reported its slots."""


class UsageBounds(Struct, frozen=True, kw_only=True):
    """How much the ledger takes before it refuses further jobs."""

    jobs: int
    """Active jobs."""
    articles: int
    """Articles of active jobs, settled or not."""
    bytes: int
    """Of all jobs that are kept, about."""


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
    caller_bounds: UsageBounds
    """What is kept for one caller."""
    all_bounds: UsageBounds
    """What is kept for all callers."""

    @property
    def silent_ms(self) -> int:
        """A worker that has not renewed its leases for this long may have died. It renews them
        twice a second; at twice this time its steps are run elsewhere."""
        return round(self.lease_seconds * 500)

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

    def caller_window(self, slots: int, callers: int) -> int:
        """The caller window: steps of one caller that are queued with a wake-up or run.

        `callers` had work lately. Together they take three quarters of the slots: the others are
        for a caller who comes next, as the steps of a caller whose sites never answer keep their
        slots until they time out.
        """
        if not slots:
            return MIN_WINDOW
        return math.ceil(slots * 3 / (4 * max(1, callers)))


class ScalingPolicy(Struct, frozen=True, kw_only=True):
    """How many workers there may be, and how long work may wait for one."""

    deployment: str
    """Whose metric it is; empty: none is published."""
    slots: int
    """Of one worker."""
    acceptable_wait: float
    """Seconds."""
    max_workers: int
    silent_ms: int
    """After which a worker counts as gone."""


class CurationPolicy(Struct, frozen=True, kw_only=True):
    """The values that all types of job work by. Each comes from a setting."""

    analysis: AnalysisPolicy
    selection: SelectionPolicy
    """Of a topic. Batches have no least relevance, and a job may turn off diversity."""
    candidates_per_article: int
    """How many candidates a topic looks at for each article that it is to keep."""
    details_limit_seconds: float
    """The soft limit of the closer look at one article during `rank`."""
    fetch_retry_delay: float
    """Seconds until the second fetch of a page whose first failed in a way that often passes at
    once; 0: there is none."""
