"""Ours with a type of job that does nothing: `python -m tests.bench.noop submit all|N`, or `work`.

Everything else is the product: Taskiq's receiver, claims, leases, finishes, events, traces, logs.
`submit` makes one job of all the articles, or jobs of N.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping

import msgspec
import uvloop

from tasks.jobs.job import BatchAnalysis, Job, JobType
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.jobs.submission import Submission
from tasks.logs import configure_logging
from tasks.machine import collect_less_garbage
from tasks.ports import Discovery, Kind
from tasks.resources import open_queue
from tasks.settings import read_settings
from tasks.supervision import die_with_parent
from tasks.telemetry.tracing import configure_tracing
from tasks.worker.worker import Shutdown, serve_kinds
from tests.bench.children import PARENT_PID
from tests.bench.peers.command import enqueue_together
from tests.bench.peers.round import Round

NOTHING = msgspec.Raw(b"null")


class NoopKind:
    """Its articles are the given URLs. All that a step does is to be counted."""

    def __init__(self, count: Callable[[], None]) -> None:
        self._count = count

    async def discover(self, job: Job) -> Discovery:
        self._count()
        params = msgspec.convert(job.params, BatchAnalysis)
        return Discovery(candidates=tuple(Candidate(url=url) for url in params.urls))

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        self._count()
        return ArticleAnalysed(url=candidate.url, result=NOTHING)

    async def rank(self, job: Job) -> bytes:
        self._count()
        return b"null"


def a_batch(articles: int) -> Submission:
    urls = tuple(f"http://site.example/{number}" for number in range(articles))
    return Submission(params=BatchAnalysis(urls=urls))


async def submit(this: Round, articles: int) -> None:
    batch = a_batch(articles)
    async with open_queue(read_settings(os.environ)) as queue:
        began = time.perf_counter()
        await enqueue_together(this.tasks // articles, lambda: queue.submit(batch))
        this.enqueued(time.perf_counter() - began)


async def work(kind: Kind) -> None:
    """A worker with this one type of job, until it is ended."""

    def kinds_for(ledger: Ledger, worker: str) -> Mapping[JobType, Kind]:
        return {JobType.BATCH_ANALYSIS: kind}

    await serve_kinds(read_settings(os.environ), kinds_for, Shutdown())


def begin() -> None:
    """What `curator worker` does first."""
    if parent_pid := os.environ.get(PARENT_PID):  # none where it is run by hand
        die_with_parent(int(parent_pid))
    settings = read_settings(os.environ)
    configure_logging(settings.worker_log_level)
    configure_tracing("curator-worker", {}, settings.trace_sample_ratio)
    collect_less_garbage()


def main(command: str, articles: str = "all") -> None:
    begin()
    this = Round()
    if command == "work":
        uvloop.run(work(NoopKind(this.count)))
    else:
        uvloop.run(submit(this, this.tasks if articles == "all" else int(articles)))


if __name__ == "__main__":
    main(*sys.argv[1:])
