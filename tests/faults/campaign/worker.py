"""A worker of a campaign: the real one, on a ledger and an engine that record what they do.

SIGUSR1 makes it kill its engine: only the parent of a process knows its id for certain.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from redis.asyncio import Redis

from tasks.cache.memory import MemoryCache
from tasks.composition import analysis_cache, curation_policy, ledger_policy, source_policy
from tasks.jobs.job import JobType
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.jobs.step import Claim, ClaimRefusal, Lease, NextClaim, StepEnd, StepRef
from tasks.kinds.job_types import build_kinds
from tasks.ledger.redis import RedisLedger
from tasks.logs import configure_logging
from tasks.ports import Kind
from tasks.resources import build_engine
from tasks.settings import Settings, read_settings
from tasks.sources.search import build_sources
from tasks.worker.worker import serve_kinds, shutdown_by_signal
from tests.faults.campaign.journal import Journal, What
from tests.faults.campaign.site import Site
from tests.processes import end_with_starter


class JournalLedger(RedisLedger):
    """Records what the ledger has accepted."""

    def __init__(self, redis: Redis, settings: Settings, journal: Journal) -> None:
        super().__init__(redis, ledger_policy(settings), settings.key_prefix)
        self._journal = journal

    async def claim(self, ref: StepRef, worker: str, call: str = "") -> Claim | ClaimRefusal:
        claim = await super().claim(ref, worker, call)
        if isinstance(claim, Claim):
            self._claimed(claim)
        return claim

    def _claimed(self, claim: Claim) -> None:
        url = claim.candidate.url if claim.candidate else ""
        self._journal.write("claimed", step=str(claim.lease.ref), url=url)

    def _ended(self, what: What, lease: Lease, end: StepEnd) -> StepEnd:
        self._accepted(what, lease, end.accepted)
        if end.next:
            self._claimed(end.next)
        return end

    async def discovered(
        self,
        lease: Lease,
        candidates: Sequence[Candidate],
        report: bytes,
        then: NextClaim | None = None,
    ) -> StepEnd:
        end = await super().discovered(lease, candidates, report, then)
        return self._ended("ended", lease, end)

    async def settle(
        self, lease: Lease, outcome: ArticleAnalysed, then: NextClaim | None = None
    ) -> StepEnd:
        return self._ended("settled", lease, await super().settle(lease, outcome, then))

    async def complete(self, lease: Lease, result: bytes, then: NextClaim | None = None) -> StepEnd:
        return self._ended("ended", lease, await super().complete(lease, result, then))

    async def fail(self, lease: Lease, reason: str, detail: str) -> bool:
        return self._accepted("failed", lease, await super().fail(lease, reason, detail))

    async def retry(
        self, lease: Lease, delay: float, reason: str, detail: str, host: str | None = None
    ) -> bool:
        accepted = await super().retry(lease, delay, reason, detail, host)
        return self._accepted("ended", lease, accepted)

    async def postpone(self, lease: Lease, delay: float, host: str) -> bool:
        return self._accepted("ended", lease, await super().postpone(lease, delay, host))

    async def hand_back(self, lease: Lease) -> bool:
        return self._accepted("ended", lease, await super().hand_back(lease))

    def _accepted(self, what: What, lease: Lease, accepted: bool) -> bool:
        if accepted:
            self._journal.write(what, step=str(lease.ref))
        return accepted


async def main(folder: Path, actor: str) -> None:
    settings = read_settings(os.environ)
    configure_logging(settings.worker_log_level)
    journal = Journal(folder, actor)
    engine = build_engine(settings, module="tests.faults.campaign.child")

    site = Site()

    def kinds_for(ledger: Ledger, worker: str) -> Mapping[JobType, Kind]:
        return build_kinds(
            curation_policy(settings),
            ledger=ledger,
            engine=engine,
            fetcher=site,
            sources=build_sources(source_policy(settings), site, engine),
            analyses=analysis_cache(MemoryCache(0), settings),
            worker=worker,
        )

    def ledger_on(redis: Redis, settings: Settings) -> RedisLedger:
        return JournalLedger(redis, settings, journal)

    def kill_engine() -> None:
        if engine.pid is not None:
            journal.write("killed", kind="engine")
            with contextlib.suppress(ProcessLookupError):
                os.kill(engine.pid, signal.SIGKILL)

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, kill_engine)
    with shutdown_by_signal() as shutdown:
        try:
            await engine.start()
            (folder / actor).touch()
            await serve_kinds(settings, kinds_for, shutdown, ledger_on)
        finally:
            await engine.stop()


if __name__ == "__main__":
    end_with_starter()
    asyncio.run(main(Path(os.environ["CAMPAIGN_FOLDER"]), os.environ["CAMPAIGN_ACTOR"]))
