"""The metrics of a process. Those of the ledger, which all webs show alike, are in
`ledger_metrics.py`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nlp.analysis import StageRun
from tasks.errors import HostBusy, StepError
from tasks.telemetry.aggregate import AggregateHistogram
from tasks.telemetry.metric import Kind, counter, declared, gauge, histogram, observed_counter

STEP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""From a step that finds everything in caches to the soft limit; a typical one takes 0.1 to 5 s."""

STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""The cheapest stages take half a millisecond, a hostile page seconds."""

FETCH_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
"""To the end of FETCH_TIMEOUT."""

WAIT_SECONDS = (0.01, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""A step waits in its worker for up to 5 s, a source for up to 30 s."""

LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""A loop that is late by 0.5 s has missed a renewal of its leases."""

REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0)
"""Most requests take some milliseconds; one that waits for its job, up to a minute."""

# Steps

STEP_DURATION = AggregateHistogram(
    declared(
        "curator.step.duration",
        Kind.HISTOGRAM,
        "How long attempts at steps took, from the claim to the outcome, by what became of them.",
        ("type", "step", "outcome"),
        "s",
        STEP_SECONDS,
    )
)
STEP_FAILURES = counter(
    "curator.step.failures",
    "Attempts at steps that failed, are retried, were handed back or lost, by reason.",
    ("type", "step", "outcome", "reason"),
)
CLAIM_REFUSALS = counter(
    "curator.claim.refusals",
    "Wake-ups whose step could not be claimed: they came twice or late, or the job was cancelled.",
    ("reason",),
)
OUTCOME_REFUSALS = counter(
    "curator.outcome.refusals",
    "Outcomes that changed nothing: their lease had expired, or they were recorded before.",
)
STEPS_RUNNING = gauge("curator.steps.running", "Steps that run in this worker.")
SLOTS = gauge("curator.slots", "Steps that this worker can run at once.")
STAGE_DURATION = histogram(
    "curator.stage.duration",
    "How long the stages of an analysis took in the engine.",
    STAGE_SECONDS,
    ("stage",),
)
STAGE_FAILURES = counter(
    "curator.stage.failures",
    "Stages that failed, and whose result is a neutral value.",
    ("stage",),
)

# The engine

ENGINE_BATCHES = counter(
    "curator.engine.batches", "Batches that an engine was sent, by how they ended.", ("outcome",)
)
ENGINE_TASKS = counter("curator.engine.tasks", "Tasks in these batches, by kind.", ("task",))
ENGINE_TOKENS = counter(
    "curator.engine.tokens", "The weight of these tasks in tokens; a page or a feed counts as 256."
)
ENGINE_BUSY = counter("curator.engine.busy", "How long engines have worked on batches.", unit="s")
ENGINE_STARTS = counter(
    "curator.engine.starts",
    "Engines that became ready, were taken over from the worker before, or could not be started.",
    ("outcome",),
)
ENGINE_PENDING = gauge("curator.engine.pending", "Tasks that wait for the engine or run in it.")

# Fetching

FETCHES = counter(
    "curator.fetches",
    "Pages and documents that were wanted, by outcome: `ok`, the reason of the failure, "
    "`postponed` or `cancelled`.",
    ("kind", "outcome"),
)
FETCH_DURATION = histogram(
    "curator.fetch.duration",
    "How long these took, with all redirects and waits.",
    FETCH_SECONDS,
    ("kind",),
)
FETCHED = counter(
    "curator.fetched", "Bodies of pages and documents that sites sent, decompressed.", unit="By"
)
HOST_WAIT = histogram(
    "curator.host.wait",
    "How long requests waited in this process for the limits of their host and of the process.",
    WAIT_SECONDS,
)
SOURCE_SEARCHES = counter(
    "curator.source.searches",
    "Searches in sources, by outcome: `ok`, `empty`, or the reason of the failure.",
    ("source", "outcome"),
)
SOURCE_CANDIDATES = counter("curator.source.candidates", "Candidates that they found.", ("source",))

# Caches

CACHE_LOOKUPS = counter(
    "curator.cache.lookups",
    "Values that were looked for in the shared caches: `hit`, `miss`, or Redis was `unavailable`.",
    ("cache", "outcome"),
)
CACHE_TRAFFIC = counter(
    "curator.cache.traffic",
    "Values that were `read` and `written`, as they are stored.",
    ("cache", "direction"),
    unit="By",
)

# The process

REQUEST_DURATION = histogram(
    "http.server.request.duration",
    "How long requests took in web, until their response was sent.",
    REQUEST_SECONDS,
    ("http.request.method", "http.route", "http.response.status_code"),
)
LOOP_LAG = histogram(
    "curator.loop.lag", "How late the event loop was, twice a second.", LAG_SECONDS
)
LOOPS_RUNNING = gauge(
    "curator.background.running", "Supervised loops: 0 while one waits for its restart.", ("loop",)
)
LOOP_RESTARTS = observed_counter(
    "curator.background.restarts",
    "Restarts of supervised loops, by the type of the error that ended them.",
    ("loop", "error"),
)
PROCESS_CPU = observed_counter(
    "curator.process.cpu",
    "Processor time of this process (`own`) and of its engines (`engine`).",
    ("part",),
    unit="s",
)
PROCESS_MEMORY = gauge(
    "curator.process.memory", "Resident memory of this process and of its engine.", ("part",), "By"
)


@contextmanager
def counted_fetch(kind: str) -> Iterator[None]:
    """Counts one fetch of a `page` or a `document`."""
    outcome, started = "cancelled", time.monotonic()
    try:
        yield
        outcome = "ok"
    except HostBusy:
        outcome = "postponed"
        raise
    except StepError as error:
        outcome = error.reason
        raise
    except Exception:
        outcome = "internal_error"
        raise
    finally:
        FETCHES.add(1, {"kind": kind, "outcome": outcome})
        FETCH_DURATION.record(time.monotonic() - started, {"kind": kind})


def count_stages(stages: Sequence[StageRun]) -> None:
    """Of one page or text, as the engine timed them."""
    for stage in stages:
        labels = {"stage": stage.name}
        STAGE_DURATION.record((stage.ended_ns - stage.started_ns) / 1e9, labels)
        if stage.error:
            STAGE_FAILURES.add(1, labels)
