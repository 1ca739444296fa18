"""When a step that failed is tried again.

Only a `TransientFailure` is retried, up to TASK_MAX_RETRIES times. The ledger counts the tries, and
fails a step that has none left (`tasks/ledger/lua/retry.lua`). An attempt that is handed back or
postponed is no try. A step whose worker was lost is queued again by the reaper, without a delay.
"""

from __future__ import annotations

import random

MAX_DELAY_SECONDS = 900.0

JITTER = 0.25
"""A random share of the delay that is added to it, so that steps which failed together do not come
back together."""


def retry_delay(first_delay: float, tries: int, retry_after: float | None) -> float:
    """Seconds until the next try, after this many: what the site asked for, or else the first
    delay, doubled with each try."""
    delay = first_delay * 2.0 ** (tries - 1) if retry_after is None else retry_after
    return min(delay, MAX_DELAY_SECONDS) * random.uniform(1, 1 + JITTER)  # noqa: S311 - not a secret
