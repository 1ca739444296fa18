"""The ledgers that run the contract tests, and the helpers that these tests share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import redis

from tasks.composition import ledger_policy
from tasks.jobs.ids import job_id_from, new_job_id
from tasks.jobs.job import BatchAnalysis, Job, JobState
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.jobs.record import JobRecord
from tasks.jobs.step import Claim, Lease, StepRef
from tasks.ledger.keys import WAKE_LISTS
from tasks.ledger.memory import MemoryLedger
from tasks.ledger.redis import RedisLedger
from tasks.ledger.scripts import LedgerClock
from tasks.settings import Settings

START_MS = 1_800_000_000_000
WORKER = "worker-1"


class LedgerUnderTest(ABC):
    """A ledger whose clock the test sets, and whose wake-ups it pops as a worker would."""

    ledger: Ledger

    def __init__(self) -> None:
        self.now_ms = START_MS

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)

    @abstractmethod
    def pop(self) -> str | None:
        """The next wake-up, if there is one."""

    def pop_all(self) -> list[str]:
        popped = []
        while wakeup := self.pop():
            popped.append(wakeup)
        return popped


class RedisUnderTest(LedgerUnderTest):
    def __init__(self, ledger: RedisLedger, client: redis.Redis, settings: Settings) -> None:
        super().__init__()
        self.ledger = self._redis_ledger = ledger
        self._client = client
        self._lists = [settings.key_prefix + name for name in WAKE_LISTS]
        self.advance(0)

    def advance(self, seconds: float) -> None:
        """Shortens the time to live of every key as well, since the server counts it."""
        super().advance(seconds)
        self._redis_ledger.scripts.clock = LedgerClock(self.now_ms)
        for key in self._client.scan_iter():
            left_ms: Any = self._client.pttl(key)
            if left_ms > 0:
                self._client.pexpire(key, left_ms - round(seconds * 1000))

    def pop(self) -> str | None:
        for name in self._lists:
            wakeup = self._client.lpop(name)
            if isinstance(wakeup, bytes):
                return wakeup.decode()
        return None


class MemoryUnderTest(LedgerUnderTest):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.ledger = self._memory_ledger = MemoryLedger(
            ledger_policy(settings), lambda: self.now_ms
        )

    def pop(self) -> str | None:
        ref = self._memory_ledger.pop_wakeup()
        return str(ref) if ref else None


def a_job(urls: int = 2, **fields: object) -> Job:
    params = BatchAnalysis(urls=tuple(f"http://site.example/{n}" for n in range(urls)))
    job = Job(id=new_job_id(START_MS), params=params, submitted_ms=START_MS)
    return msgspec.structs.replace(job, **fields)


def nth_id(n: int) -> str:
    """Ids that sort by their number."""
    return job_id_from(START_MS + n, bytes(10))


def candidates(job: Job) -> list[Candidate]:
    assert isinstance(job.params, BatchAnalysis)
    return [Candidate(url=url) for url in job.params.urls]


def analysed(url: str) -> ArticleAnalysed:
    return ArticleAnalysed(url=url, result=msgspec.Raw(b'{"overall_score":50.0}'), evidence=b"e")


async def record(ledger: Ledger, job: Job) -> JobRecord:
    stored = await ledger.record(job.id)
    assert stored is not None
    return stored


async def state(ledger: Ledger, job: Job) -> JobState:
    return (await record(ledger, job)).state


async def claim(ledger: Ledger, job: Job, step: str) -> Lease:
    granted = await ledger.claim(StepRef.parse(f"{job.id}/{step}"), WORKER)
    assert isinstance(granted, Claim), granted
    return granted.lease


async def discover(ledger: Ledger, job: Job) -> None:
    lease = await claim(ledger, job, "discover")
    assert await ledger.discovered(lease, candidates(job), b"null")


async def analyse(ledger: Ledger, job: Job, index: int) -> None:
    lease = await claim(ledger, job, f"analyse:{index}")
    assert await ledger.settle(lease, analysed(candidates(job)[index].url))


async def complete(ledger: Ledger, job: Job) -> None:
    """Everything from `discover` to SUCCESS."""
    await discover(ledger, job)
    for index in range(len(candidates(job))):
        await analyse(ledger, job, index)
    assert await ledger.complete(await claim(ledger, job, "rank"), b'{"done":true}')
