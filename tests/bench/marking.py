"""A worker that writes down when each job's first step runs: `python -m … FILE`.

By the monotonic clock, which all processes of one machine share.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import uvloop

from tasks.jobs.job import Job
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.ports import Discovery
from tests.bench.noop import NOTHING, begin, work


class MarkingKind:
    """Its jobs have no articles, and do nothing but leave their mark."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def discover(self, job: Job) -> Discovery:
        os.write(self._file, f"{job.id} {time.monotonic_ns()}\n".encode())
        return Discovery(candidates=())

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        return ArticleAnalysed(url=candidate.url, result=NOTHING)

    async def rank(self, job: Job) -> bytes:
        return b"null"


if __name__ == "__main__":
    begin()
    uvloop.run(work(MarkingKind(Path(sys.argv[1]))))
