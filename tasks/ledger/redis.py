"""The ledger on Redis: each change is one atomic script, each question a plain read."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from redis.asyncio import Redis

from tasks.job import Job
from tasks.ledger.keys import (
    IDEMPOTENCY_KEPT_S,
    WORKER_FORGOTTEN_MS,
)
from tasks.ledger.reader import RedisReader
from tasks.ledger.scripts import Scripts
from tasks.outcome import ArticleAnalysed, Candidate
from tasks.record import (
    CancelOutcome,
    IdempotencyKey,
    Reaped,
    SubmitOutcome,
    SubmitVerdict,
)
from tasks.settings import Settings
from tasks.step import Claim, ClaimRefusal, Lease, LeaseVerdict, Renewal, StepRef

NO_HOST = "-"
"""What stands in the record of a step that waits for none."""

JOBS_KNOWN = 1024
"""Jobs that a worker keeps decoded, so that each of their articles need not bring it along."""


class RedisLedger(RedisReader):
    """See `tasks.ports.Ledger` for what each call promises, `keys` for what stands where."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        scripts = Scripts(redis, _constants(settings, slots=0), settings.key_prefix)
        super().__init__(redis, scripts, settings.key_prefix)
        self._settings = settings
        self._jobs: dict[str, Job] = {}

    async def submit(self, job: Job, idempotency: IdempotencyKey | None = None) -> SubmitOutcome:
        verdict, job_id = await self.scripts.run(
            "submit",
            job.id,
            msgspec.msgpack.encode(job),
            job.type,
            job.priority,
            job.submitted_ms,
            job.traceparent or "",
            _or_empty(job.not_before_ms),
            _or_empty(job.deadline_ms),
            job.replayed_from or "",
            idempotency.key_digest if idempotency else "",
            idempotency.submission_digest if idempotency else "",
            IDEMPOTENCY_KEPT_S,
            job.about or "",
            *dict.fromkeys(job.depends_on),
        )
        return SubmitOutcome(SubmitVerdict(verdict.decode()), job_id.decode())

    async def claim(self, ref: StepRef, worker: str, call: str = "") -> Claim | ClaimRefusal:
        known = self._jobs.get(ref.job_id)
        reply = await self.scripts.run(
            "claim", ref.job_id, ref.name, worker, "0" if known else "1", call
        )
        if isinstance(reply, bytes):
            return ClaimRefusal(reply.decode())
        attempt, tries, job, candidate = reply
        return Claim(
            lease=Lease(ref=ref, attempt=attempt, tries=tries, worker=worker),
            job=known or self._know(msgspec.msgpack.decode(job, type=Job)),
            candidate=msgspec.json.decode(candidate, type=Candidate) if candidate else None,
        )

    async def renew(self, worker: str, description: bytes, leases: Sequence[Lease]) -> Renewal:
        named = [part for lease in leases for part in _fence(lease)]
        paused, draining, slots, *verdicts = await self.scripts.run(
            "renew", worker, description, *named
        )
        self.scripts.constants = _constants(self._settings, int(slots))
        return Renewal(
            verdicts=tuple(LeaseVerdict(verdict.decode()) for verdict in verdicts),
            paused=paused == b"1",
            draining=draining == b"1",
            slots=int(slots),
        )

    async def discovered(
        self, lease: Lease, candidates: Sequence[Candidate], report: bytes
    ) -> bool:
        encoded = [msgspec.json.encode(candidate) for candidate in candidates]
        job_id, _, attempt = _fence(lease)
        return bool(await self.scripts.run("discovered", job_id, attempt, report, *encoded))

    async def settle(self, lease: Lease, outcome: ArticleAnalysed) -> bool:
        public = msgspec.json.encode(
            {"type": "analysed", "url": outcome.url, "result": outcome.result}
        )
        return bool(await self.scripts.run("settle", *_fence(lease), public, outcome.evidence))

    async def complete(self, lease: Lease, result: bytes) -> bool:
        job_id, _, attempt = _fence(lease)
        return bool(await self.scripts.run("complete", job_id, attempt, result))

    async def fail(self, lease: Lease, reason: str, detail: str) -> bool:
        return bool(await self.scripts.run("fail", *_fence(lease), reason, detail))

    async def retry(
        self, lease: Lease, delay: float, reason: str, detail: str, host: str | None = None
    ) -> bool:
        delay_ms = round(delay * 1000)
        reply = await self.scripts.run(
            "retry", *_fence(lease), delay_ms, reason, detail, host or NO_HOST
        )
        return bool(reply != b"lost")

    async def postpone(self, lease: Lease, delay: float, host: str) -> bool:
        return bool(await self.scripts.run("postpone", *_fence(lease), round(delay * 1000), host))

    async def hand_back(self, lease: Lease) -> bool:
        return bool(await self.scripts.run("hand_back", *_fence(lease)))

    async def cancel(self, job_id: str) -> CancelOutcome:
        return CancelOutcome((await self.scripts.run("cancel", job_id)).decode())

    async def purge(self, job_id: str) -> bool:
        return bool(await self.scripts.run("purge", job_id))

    async def reap(self, limit: int = 100, *, lenient: bool = False) -> Reaped:
        woken, lost, started, expired, looked_at = await self.scripts.run(
            "reap", limit, WORKER_FORGOTTEN_MS, int(lenient)
        )
        return Reaped(woken=woken, lost=lost, started=started, expired=expired, looked_at=looked_at)

    async def pause(self) -> None:
        await self.scripts.run("pause", 1)

    async def resume(self) -> None:
        await self.scripts.run("pause", 0)

    async def drain(self, worker: str) -> bool:
        return bool(await self.scripts.run("drain", worker))

    def _know(self, job: Job) -> Job:
        while len(self._jobs) >= JOBS_KNOWN:
            del self._jobs[next(iter(self._jobs))]
        self._jobs[job.id] = job
        return job


def _constants(settings: Settings, slots: int) -> tuple[int, ...]:
    """What the prelude of the scripts reads from its third argument on."""
    return (
        round(settings.wakeup_grace * 1000),
        round(settings.lease_seconds * 1000),
        settings.window(slots),
        settings.max_attempts,
        settings.result_ttl,
        settings.job_ttl,
    )


def _fence(lease: Lease) -> tuple[str, str, int]:
    return lease.ref.job_id, lease.ref.name, lease.attempt


def _or_empty(number: int | None) -> str | int:
    return "" if number is None else number
