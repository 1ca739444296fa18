"""The ledger in Redis. `RedisReader` has the queries, which are plain reads; `RedisLedger` adds the
changes, one script each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis

from tasks.jobs.job import ACTIVE_STATES, Job, JobState, JobType
from tasks.jobs.outcome import ArticleAnalysed, ArticleOutcome, Candidate, Failure, OutcomePage
from tasks.jobs.record import (
    ArticleRetries,
    ArticleRetry,
    AttemptRecord,
    CancelOutcome,
    HostWait,
    HostWaits,
    IdempotencyKey,
    JobPage,
    JobRecord,
    KeepRefusal,
    QueueDepth,
    ReapOutcome,
    SubmitOutcome,
    SubmitVerdict,
    WorkerRecord,
)
from tasks.jobs.step import (
    Claim,
    ClaimRefusal,
    Lease,
    LeaseVerdict,
    NextClaim,
    Renewal,
    StepEnd,
    StepRef,
)
from tasks.ledger.connection import redis_errors_as_unavailable
from tasks.ledger.key_prefix import KeyPrefix
from tasks.ledger.keys import (
    IDEMPOTENCY_KEPT_S,
    READY,
    WORKER_FORGOTTEN_MS,
    index_key,
    job_key,
)
from tasks.ledger.scripts import Scripts
from tasks.policies import LedgerPolicy, UsageBounds

log = structlog.get_logger(__name__)

NO_HOST = "-"
"""In the record of a step: it waits for no host."""

MAX_CACHED_JOBS = 1024
"""Decoded jobs that a worker keeps, so that the claims of their articles need not return them."""

RECORD_FIELDS = tuple(name for name in JobRecord.__struct_fields__ if name != "id")


class RedisReader:
    """See `tasks.jobs.ledger_port.JobReader` for the contract of each call, `keys` for the keys."""

    def __init__(self, redis: Redis, scripts: Scripts, policy: LedgerPolicy) -> None:
        self.scripts = scripts
        self._policy = policy
        self._redis = redis

    async def now_ms(self) -> int:
        return await self.scripts.now_ms()

    async def record(self, job_id: str) -> JobRecord | None:
        with redis_errors_as_unavailable():
            values: Any = await self._redis.hmget(self._key(job_id), RECORD_FIELDS)
        return _record(job_id, values)

    async def records(self, job_ids: Sequence[str]) -> tuple[JobRecord, ...]:
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.hmget(self._key(job_id), RECORD_FIELDS)
        with redis_errors_as_unavailable():
            rows = await pipeline.execute() if job_ids else []
        records = (_readable_record(id_, row) for id_, row in zip(job_ids, rows, strict=True))
        return tuple(record for record in records if record)

    async def job(self, job_id: str) -> Job | None:
        with redis_errors_as_unavailable():
            text: Any = await self._redis.hget(self._key(job_id), "job")
        return msgspec.msgpack.decode(text, type=Job) if text else None

    async def failures(self, job_id: str) -> tuple[Failure, ...]:
        with redis_errors_as_unavailable():
            rows = await self._redis.lrange(self._key(job_id, "failures"), 0, -1)
        return tuple(msgspec.json.decode(row, type=Failure) for row in rows)

    async def attempts(self, job_id: str) -> tuple[AttemptRecord, ...]:
        with redis_errors_as_unavailable():
            rows = await self._redis.lrange(self._key(job_id, "attempts"), 0, -1)
        return tuple(msgspec.json.decode(row, type=AttemptRecord) for row in rows)

    async def waiting(self, job_id: str, limit: int) -> HostWaits:
        count, *first = await self.scripts.run("waiting", job_id, limit, "host")
        return HostWaits(count=count, first=tuple(_host_wait(*row) for row in first))

    async def retrying(self, job_id: str, limit: int) -> ArticleRetries:
        count, *first = await self.scripts.run("waiting", job_id, limit, "retry")
        return ArticleRetries(count=count, first=tuple(_retry(*row) for row in first))

    async def discovery(self, job_id: str) -> bytes | None:
        with redis_errors_as_unavailable():
            report: Any = await self._redis.hget(self._key(job_id), "discovery")
        return bytes(report) if report else None

    async def result(self, job_id: str) -> bytes | None:
        with redis_errors_as_unavailable():
            text: Any = await self._redis.get(self._key(job_id, "result"))
        return bytes(text) if text else None

    async def outcomes(self, job_id: str, start: int, limit: int) -> OutcomePage:
        indexes = range(start, start + limit)
        with redis_errors_as_unavailable():
            total = int(await self._redis.hget(self._key(job_id), "total") or 0)
            rows = await self._redis.hmget(self._key(job_id, "outcomes"), list(indexes))
        return OutcomePage(
            outcomes=tuple(msgspec.json.decode(row, type=ArticleOutcome) for row in rows if row),
            next_cursor=indexes.stop if indexes.stop < total else None,
        )

    async def evidence(self, job_id: str) -> dict[int, bytes]:
        with redis_errors_as_unavailable():
            rows: Any = await self._redis.hgetall(self._key(job_id, "evidence"))
        return {int(index): value for index, value in rows.items()}

    async def jobs(
        self,
        states: Sequence[JobState],
        types: Sequence[JobType],
        cursor: str | None,
        limit: int,
    ) -> JobPage:
        """Reads the newest ids of each index. The newest of all these are the page."""
        pipeline = self._redis.pipeline(transaction=False)
        for state in states:
            for job_type in types:
                pipeline.zrange(
                    self._prefix + index_key(state, job_type),
                    f"({cursor}" if cursor else "+",
                    "-",
                    desc=True,
                    bylex=True,
                    offset=0,
                    num=limit + 1,
                )
        with redis_errors_as_unavailable():
            pages = await pipeline.execute()
        newest = sorted({job_id for page in pages for job_id in page}, reverse=True)
        page = [job_id.decode() for job_id in newest[:limit]]
        return JobPage(
            jobs=await self.records(page),
            next_cursor=page[-1] if len(newest) > limit else None,
        )

    async def depth(self) -> QueueDepth:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.time()
        pipeline.zcard(self._prefix + "steps:due")
        pipeline.zcard(self._prefix + "steps:queued")
        pipeline.zrange(self._prefix + "steps:queued", 0, 0, withscores=True)
        pipeline.zrange(self._prefix + "workers", 0, -1, withscores=True)
        pipeline.exists(self._prefix + "paused")
        pipeline.llen(self._prefix + READY)
        for state in ACTIVE_STATES:
            for job_type in JobType:
                pipeline.zcard(self._prefix + index_key(state, job_type))
        with redis_errors_as_unavailable():
            (
                time,
                outstanding,
                queued,
                oldest,
                workers,
                paused,
                ready,
                *active,
            ) = await pipeline.execute()
        now_ms = self._now_ms(time)
        return QueueDepth(
            active_jobs=sum(active),
            queued=queued,
            outstanding=outstanding,
            oldest_queued_ms=max(0, now_ms - int(oldest[0][1])) if oldest else None,
            workers=sum(not self._is_silent(int(seen_ms), now_ms) for _, seen_ms in workers),
            ready=ready,
            paused=bool(paused),
        )

    async def workers(self) -> tuple[WorkerRecord, ...]:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.time()
        pipeline.zrange(self._prefix + "workers", 0, -1, withscores=True)
        pipeline.hgetall(self._prefix + "workers:info")
        pipeline.smembers(self._prefix + "workers:draining")
        with redis_errors_as_unavailable():
            time, seen, descriptions, draining = await pipeline.execute()
        now_ms = self._now_ms(time)
        records = (
            WorkerRecord.described(
                worker.decode(),
                descriptions.get(worker, b"{}"),
                seen_ms=int(seen_ms),
                draining=worker in draining,
                silent=self._is_silent(int(seen_ms), now_ms),
            )
            for worker, seen_ms in seen
        )
        return tuple(sorted(records, key=lambda worker: worker.id))

    def _is_silent(self, seen_ms: int, now_ms: int) -> bool:
        return now_ms - seen_ms >= self._policy.silent_ms

    def _now_ms(self, time: tuple[int, int]) -> int:
        """The time of the ledger's clock, when the server's clock has this time."""
        if self.scripts.clock.now_ms is not None:
            return self.scripts.clock.now_ms
        seconds, micros = time
        return seconds * 1000 + micros // 1000

    @property
    def _prefix(self) -> str:
        return self.scripts.key_prefix.text

    def _key(self, job_id: str, part: str | None = None) -> str:
        return self._prefix + job_key(job_id, part)


class RedisLedger(RedisReader):
    """See `tasks.jobs.ledger_port.Ledger` for the contract of each call, `keys` for the keys."""

    def __init__(self, redis: Redis, policy: LedgerPolicy, key_prefix: str) -> None:
        scripts = Scripts(redis, _constants(policy), KeyPrefix(key_prefix))
        super().__init__(redis, scripts, policy)
        self._jobs: dict[str, Job] = {}

    async def submit(self, job: Job, idempotency: IdempotencyKey | None = None) -> SubmitOutcome:
        verdict, about = await self.scripts.run(
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
            idempotency.name if idempotency else "",
            idempotency.submission_digest if idempotency else "",
            IDEMPOTENCY_KEPT_S,
            job.about or "",
            job.caller,
            job.article_count,
            *_bounds(self._policy.caller_bounds),
            *_bounds(self._policy.all_bounds),
            _or_empty(job.result_ttl_seconds),
            *dict.fromkeys(job.depends_on),
        )
        match SubmitVerdict(verdict.decode()):
            case SubmitVerdict.CALLER_FULL | SubmitVerdict.LEDGER_FULL as full:
                return SubmitOutcome(full, "", about.decode())
            case other:
                return SubmitOutcome(other, about.decode())

    async def check_accepts_work(self) -> None:
        await self.scripts.run("accepts_work")

    async def claim(self, ref: StepRef, worker: str, claim_id: str = "") -> Claim | ClaimRefusal:
        job = self._jobs.get(ref.job_id)
        reply = await self.scripts.run(
            "claim", ref.job_id, ref.name, worker, "0" if job else "1", claim_id
        )
        if isinstance(reply, bytes):
            return ClaimRefusal(reply.decode())
        return self._granted(ref, worker, reply, job)

    def _granted(self, ref: StepRef, worker: str, reply: list[Any], job: Job | None) -> Claim:
        """From the reply of `claim_step`, which has the job if that is not known."""
        attempt, tries, encoded_job, candidate, waited_ms = reply
        if job is None:
            job = msgspec.msgpack.decode(encoded_job, type=Job)
            self._cache(job)
        return Claim(
            lease=Lease(ref=ref, attempt=attempt, tries=tries, worker=worker),
            job=job,
            candidate=msgspec.json.decode(candidate, type=Candidate) if candidate else None,
            waited_ms=None if waited_ms < 0 else waited_ms,
        )

    async def renew(self, worker: str, description: bytes, leases: Sequence[Lease]) -> Renewal:
        fences = [part for lease in leases for part in _fence(lease)]
        paused, draining, slots, callers, *verdicts = await self.scripts.run(
            "renew", worker, description, *fences
        )
        self.scripts.constants = _constants(
            self._policy, int(slots), self._policy.caller_window(int(slots), int(callers))
        )
        return Renewal(
            verdicts=tuple(LeaseVerdict(verdict.decode()) for verdict in verdicts),
            paused=paused == b"1",
            draining=draining == b"1",
            slots=int(slots),
        )

    async def discovered(
        self,
        lease: Lease,
        candidates: Sequence[Candidate],
        report: bytes,
        then: NextClaim | None = None,
    ) -> StepEnd:
        encoded = [msgspec.json.encode(candidate) for candidate in candidates]
        job_id, _, attempt = _fence(lease)
        reply = await self.scripts.run(
            "discovered", job_id, attempt, report, *_asked(lease, then), *encoded
        )
        return await self._step_end(lease, reply)

    async def settle(
        self, lease: Lease, outcome: ArticleAnalysed, then: NextClaim | None = None
    ) -> StepEnd:
        public = msgspec.json.encode(
            {"type": "analysed", "url": outcome.url, "result": outcome.result}
        )
        reply = await self.scripts.run(
            "settle", *_fence(lease), public, outcome.evidence, *_asked(lease, then)
        )
        return await self._step_end(lease, reply)

    async def complete(self, lease: Lease, result: bytes, then: NextClaim | None = None) -> StepEnd:
        job_id, _, attempt = _fence(lease)
        reply = await self.scripts.run("complete", job_id, attempt, result, *_asked(lease, then))
        return await self._step_end(lease, reply)

    async def _step_end(self, lease: Lease, reply: list[Any]) -> StepEnd:
        accepted, *claim = reply
        if not claim:
            return StepEnd(accepted=bool(accepted))
        wakeup, *granted = claim
        ref = StepRef.parse(wakeup.decode())
        job = self._jobs.get(ref.job_id)
        if job is None and ref.job_id == lease.ref.job_id:  # which the script does not return
            job = await self.job(ref.job_id)
        return StepEnd(accepted=True, next=self._granted(ref, lease.worker, granted, job))

    async def fail(self, lease: Lease, reason: str, detail: str) -> bool:
        return bool(await self.scripts.run("fail", *_fence(lease), reason, detail))

    async def retry(
        self, lease: Lease, delay_seconds: float, reason: str, detail: str, host: str | None = None
    ) -> bool:
        delay_ms = round(delay_seconds * 1000)
        reply = await self.scripts.run(
            "retry", *_fence(lease), delay_ms, reason, detail, host or NO_HOST
        )
        return bool(reply != b"lost")

    async def postpone(self, lease: Lease, delay_seconds: float, host: str) -> bool:
        return bool(
            await self.scripts.run("postpone", *_fence(lease), round(delay_seconds * 1000), host)
        )

    async def hand_back(self, lease: Lease) -> bool:
        return bool(await self.scripts.run("hand_back", *_fence(lease)))

    async def cancel(self, job_id: str) -> CancelOutcome:
        return CancelOutcome((await self.scripts.run("cancel", job_id)).decode())

    async def purge(self, job_id: str) -> bool:
        return bool(await self.scripts.run("purge", job_id))

    async def keep(self, job_id: str, seconds: int) -> int | KeepRefusal:
        reply = (await self.scripts.run("keep", job_id, seconds)).decode()
        return int(reply) if reply.isdigit() else KeepRefusal(reply)

    async def reap(self, limit: int = 100, *, lenient: bool = False) -> ReapOutcome:
        woken, lost, started, expired, examined = await self.scripts.run(
            "reap", limit, WORKER_FORGOTTEN_MS, int(lenient)
        )
        return ReapOutcome(
            woken=woken, lost=lost, started=started, expired=expired, examined=examined
        )

    async def take_ended(self, limit: int) -> tuple[str, ...]:
        with redis_errors_as_unavailable():
            ids: Any = await self._redis.lpop(self._prefix + "jobs:ended", limit)
        return tuple(job_id.decode() for job_id in ids or ())

    async def pause(self) -> None:
        await self.scripts.run("pause", 1)

    async def resume(self) -> None:
        await self.scripts.run("pause", 0)

    async def drain(self, worker: str) -> bool:
        return bool(await self.scripts.run("drain", worker))

    def _cache(self, job: Job) -> None:
        while len(self._jobs) >= MAX_CACHED_JOBS:
            del self._jobs[next(iter(self._jobs))]
        self._jobs[job.id] = job


def _constants(policy: LedgerPolicy, slots: int = 0, caller_window: int = 0) -> tuple[int, ...]:
    """The arguments that the prelude of the scripts reads, from its third on.

    Only workers learn the number of callers. Other processes use the window that they have stored.
    """
    return (
        round(policy.wakeup_grace_seconds * 1000),
        round(policy.lease_seconds * 1000),
        policy.window(slots),
        policy.max_tries,
        policy.result_ttl_seconds,
        policy.record_ttl_seconds,
        caller_window,
    )


def _bounds(bounds: UsageBounds) -> tuple[int, int, int]:
    return bounds.jobs, bounds.articles, bounds.bytes


def _fence(lease: Lease) -> tuple[str, str, int]:
    return lease.ref.job_id, lease.ref.name, lease.attempt


def _asked(lease: Lease, then: NextClaim | None) -> tuple[str, str, str]:
    """The arguments of `ended` in `lua/_claim.lua`."""
    return ("", "", "") if then is None else (lease.worker, then.claim_id, "01"[then.alone])


def _or_empty(number: int | None) -> str | int:
    return "" if number is None else number


def _host_wait(candidate: bytes, host: bytes, until_ms: int) -> HostWait:
    url = msgspec.json.decode(candidate, type=Candidate).url
    return HostWait(url=url, host=host.decode(), until_ms=until_ms)


def _retry(candidate: bytes, _: bytes, at_ms: int) -> ArticleRetry:
    url = msgspec.json.decode(candidate, type=Candidate).url
    return ArticleRetry(url=url, at_ms=at_ms)


def _readable_record(job_id: str, values: Sequence[bytes | None]) -> JobRecord | None:
    """None for a record that cannot be read: it must not hide the others of a listing."""
    try:
        return _record(job_id, values)
    except (ValueError, msgspec.ValidationError) as error:
        log.warning("a job's record cannot be read", job_id=job_id, error=str(error))
        return None


def _record(job_id: str, values: Sequence[bytes | None]) -> JobRecord | None:
    fields: dict[str, Any] = {
        name: value.decode()
        for name, value in zip(RECORD_FIELDS, values, strict=True)
        if value  # an empty traceparent means none
    }
    if "state" not in fields:
        return None
    if "depends_on" in fields:
        fields["depends_on"] = fields["depends_on"].split()
    return msgspec.convert({"id": job_id, **fields}, JobRecord, strict=False)
