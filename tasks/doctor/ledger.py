"""The checks of the ledger. Each thing is looked at, and mended, by one atomic script.

So a job that goes on meanwhile is never taken for a stuck one. Keys are read by SCAN, a batch at a
time: whatever its size, the ledger serves others meanwhile.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from msgspec import Struct
from redis.asyncio import Redis

from tasks.doctor.finding import Finding, Level, Tally, fine
from tasks.jobs.job import JobState, JobType
from tasks.ledger.connection import away_is_unavailable
from tasks.ledger.keys import PERMANENT, index_key
from tasks.ledger.redis import RedisLedger

BATCH = 500

JOB_KEY = re.compile(r"job:(?P<id>[^:]+)(?::(?P<part>.+))?")


class Fault(Struct, frozen=True):
    """One kind of fault, and what is said of it."""

    level: Level
    noun: str
    sentence: str
    """What is wrong with those that are counted."""
    mended: str | None
    """What mending does; None for what is left alone."""
    none: str


FAULTS = {
    "newer": Fault(
        Level.WARNING,
        "job",
        "Written by a newer release, and left to that",
        None,
        "No job was written by a newer release.",
    ),
    "index": Fault(
        Level.ERROR,
        "job",
        "Listed in another state than they are in, or not at all",
        "listed as they are",
        "Each job is listed in its state.",
    ),
    "stuck_steps": Fault(
        Level.ERROR,
        "step",
        "Open, and never looked at again",
        "made due",
        "Each open step has its due time.",
    ),
    "stuck_jobs": Fault(
        Level.ERROR,
        "job",
        "Active without any step",
        "their steps opened again",
        "Each active job has a step, or waits for another job.",
    ),
    "dependencies": Fault(
        Level.ERROR,
        "job",
        "Waiting for jobs that have ended",
        "started, or failed where a dependency did",
        "Each waiting job waits for one that is active.",
    ),
    "loose_steps": Fault(
        Level.WARNING,
        "step",
        "Due or queued without a record",
        "taken out",
        "Each step that is due or queued has its record.",
    ),
    "orphaned_keys": Fault(
        Level.WARNING,
        "key",
        "Without a time to live, and without an active job",
        "given one",
        "Each key that is not permanent has a time to live, or an active job.",
    ),
    "foreign_keys": Fault(
        Level.WARNING,
        "key",
        "Under our prefix, without a time to live, and none of ours",
        None,
        "No key of others stands under our prefix.",
    ),
}


class LedgerExamination:
    """One look at everything under our prefix."""

    def __init__(self, redis: Redis, ledger: RedisLedger, prefix: str, *, fix: bool) -> None:
        self._redis = redis
        self._ledger = ledger
        self._prefix = prefix
        self._fix = fix
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)

    async def examine(self) -> list[Finding]:
        await self._examine_keys()
        await self._examine_steps("due")
        await self._examine_steps("queued")
        await self._examine_indexes()
        return [self._finding(check, fault) for check, fault in FAULTS.items()]

    async def _examine_keys(self) -> None:
        pattern = re.sub(r"([\\*?\[\]])", r"\\\1", self._prefix) + "*"
        async for names in self._batches(self._redis.scan_iter(pattern, BATCH)):
            ours = [name.removeprefix(self._prefix) for name in names]
            found = [JOB_KEY.fullmatch(name) for name in ours]
            await self._examine_jobs([one["id"] for one in found if one and not one["part"]])
            await self._examine_lifetimes([one for one in ours if not PERMANENT.fullmatch(one)])

    async def _examine_jobs(self, job_ids: Sequence[str]) -> None:
        run, fix = self._ledger.scripts.run, self._flag
        for faults in await asyncio.gather(*(run("examine_job", one, fix) for one in job_ids)):
            for check, about in zip(faults[::2], faults[1::2], strict=True):
                self._tallies[check.decode()].add(about.decode())

    async def _examine_lifetimes(self, names: Sequence[str]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for name in names:
            pipeline.ttl(self._prefix + name)
        with away_is_unavailable():
            lifetimes = await pipeline.execute() if names else []
        for name, seconds in zip(names, lifetimes, strict=True):
            if seconds == -1:
                await self._examine_key(name)

    async def _examine_key(self, name: str) -> None:
        found = JOB_KEY.fullmatch(name)
        if found is None:
            self._tallies["foreign_keys"].add(name)
            return
        job_id, part = found["id"], found["part"] or ""
        if await self._ledger.scripts.run("examine_key", job_id, part, self._flag):
            self._tallies["orphaned_keys"].add(name)

    async def _examine_steps(self, where: str) -> None:
        members = self._redis.zscan_iter(f"{self._prefix}steps:{where}", count=BATCH)
        async for batch in self._batches(members):
            await asyncio.gather(*(self._examine_step(where, member) for member in batch))

    async def _examine_step(self, where: str, member: str) -> None:
        if await self._ledger.scripts.run("examine_step", where, member, self._flag):
            self._tallies["loose_steps"].add(member)

    async def _examine_indexes(self) -> None:
        for state in JobState:
            for job_type in JobType:
                members = self._redis.zscan_iter(
                    self._prefix + index_key(state, job_type), count=BATCH
                )
                async for batch in self._batches(members):
                    await asyncio.gather(
                        *(self._examine_entry(state, job_type, job_id) for job_id in batch)
                    )

    async def _examine_entry(self, state: JobState, job_type: JobType, job_id: str) -> None:
        run = self._ledger.scripts.run
        if await run("examine_entry", state, job_type, job_id, self._flag):
            self._tallies["index"].add(job_id)

    async def _batches(
        self, found: AsyncIterator[bytes | tuple[bytes, float]]
    ) -> AsyncIterator[list[str]]:
        """Names of keys or of members of a sorted set."""
        batch: list[str] = []
        with away_is_unavailable():
            async for one in found:
                name = one[0] if isinstance(one, tuple | list) else one
                batch.append(name.decode(errors="replace"))
                if len(batch) == BATCH:
                    yield batch
                    batch = []
        yield batch

    @property
    def _flag(self) -> str:
        return "1" if self._fix else "0"

    def _finding(self, check: str, fault: Fault) -> Finding:
        tally = self._tallies[check]
        if not tally.count:
            return fine(check, fault.none)
        sentence = f"{fault.sentence}: {tally.told(fault.noun)}."
        fixed = self._fix and fault.mended is not None
        return Finding(
            check=check,
            level=fault.level,
            sentence=f"{sentence} Now {fault.mended}." if fixed else sentence,
            fixable=fault.mended is not None,
            fixed=fixed,
        )
