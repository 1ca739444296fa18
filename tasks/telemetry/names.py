"""The names of our spans, and of the attributes that no semantic convention has.

docs/telemetry.md lists them, and a test compares.
"""

from __future__ import annotations

JOB_ID = "curator.job.id"
STEP = "curator.step"
ATTEMPT = "curator.attempt"
OUTCOME = "curator.outcome"
QUEUE_WAIT = "curator.queue.wait"
RETRY_DELAY = "curator.retry.delay"
ENGINE_WAIT = "curator.engine.wait"
CACHED = "curator.cached"
SOURCE = "curator.source"
FOUND = "curator.source.found"

OWN_ATTRIBUTES = (
    JOB_ID,
    STEP,
    ATTEMPT,
    OUTCOME,
    QUEUE_WAIT,
    RETRY_DELAY,
    ENGINE_WAIT,
    CACHED,
    SOURCE,
    FOUND,
)

FETCH = "fetch"
HOST_WAIT = "wait for host"
SEARCH = "search"
ENGINE_TASKS = ("engine read", "engine study", "engine survey", "engine feed")
