"""A ledger in a real Valkey and one in memory, on the same clock, that must behave the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
import redis
from msgspec import Struct

from tasks.composition import ledger_policy
from tasks.jobs.job import TRANSITIONS, JobState, JobType
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleOutcome, Failure
from tasks.jobs.record import (
    ArticleRetries,
    AttemptRecord,
    HostWaits,
    JobRecord,
    QueueDepth,
    WorkerRecord,
)
from tasks.jobs.step import StepRef
from tasks.ledger.connection import connect
from tasks.ledger.keys import READY
from tasks.ledger.memory import MemoryLedger
from tasks.ledger.scripts import LedgerClock
from tasks.resources import build_ledger
from tasks.settings import Settings
from tests.contract.ledgers import START_MS

T = TypeVar("T")

STATES = list(JobState)
"""In the order of a job's life. The events of a job have each single change."""

MAX_JOBS = 1000


class View(Struct, frozen=True, kw_only=True):
    """Everything that a ledger returns about a job."""

    record: JobRecord
    outcomes: tuple[ArticleOutcome, ...]
    failures: tuple[Failure, ...]
    attempts: tuple[AttemptRecord, ...]
    evidence: dict[int, bytes]
    result: bytes | None
    waiting: HostWaits
    retrying: ArticleRetries


class Picture(Struct, frozen=True, kw_only=True):
    """Everything that a ledger returns."""

    jobs: dict[str, View]
    depth: QueueDepth
    workers: tuple[WorkerRecord, ...]


class LedgerPair:
    """Sends every call to both ledgers. One pair serves many examples; `begin` empties it."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._runner = asyncio.Runner()
        self._raw = redis.Redis.from_url(url)
        self._client = connect(url)
        self.begin()

    def begin(self) -> None:
        self._raw.flushall()
        self.sound = True
        """Whether the two have agreed so far."""
        self.now_ms = START_MS
        self.redis = build_ledger(self._client, self._settings)
        self.memory = MemoryLedger(ledger_policy(self._settings), lambda: self.now_ms)
        self._seen: dict[str, View] = {}
        self._attempts: dict[str, int] = {}
        self.advance(0)

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()
        self._raw.close()

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
        self.redis.scripts.clock = LedgerClock(self.now_ms)

    def both(self, call: Callable[[Ledger], Awaitable[T]]) -> T:
        """The reply that both ledgers gave."""

        async def ask() -> tuple[T, T]:
            return await call(self.redis), await call(self.memory)

        return self._same(*self._runner.run(ask()))

    def pop(self) -> StepRef | None:
        reply = self._raw.lpop(self._key(READY))
        wakeup = reply.decode() if isinstance(reply, bytes) else None
        expected = self.memory.pop_wakeup()
        return expected if self._same(wakeup, expected and str(expected)) else None

    def forget(self, job_id: str) -> None:
        """The job was purged."""
        self._seen.pop(job_id, None)
        self._attempts = {
            step: attempt for step, attempt in self._attempts.items() if job_id not in step
        }

    def active_jobs(self) -> int:
        return self.both(lambda ledger: ledger.depth()).active_jobs

    def compare(self) -> None:
        """Both ledgers return the same data, and it is consistent."""
        picture = self.both(_look)
        self.sound = False
        for job_id, view in picture.jobs.items():
            _check_view(view, self._seen.get(job_id, view))
        self._check_steps({job_id: view.record for job_id, view in picture.jobs.items()})
        self._seen = picture.jobs
        self.sound = True

    def check_events(self) -> None:
        """The events of an ended job are possible transitions, with one end as the last event."""
        for job_id in self._seen:
            events: Any = self._raw.xrange(self._key(f"job:{job_id}:events"))
            log = [(fields[b"type"], msgspec.json.decode(fields[b"data"])) for _, fields in events]
            states = [JobState(data["state"]) for kind, data in log if kind == b"state"]
            assert all(after in TRANSITIONS[before] for before, after in pairwise(states)), states
            assert [kind for kind, _ in log].index(b"end") == len(log) - 1

    def _check_steps(self, records: dict[str, JobRecord]) -> None:
        due: Any = self._raw.zrange(self._key("steps:due"), 0, -1)
        queued: Any = self._raw.zrange(self._key("steps:queued"), 0, -1)
        steps = {job_id: self._open_steps(job_id) for job_id in records}
        named = {f"{key}/{name}": step for key, of_job in steps.items() for name, step in of_job}
        deadlines = {member.decode() for member in due if member.endswith(b"/deadline")}
        assert {member.decode() for member in due} - deadlines == named.keys()
        assert {member.decode() for member in queued} == {
            name for name, step in named.items() if step[0] == "Q"
        }
        for job_id, record in records.items():
            has_deadline = f"{job_id}/deadline" in deadlines
            if record.state.final:
                assert not steps[job_id]
                assert not has_deadline
            else:
                assert len(steps[job_id]) <= self._settings.release_window
                waits_for = (records.get(dependency) for dependency in record.depends_on)
                assert steps[job_id] or any(job and not job.state.final for job in waits_for)
        for name, (_, attempt) in named.items():
            assert attempt >= self._attempts.get(name, 0), "an attempt's number was used again"
            self._attempts[name] = attempt

    def _open_steps(self, job_id: str) -> list[tuple[str, tuple[str, int]]]:
        stored: Any = self._raw.hgetall(self._key(f"job:{job_id}:steps"))
        parts = ((name.decode(), record.decode().split(" ")) for name, record in stored.items())
        return [(name, (state, int(attempt))) for name, (state, attempt, *_) in parts]

    def _same(self, of_redis: T, of_memory: T) -> T:
        self.sound = self.sound and of_redis == of_memory
        assert of_redis == of_memory
        return of_memory

    def _key(self, name: str) -> str:
        return self._settings.key_prefix + name


async def _look(ledger: Ledger) -> Picture:
    page, depth, workers = await asyncio.gather(
        ledger.jobs(list(JobState), list(JobType), None, MAX_JOBS),
        ledger.depth(),
        ledger.workers(),
    )
    views = await asyncio.gather(*(_view(ledger, record) for record in page.jobs))
    jobs = {view.record.id: view for view in views}
    return Picture(jobs=jobs, depth=depth, workers=workers)


async def _view(ledger: Ledger, record: JobRecord) -> View:
    page, failures, attempts, evidence, result, waiting = await asyncio.gather(
        ledger.outcomes(record.id, 0, record.total or 1),
        ledger.failures(record.id),
        ledger.attempts(record.id),
        ledger.evidence(record.id),
        ledger.result(record.id),
        ledger.waiting(record.id, 2),
    )
    return View(
        record=record,
        outcomes=page.outcomes,
        failures=failures,
        attempts=attempts,
        evidence=evidence,
        result=result,
        waiting=waiting,
        retrying=await ledger.retrying(record.id, 2),
    )


def _check_view(now: View, before: View) -> None:
    record, was = now.record, before.record
    assert record.settled == record.processed + record.failed == len(now.outcomes)
    assert record.failed == len(now.failures)
    assert STATES.index(record.state) >= STATES.index(was.state)
    assert record.retries >= was.retries
    assert _by_url(before) <= _by_url(now)
    assert not was.state.final or now == before, "a job that has ended has changed"


def _by_url(view: View) -> Any:
    return {outcome.url: outcome for outcome in view.outcomes}.items()
