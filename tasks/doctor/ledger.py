"""The checks of the ledger: every job, step, index entry and key under the prefix.

One atomic script checks, and fixes, each of them. So a job that progresses meanwhile is never
mistaken for a stuck one. Keys are read by SCAN, one batch at a time: however large it is, the
ledger serves others meanwhile.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from msgspec import Struct
from redis.asyncio import Redis

from tasks.doctor.finding import Finding, Level, counted, ok
from tasks.jobs.job import JobState, JobType
from tasks.ledger.connection import redis_errors_as_unavailable
from tasks.ledger.keys import PERMANENT, index_key
from tasks.ledger.redis import RedisLedger

BATCH_SIZE = 500

MAX_EXAMPLES = 3
"""Things that a sentence names; it says how many there are in all."""

JOB_KEY = re.compile(r"job:(?P<id>[^:]+)(?::(?P<part>.+))?")


class Check(Struct, frozen=True, kw_only=True):
    """One check, and the sentences that report its outcome."""

    level: Level
    """Of the finding if there are faults."""
    noun: str
    """What is counted."""
    fault: str
    """What is wrong with the counted things."""
    remedy: str | None
    """What a fix does to them; None if they are left alone."""
    ok: str
    """The sentence if there are none."""


CHECKS = {
    "newer": Check(
        level=Level.WARNING,
        noun="job",
        fault="Written by a newer release, and left alone",
        remedy=None,
        ok="No job was written by a newer release.",
    ),
    "index": Check(
        level=Level.ERROR,
        noun="job",
        fault="Listed in another state than their own, or not at all",
        remedy="listed in their state",
        ok="Each job is listed in its state.",
    ),
    "stuck_steps": Check(
        level=Level.ERROR,
        noun="step",
        fault="Open, but without a due time",
        remedy="made due",
        ok="Each open step has its due time.",
    ),
    "stuck_jobs": Check(
        level=Level.ERROR,
        noun="job",
        fault="Active without any step",
        remedy="their steps opened again",
        ok="Each active job has a step, or waits for another job.",
    ),
    "dependencies": Check(
        level=Level.ERROR,
        noun="job",
        fault="Waiting for jobs that have ended",
        remedy="started, or failed where a dependency did",
        ok="Each waiting job waits for one that is active.",
    ),
    "loose_steps": Check(
        level=Level.WARNING,
        noun="step",
        fault="Due or queued without a record",
        remedy="removed",
        ok="Each step that is due or queued has its record.",
    ),
    "orphaned_keys": Check(
        level=Level.WARNING,
        noun="key",
        fault="Without a time to live, and without an active job",
        remedy="given a time to live",
        ok="Each key that is not permanent has a time to live, or an active job.",
    ),
    "foreign_keys": Check(
        level=Level.WARNING,
        noun="key",
        fault="Under our prefix, without a time to live, and not ours",
        remedy=None,
        ok="There are no foreign keys under our prefix.",
    ),
}


class LedgerExamination:
    """One pass over everything under our prefix."""

    def __init__(self, redis: Redis, ledger: RedisLedger, prefix: str, *, fix: bool) -> None:
        self._redis = redis
        self._ledger = ledger
        self._prefix = prefix
        self._fix = fix
        self._fix_flag = "1" if fix else "0"
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)

    async def examine(self) -> list[Finding]:
        await self._examine_keys()
        await self._examine_steps("due")
        await self._examine_steps("queued")
        await self._examine_indexes()
        return [self._finding(name, check) for name, check in CHECKS.items()]

    async def _examine_keys(self) -> None:
        pattern = re.sub(r"([\\*?\[\]])", r"\\\1", self._prefix) + "*"
        async for keys in self._batches(self._redis.scan_iter(pattern, BATCH_SIZE)):
            names = [key.removeprefix(self._prefix) for key in keys]
            job_keys = [match_ for name in names if (match_ := JOB_KEY.fullmatch(name))]
            await self._examine_jobs([key["id"] for key in job_keys if not key["part"]])
            await self._examine_lifetimes([name for name in names if not PERMANENT.fullmatch(name)])

    async def _examine_jobs(self, job_ids: Sequence[str]) -> None:
        run, fix = self._ledger.scripts.run, self._fix_flag
        for faults in await asyncio.gather(*(run("examine_job", id_, fix) for id_ in job_ids)):
            for check, subject in zip(faults[::2], faults[1::2], strict=True):
                self._tallies[check.decode()].add(subject.decode())

    async def _examine_lifetimes(self, names: Sequence[str]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for name in names:
            pipeline.ttl(self._prefix + name)
        with redis_errors_as_unavailable():
            lifetimes = await pipeline.execute() if names else []
        for name, seconds in zip(names, lifetimes, strict=True):
            if seconds == -1:
                await self._examine_key(name)

    async def _examine_key(self, name: str) -> None:
        job_key = JOB_KEY.fullmatch(name)
        if job_key is None:
            self._tallies["foreign_keys"].add(name)
            return
        job_id, part = job_key["id"], job_key["part"] or ""
        if await self._ledger.scripts.run("examine_key", job_id, part, self._fix_flag):
            self._tallies["orphaned_keys"].add(name)

    async def _examine_steps(self, where: str) -> None:
        members = self._redis.zscan_iter(f"{self._prefix}steps:{where}", count=BATCH_SIZE)
        async for batch in self._batches(members):
            await asyncio.gather(*(self._examine_step(where, member) for member in batch))

    async def _examine_step(self, where: str, member: str) -> None:
        if await self._ledger.scripts.run("examine_step", where, member, self._fix_flag):
            self._tallies["loose_steps"].add(member)

    async def _examine_indexes(self) -> None:
        for state in JobState:
            for job_type in JobType:
                index = self._prefix + index_key(state, job_type)
                entries = self._redis.zscan_iter(index, count=BATCH_SIZE)
                async for job_ids in self._batches(entries):
                    await asyncio.gather(
                        *(self._examine_entry(state, job_type, job_id) for job_id in job_ids)
                    )

    async def _examine_entry(self, state: JobState, job_type: JobType, job_id: str) -> None:
        run = self._ledger.scripts.run
        if await run("examine_entry", state, job_type, job_id, self._fix_flag):
            self._tallies["index"].add(job_id)

    async def _batches(
        self, items: AsyncIterator[bytes | tuple[bytes, float]]
    ) -> AsyncIterator[list[str]]:
        """The names among scanned items: keys, or members of a sorted set with their scores."""
        batch: list[str] = []
        with redis_errors_as_unavailable():
            async for item in items:
                name = item[0] if isinstance(item, tuple | list) else item
                batch.append(name.decode(errors="replace"))
                if len(batch) == BATCH_SIZE:
                    yield batch
                    batch = []
        yield batch

    def _finding(self, name: str, check: Check) -> Finding:
        tally = self._tallies[name]
        if not tally.count:
            return ok(name, check.ok)
        sentence = f"{check.fault}: {tally.summary(check.noun)}."
        fixed = self._fix and check.remedy is not None
        return Finding(
            check=name,
            level=check.level,
            sentence=f"{sentence} Now {check.remedy}." if fixed else sentence,
            fixable=check.remedy is not None,
            fixed=fixed,
        )


class Tally:
    """How often one check failed, with examples."""

    def __init__(self) -> None:
        self.count = 0
        self._examples: list[str] = []

    def add(self, subject: str) -> None:
        self.count += 1
        if len(self._examples) < MAX_EXAMPLES:
            self._examples.append(subject)

    def summary(self, noun: str) -> str:
        more = ", …" if self.count > len(self._examples) else ""
        return f"{counted(self.count, noun)} ({', '.join(self._examples)}{more})"
