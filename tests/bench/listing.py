"""A page of the listing with very many jobs known, beside the same with few.

One job is run to its end by the ledger's own scripts. The others are copies of it under new ids,
made inside Redis, with the same entries in the indexes: a million within a minute or so.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from statistics import median

import msgspec
from msgspec.structs import replace

from tasks.composition import job_limits
from tasks.jobs.ids import job_id_from, new_job_id
from tasks.jobs.job import BatchAnalysis, Job, JobState
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.jobs.queue import Queue
from tasks.jobs.step import Claim, Lease, StepRef
from tasks.ledger.redis import RedisLedger
from tasks.resources import open_ledger
from tasks.settings import Settings
from tests.bench.figure import Figure, compared
from tests.bench.server import BenchServer

FEW = 1_000
PAGES = 300
PAGE = 50
RATIO = 2.0
COPIED_AT_ONCE = 1_000
URL = "http://site.example/"

COPY = """
local prefix, old, index = ARGV[1], ARGV[2], ARGV[3]
local member = string.match(index, 'jobs:(.+)$')
local expiry = prefix .. 'jobs:expiry'
local ended = redis.call('ZSCORE', expiry, string.gsub(member, ':', '/') .. '/' .. old)
for n = 4, #ARGV do
  for _, part in ipairs({'', ':articles', ':events', ':outcomes', ':result'}) do
    redis.call('COPY', prefix .. 'job:' .. old .. part, prefix .. 'job:' .. ARGV[n] .. part)
  end
  redis.call('ZADD', index, 0, ARGV[n])
  redis.call('ZADD', expiry, ended, string.gsub(member, ':', '/') .. '/' .. ARGV[n])
end
"""


def list_beside_few(server: BenchServer, jobs: int) -> Figure:
    """The median time of a page of all jobs; both kinds of calls take turns."""
    return asyncio.run(_list_beside_few(server, jobs))


async def _list_beside_few(server: BenchServer, jobs: int) -> Figure:
    few = Settings(redis_url=server.url, key_prefix="few:")
    many = Settings(redis_url=server.url, key_prefix="many:")
    async with open_ledger(few) as few_ledger, open_ledger(many) as many_ledger:
        await _fill(server, few, few_ledger, FEW)
        await _fill(server, many, many_ledger, jobs)
        few_ms, many_ms = await _time(
            Queue(few_ledger, job_limits(few)), Queue(many_ledger, job_limits(many))
        )
    figure = compared(f"a page of {jobs:,} jobs", many_ms, "ms", f"of {FEW:,}", few_ms)
    return replace(figure, goal=f"ratio <= {RATIO:g}", met=many_ms <= RATIO * few_ms)


async def _time(few: Queue, many: Queue) -> tuple[float, float]:
    taken: dict[Queue, list[float]] = {few: [], many: []}
    for _ in range(PAGES):
        for queue, times in taken.items():
            began = time.perf_counter()
            page = await queue.jobs(states=tuple(JobState), limit=PAGE)
            times.append((time.perf_counter() - began) * 1e3)
            assert len(page.jobs) == PAGE
    return median(taken[few]), median(taken[many])


async def _fill(server: BenchServer, settings: Settings, ledger: RedisLedger, jobs: int) -> None:
    job = await _finished_job(ledger)
    copy = server.client.register_script(COPY)
    prefix = settings.key_prefix
    head = (prefix, job.id, f"{prefix}jobs:{JobState.SUCCESS}:{job.type}")
    for start in range(1, jobs, COPIED_AT_ONCE):
        ids = [
            job_id_from(job.submitted_ms - number, secrets.token_bytes(10))
            for number in range(start, min(start + COPIED_AT_ONCE, jobs))
        ]
        copy(args=[*head, *ids])


async def _finished_job(ledger: RedisLedger) -> Job:
    now_ms = int(time.time() * 1000)
    job = Job(id=new_job_id(now_ms), params=BatchAnalysis(urls=(URL,)), submitted_ms=now_ms)
    await ledger.submit(job)
    await ledger.discovered(await _claim(ledger, job, "discover"), [Candidate(url=URL)], b"null")
    outcome = ArticleAnalysed(url=URL, result=msgspec.Raw(b"null"))
    await ledger.settle(await _claim(ledger, job, "analyse:0"), outcome)
    await ledger.complete(await _claim(ledger, job, "rank"), b"null")
    return job


async def _claim(ledger: RedisLedger, job: Job, step: str) -> Lease:
    claim = await ledger.claim(StepRef.parse(f"{job.id}/{step}"), "bench")
    assert isinstance(claim, Claim), claim
    return claim.lease
