"""A real worker whose one type of job does nothing: `python -m tests.bench.noop`.

Everything else is the product: Taskiq's receiver, claims, leases, finishes, events, traces, logs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping

import msgspec
import uvloop

from tasks.job import ArticleAnalysed, BatchAnalysis, Candidate, Job, JobType
from tasks.kinds import Discovery, Kind
from tasks.lifeline import die_with_parent
from tasks.logs import configure_logging
from tasks.ports import Ledger
from tasks.settings import read_settings
from tasks.telemetry import configure_tracing
from tasks.worker import serve_kinds
from tests.bench.peers.round import Round

NOTHING = msgspec.Raw(b"null")


class NoopKind:
    """Its articles are the given URLs; to analyse one is to count it."""

    def __init__(self, count: Callable[[], None]) -> None:
        self._count = count

    async def discover(self, job: Job) -> Discovery:
        params = msgspec.convert(job.params, BatchAnalysis)
        return Discovery(candidates=tuple(Candidate(url=url) for url in params.urls))

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        self._count()
        return ArticleAnalysed(url=candidate.url, result=NOTHING)

    async def rank(self, job: Job) -> bytes:
        return b"null"


async def main() -> None:
    kind = NoopKind(Round().count)

    def kinds_for(ledger: Ledger, worker: str) -> Mapping[JobType, Kind]:
        return {JobType.BATCH_ANALYSIS: kind}

    await serve_kinds(read_settings(os.environ), kinds_for, asyncio.Event(), asyncio.Event())


if __name__ == "__main__":
    die_with_parent()
    configure_logging("INFO")
    configure_tracing("curator-worker", {})
    uvloop.run(main())
