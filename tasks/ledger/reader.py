"""The questions that clients ask of the ledger on Redis: plain reads, no scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from tasks.job import ACTIVE_STATES, Job, JobState, JobType, Priority
from tasks.ledger.connection import away_is_unavailable
from tasks.ledger.keys import (
    index_key,
    job_key,
    wake_list,
)
from tasks.ledger.scripts import Scripts
from tasks.outcome import ArticleOutcome, Candidate, Failure, OutcomePage
from tasks.record import (
    AttemptRecord,
    HostWait,
    HostWaits,
    JobPage,
    JobRecord,
    QueueDepth,
    WorkerRecord,
)

RECORD_FIELDS = tuple(name for name in JobRecord.__struct_fields__ if name != "id")


class RedisReader:
    """See `tasks.ports.JobReader` for what each call promises, `keys` for what stands where."""

    def __init__(self, redis: Redis, scripts: Scripts, key_prefix: str) -> None:
        self.scripts = scripts
        self._redis = redis
        self._prefix = key_prefix

    async def record(self, job_id: str) -> JobRecord | None:
        with away_is_unavailable():
            values: Any = await self._redis.hmget(self._key(job_id), RECORD_FIELDS)
        return _record(job_id, values)

    async def records(self, job_ids: Sequence[str]) -> tuple[JobRecord, ...]:
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.hmget(self._key(job_id), RECORD_FIELDS)
        with away_is_unavailable():
            rows = await pipeline.execute() if job_ids else []
        records = (_record(job_id, row) for job_id, row in zip(job_ids, rows, strict=True))
        return tuple(record for record in records if record)

    async def job(self, job_id: str) -> Job | None:
        with away_is_unavailable():
            text: Any = await self._redis.hget(self._key(job_id), "job")
        return msgspec.msgpack.decode(text, type=Job) if text else None

    async def failures(self, job_id: str) -> tuple[Failure, ...]:
        with away_is_unavailable():
            rows = await self._redis.lrange(self._key(job_id, "failures"), 0, -1)
        return tuple(msgspec.json.decode(row, type=Failure) for row in rows)

    async def attempts(self, job_id: str) -> tuple[AttemptRecord, ...]:
        with away_is_unavailable():
            rows = await self._redis.lrange(self._key(job_id, "attempts"), 0, -1)
        return tuple(msgspec.json.decode(row, type=AttemptRecord) for row in rows)

    async def waiting(self, job_id: str, limit: int) -> HostWaits:
        count, *first = await self.scripts.run("waiting", job_id, limit)
        return HostWaits(count=count, first=tuple(_host_wait(*row) for row in first))

    async def discovery(self, job_id: str) -> bytes | None:
        """What the sources reported (JSON); None until `discover` has ended."""
        with away_is_unavailable():
            report: Any = await self._redis.hget(self._key(job_id), "discovery")
        return bytes(report) if report else None

    async def result(self, job_id: str) -> bytes | None:
        """The stored result (JSON); None before the end and after its time to live."""
        with away_is_unavailable():
            text: Any = await self._redis.get(self._key(job_id, "result"))
        return bytes(text) if text else None

    async def outcomes(self, job_id: str, start: int, limit: int) -> OutcomePage:
        indexes = range(start, start + limit)
        with away_is_unavailable():
            total = int(await self._redis.hget(self._key(job_id), "total") or 0)
            rows = await self._redis.hmget(self._key(job_id, "outcomes"), list(indexes))
        return OutcomePage(
            outcomes=tuple(msgspec.json.decode(row, type=ArticleOutcome) for row in rows if row),
            next_cursor=indexes.stop if indexes.stop < total else None,
        )

    async def evidence(self, job_id: str) -> dict[int, bytes]:
        """What `rank` needs of each analysed article, by its index."""
        with away_is_unavailable():
            rows: Any = await self._redis.hgetall(self._key(job_id, "evidence"))
        return {int(index): value for index, value in rows.items()}

    async def jobs(
        self,
        states: Sequence[JobState],
        types: Sequence[JobType],
        cursor: str | None,
        limit: int,
    ) -> JobPage:
        """Each index gives its newest; the newest of these are the page."""
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
        with away_is_unavailable():
            found = sorted(
                {job_id for page in await pipeline.execute() for job_id in page}, reverse=True
            )
        page = [job_id.decode() for job_id in found[:limit]]
        return JobPage(
            jobs=await self.records(page),
            next_cursor=page[-1] if len(found) > limit else None,
        )

    async def depth(self) -> QueueDepth:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.time()
        pipeline.zcard(self._prefix + "steps:due")
        pipeline.zcard(self._prefix + "steps:queued")
        pipeline.zrange(self._prefix + "steps:queued", 0, 0, withscores=True)
        pipeline.zcard(self._prefix + "workers")
        pipeline.exists(self._prefix + "paused")
        for priority in Priority:
            pipeline.llen(self._prefix + wake_list(priority))
        for state in ACTIVE_STATES:
            for job_type in JobType:
                pipeline.zcard(self._prefix + index_key(state, job_type))
        with away_is_unavailable():
            time, outstanding, queued, oldest, workers, paused, *rest = await pipeline.execute()
        return QueueDepth(
            active_jobs=sum(rest[len(Priority) :]),
            queued=queued,
            outstanding=outstanding,
            oldest_queued_ms=max(0, self._now_ms(time) - int(oldest[0][1])) if oldest else None,
            workers=workers,
            wakeups=dict(zip(Priority, rest, strict=False)),
            paused=bool(paused),
        )

    async def workers(self) -> tuple[WorkerRecord, ...]:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.zrange(self._prefix + "workers", 0, -1, withscores=True)
        pipeline.hgetall(self._prefix + "workers:info")
        pipeline.smembers(self._prefix + "workers:draining")
        with away_is_unavailable():
            seen, descriptions, draining = await pipeline.execute()
        found = (
            WorkerRecord.described(
                worker.decode(),
                descriptions.get(worker, b"{}"),
                seen_ms=int(seen_ms),
                draining=worker in draining,
            )
            for worker, seen_ms in seen
        )
        return tuple(sorted(found, key=lambda worker: worker.id))

    def _now_ms(self, time: tuple[int, int]) -> int:
        """The ledger's clock, where the server's shows this."""
        if self.scripts.clock.now_ms is not None:
            return self.scripts.clock.now_ms
        seconds, micros = time
        return seconds * 1000 + micros // 1000

    def _key(self, job_id: str, part: str | None = None) -> str:
        return self._prefix + job_key(job_id, part)


def _host_wait(candidate: bytes, host: bytes, until_ms: int) -> HostWait:
    url = msgspec.json.decode(candidate, type=Candidate).url
    return HostWait(url=url, host=host.decode(), until_ms=until_ms)


def _record(job_id: str, values: Sequence[bytes | None]) -> JobRecord | None:
    given: dict[str, Any] = {
        name: value.decode()
        for name, value in zip(RECORD_FIELDS, values, strict=True)
        if value  # an empty traceparent is none
    }
    if "state" not in given:
        return None
    if "depends_on" in given:
        given["depends_on"] = given["depends_on"].split()
    return msgspec.convert({"id": job_id, **given}, JobRecord, strict=False)
