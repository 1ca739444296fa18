"""The keys of the ledger in Redis: what stands where, and for how long.

Written by the scripts in `lua/`, whose prelude builds the same names.

Permanent, one of each (`PERMANENT`):

    steps:due          sorted set: JOB/STEP by the moment at which the reaper looks at it
    steps:queued       sorted set: JOB/STEP by the moment at which it was queued
    wake:PRIORITY      list: wake-ups, JOB/STEP, first in first out
    wake:pushed        hash: priority → wake-ups ever pushed to its list
    jobs:STATE:TYPE    sorted set: ids in this state and of this type, by id, so by time
    jobs:expiry        sorted set: STATE/TYPE/ID of ended jobs by the end of their JOB_TTL
    workers            sorted set: worker ids by the moment they were last heard of
    workers:info       hash: worker id → its description (JSON)
    workers:draining   set: ids of workers that are to end
    reaper             hash: when it last came by, and until when it is lenient
    paused             string: there while no step may be claimed
    schedules          hash: schedule id → schedule (JSON)
    schedules:due      sorted set: schedule ids by their next run
    schedules:runs     hash: schedule id → its last run (JSON)

One of each per job, without a time to live while the job is active, with one once it has ended:

    job:ID             hash: what was submitted, the state and the counters      JOB_TTL
    job:ID:articles    hash: index → candidate (JSON)                            JOB_TTL
    job:ID:failures    list: failed articles (JSON)                              JOB_TTL
    job:ID:attempts    list: attempts that did not succeed at once (JSON)        JOB_TTL
    job:ID:events      stream, capped                                            JOB_TTL
    job:ID:outcomes    hash: index → outcome (JSON)                              RESULT_TTL
    job:ID:result      string (JSON), of a SUCCESS                               RESULT_TTL
    job:ID:steps       hash: open step → its record                              until the end
    job:ID:evidence    hash: index → what `rank` needs of an article             until the end
    job:ID:dependents  set: ids of the jobs that wait for this one               until the end

With a time to live from the start:

    idempotency:HASH   hash: what was submitted with an idempotency key, and as which job    24 h
    host:NAME          hash: when a host was asked last, how often and from when it may be   5 min,
                       and as long as it wants nobody to ask
    host:NAME:line     sorted set: who waits for the host, by their turns                    2 min
                       after the last turn
    host:NAME:slots    sorted set: requests to the host that run, by the moment at which     10 s
                       their slots end by themselves

Likewise, written by `tasks.cache` for `analyses` and `http`, and needed by no job:

    cache:CACHE:entry:NAME  string: a sealed value                         the cache's TTL
    cache:CACHE:used        sorted set: names by their last use            a minute longer
    cache:CACHE:ends        sorted set: names by the end of their TTL      a minute longer
    cache:CACHE:sizes       hash: name → bytes it counts for; '': the sum  a minute longer
"""

from __future__ import annotations

import re

from tasks.jobs.job import JobState, JobType, Priority

PERMANENT = re.compile(
    r"steps:(due|queued)|wake:(high|normal|low|pushed)|jobs:[A-Z]+:[a-z_]+|jobs:expiry"
    r"|workers(:info|:draining)?|paused|reaper|schedules(:due|:runs)?"
)

WORKER_FORGOTTEN_MS = 30_000
"""A worker that was silent for so long is taken out of `workers`."""

IDEMPOTENCY_KEPT_S = 24 * 3600


def wake_list(priority: Priority) -> str:
    return f"wake:{priority}"


WAKE_LISTS = tuple(map(wake_list, Priority))
"""In the order in which they are popped."""


def job_key(job_id: str, part: str | None = None) -> str:
    return f"job:{job_id}" if part is None else f"job:{job_id}:{part}"


def index_key(state: JobState, job_type: JobType) -> str:
    return f"jobs:{state}:{job_type}"
