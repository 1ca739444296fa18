"""Logs the end of each job, once, whatever ended it: a step, a cancel, a deadline, the reaper, or
the end of a job that it waited for.

The ledger keeps the ids of jobs that have ended since, and gives each to one process. So a step
costs nothing for it. A line is missing only if that process dies at this moment, or if the job is
purged at once.
"""

from __future__ import annotations

import logging

import structlog

from tasks.jobs.ledger_port import Ledger
from tasks.jobs.record import JobRecord
from tasks.logs import trace_of

log = structlog.get_logger(__name__)

BATCH = 100


async def log_ended(ledger: Ledger) -> None:
    """One line for each job that has ended since, unless this process logs no such lines.

    Raises LedgerUnavailable.
    """
    while log.is_enabled_for(logging.INFO) and (ids := await ledger.take_ended(BATCH)):
        for record in await ledger.records(ids):
            _log(record)


def _log(record: JobRecord) -> None:
    finished_ms = record.submitted_ms if record.finished_ms is None else record.finished_ms
    log.info(
        "job ended",
        job_id=record.id,
        type=record.type,
        state=record.state,
        seconds=(finished_ms - record.submitted_ms) / 1000,
        articles=record.total,
        failed=record.failed,
        error=record.error,
        **trace_of(record.traceparent),
    )
