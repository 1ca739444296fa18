"""One campaign, from the first process to the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from pathlib import Path

from redis.asyncio import Redis

from tasks.errors import LedgerUnavailable
from tasks.resources import open_queue
from tests.faults.campaign.journal import read_journal
from tests.faults.campaign.kills import KINDS, kill_at_random
from tests.faults.campaign.load import Load
from tests.faults.campaign.stage import Stage, staged
from tests.faults.campaign.verdict import Verdict, accepted_twice, judge_jobs, read_flights
from tests.waiting import wait_until

DRAIN_SECONDS = 90.0


async def campaign(folder: Path, *, kills: int, seed: int, interval: float) -> Verdict:
    """Kills under load, lets the load drain, and judges. `folder` keeps logs and journal."""
    rng = random.Random(seed)
    async with staged(folder) as stage:
        load = Load(stage.url, random.Random(rng.random()))
        submitting = asyncio.create_task(load.run())
        started = time.monotonic()
        try:
            await kill_at_random(stage, kills, interval, rng)
        finally:
            submitting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await submitting
        unanswered = await _drain(stage)
        return await _judge(stage, load, unanswered, time.monotonic() - started)


async def _drain(stage: Stage) -> int:
    """Waits until no job is active. Gives how many still are."""
    active = 0
    async with open_queue(stage.settings) as queue:

        async def drained() -> bool:
            nonlocal active
            with contextlib.suppress(LedgerUnavailable):
                active = (await queue.depth()).active_jobs
                return active == 0
            return False

        with contextlib.suppress(AssertionError):
            await wait_until(drained, "every job to end", timeout=DRAIN_SECONDS)
    return active


async def _judge(stage: Stage, load: Load, active: int, seconds: float) -> Verdict:
    client = Redis.from_url(stage.valkey.url)
    async with open_queue(stage.settings) as queue, client:
        prefix = stage.settings.key_prefix
        jobs = await judge_jobs(queue, client, prefix, load.answered)
    lines = read_journal(stage.folder)
    flights = read_flights(lines)
    kinds = Counter(line.kind for line in lines if line.what == "killed")
    repeats = {url: times - 1 for url, times in flights.calls.items() if times > 1}
    return Verdict(
        kills={kind: kinds[kind] for kind in KINDS},
        seconds=seconds,
        jobs=len(load.answered),
        refused=load.refused,
        articles=jobs.articles,
        states=dict(jobs.states),
        lost=jobs.lost,
        stuck=max(jobs.stuck, active),
        two_outcomes=len(jobs.settled_twice | accepted_twice(lines)),
        blamed=jobs.blamed,
        repeated=sum(repeats.values()),
        in_flight=flights.hit.total(),
        unexcused=sum(max(0, times - flights.hit[url]) for url, times in repeats.items()),
        longest_pause=max(flights.pauses, default=None),
    )
