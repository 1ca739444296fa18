"""What it means that several things failed together."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure


def all_failed(detail: str, failures: Sequence[StepError]) -> StepError:
    """One failure for all of them. It may pass if one of them may, and waits as that one asks."""
    passing = [failure for failure in failures if isinstance(failure, TransientFailure)]
    if not passing:
        return PermanentFailure(Reason.SOURCES_FAILED, detail)
    waits = [failure.retry_after for failure in passing if failure.retry_after is not None]
    return TransientFailure(
        Reason.SOURCES_FAILED, detail, retry_after=min(waits) if waits else None
    )
