"""A real worker whose steps do nothing: `python -m tests.integration.noop_worker FOLDER`.

It appends the URL of each article that it runs to FOLDER/runs, and its process id to FOLDER/starts
at each start. An article with `hold` in its URL runs until there is FOLDER/release.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tasks.jobs.job import BatchAnalysis, Job, JobType
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.logs import configure_logging
from tasks.ports import Discovery, Kind
from tasks.settings import Settings, read_settings
from tasks.worker.worker import WorkerExit, serve_kinds, shutdown_by_signal
from tests.processes import end_with_starter
from tests.waiting import wait_until

HELD_SECONDS = 60.0


def append(file: Path, line: object) -> None:
    with file.open("a") as opened:
        opened.write(f"{line}\n")


class NoopKind:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def discover(self, job: Job) -> Discovery:
        urls = msgspec.convert(job.params, BatchAnalysis).urls
        return Discovery(candidates=tuple(Candidate(url=url) for url in urls))

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        append(self._folder / "runs", candidate.url)
        if "hold" in candidate.url:
            release = self._folder / "release"
            await wait_until(release.exists, "the release", timeout=HELD_SECONDS)
        return ArticleAnalysed(url=candidate.url, result=msgspec.Raw(b"{}"))

    async def rank(self, job: Job) -> bytes:
        return b"{}"


async def run(settings: Settings, folder: Path) -> WorkerExit:
    def kinds_for(ledger: Ledger, worker: str) -> Mapping[JobType, Kind]:
        return {JobType.BATCH_ANALYSIS: NoopKind(folder)}

    with shutdown_by_signal() as shutdown:
        append(folder / "starts", os.getpid())
        return await serve_kinds(settings, kinds_for, shutdown)


def main(folder: Path) -> None:
    end_with_starter()
    settings = read_settings(os.environ)
    configure_logging(settings.worker_log_level)
    if asyncio.run(run(settings, folder)).recycle:
        again = [sys.executable, "-m", "tests.integration.noop_worker", *sys.argv[1:]]
        os.execv(sys.executable, again)  # noqa: S606 - the very command that runs now


if __name__ == "__main__":
    main(Path(sys.argv[1]))
