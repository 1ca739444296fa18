"""Variables of the system that this one succeeds, which ran on Celery: none of them is read."""

from __future__ import annotations

from collections.abc import Mapping

SUCCESSORS: Mapping[str, str] = {
    # The names of the AI Content Curator.
    "CELERY_LOG_LEVEL": "WORKER_LOG_LEVEL",
    "CELERY_CONCURRENCY": "WORKER_CONCURRENCY",
    "CELERY_ALWAYS_EAGER": "TASKS_EAGER",
    # The names that Celery itself gives to what can be set here too.
    "CELERY_BROKER_URL": "REDIS_URL",
    "CELERY_RESULT_BACKEND": "REDIS_URL",
    "CELERY_RESULT_EXPIRES": "RESULT_TTL",
    "CELERY_TASK_ALWAYS_EAGER": "TASKS_EAGER",
    "CELERY_TASK_DEFAULT_RETRY_DELAY": "TASK_RETRY_DELAY",
    "CELERY_TASK_MAX_RETRIES": "TASK_MAX_RETRIES",
    "CELERY_TASK_SOFT_TIME_LIMIT": "TASK_SOFT_TIME_LIMIT",
    "CELERY_TASK_TIME_LIMIT": "TASK_HARD_TIME_LIMIT",
    "CELERY_WORKER_CONCURRENCY": "WORKER_CONCURRENCY",
    "CELERY_WORKER_MAX_TASKS_PER_CHILD": "WORKER_MAX_TASKS",
}


def ignored_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """The variables of Celery that are set, each with the setting that has taken its place, or with
    None if there is none."""
    return {
        name: SUCCESSORS.get(name)
        for name, value in sorted(environ.items())
        if name.startswith("CELERY_") and value.strip()
    }
