"""The settings of jobs and steps: limits of time and size, retries, how long they are kept."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from tasks.errors import InvalidSettings
from tasks.settings.worker import WorkerSettings


class JobSettings(WorkerSettings, frozen=True, kw_only=True):
    """What a job may ask for, and what becomes of it."""

    task_soft_time_limit: Annotated[
        float,
        Meta(
            gt=0,
            description=(
                "A step is cancelled after that many seconds, without what it waited for the "
                "engine, and fails as timed out."
            ),
        ),
    ] = 300.0
    task_hard_time_limit: Annotated[
        float,
        Meta(
            gt=0,
            description="The engine is killed if it still holds a step after that many seconds.",
        ),
    ] = 600.0
    task_max_retries: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="How often a failed step is tried again; 3 retries are 4 attempts.",
        ),
    ] = 3
    task_retry_delay: Annotated[
        float,
        Meta(
            gt=0,
            description=(
                "Seconds before the first retry; doubled each time, with jitter, up to 15 minutes."
            ),
        ),
    ] = 60.0
    result_ttl: Annotated[int, Meta(ge=1, description="Seconds that a result is kept.")] = 3600
    job_ttl: Annotated[
        int, Meta(ge=1, description="Seconds that a finished job is remembered.")
    ] = 86400
    max_urls_per_job: Annotated[int, Meta(ge=1, le=100_000, description="URLs in one batch.")] = (
        1000
    )
    max_articles_per_topic: Annotated[
        int, Meta(ge=1, le=10_000, description="Articles that one topic job may keep.")
    ] = 100

    @property
    def max_attempts(self) -> int:
        """How often a step is tried before it fails for good."""
        return self.task_max_retries + 1


def check_time_limits(settings: JobSettings) -> None:
    """Raises InvalidSettings where a step would be killed before it is cancelled."""
    if settings.task_hard_time_limit < settings.task_soft_time_limit:
        raise InvalidSettings("TASK_HARD_TIME_LIMIT: must not be below TASK_SOFT_TIME_LIMIT")
