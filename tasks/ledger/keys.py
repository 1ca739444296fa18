"""The keys of the ledger in Redis: their types, contents and times to live.

The scripts in `lua/` write them; their prelude builds the same names.

Permanent, one of each (`PERMANENT`):

    steps:due          sorted set: JOB/STEP by its due time
    steps:queued       sorted set: JOB/STEP by the time at which it was queued
    wake:ready         list: wake-ups, JOB/STEP, first in first out
    wake:PRIORITY      the same, of an older release
    wake:pushed        hash: 'ready', or a priority of an older release → the number of wake-ups
                       ever pushed
    callers            sorted set: callers by the time at which they last had work
    callers:window     string: the caller window by the last renewal of a worker
    usage              hash: the number of active jobs, of their articles, and the bytes kept
    jobs:STATE:TYPE    sorted set: ids of jobs in this state and of this type, by id and so by time
    jobs:expiry        sorted set: STATE/TYPE/ID of ended jobs by the end of their record
    workers            sorted set: worker ids by their last renewal
    workers:info       hash: worker id → its description (JSON)
    workers:draining   set: ids of workers that must end
    reaper             hash: the time of its last round, and the end of its leniency
    paused             string: exists while no step can be claimed
    schedules          hash: schedule id → schedule (JSON)
    schedules:due      sorted set: schedule ids by their next run; a paused one by the last second
                       of the year 9999
    schedules:runs     hash: schedule id → its last run (JSON)
    schedules:callers  hash: schedule id → its caller, if that has a name
    counters           hash, for the metrics: 'submitted TYPE', 'ended TYPE STATE REASON',
                       'articles OUTCOME', 'attempts KIND OUTCOME REASON' of attempts that did not
                       succeed at once, or 'wakeups_lost' → how often that has happened; a reason
                       is '-' where there is none
    jobs:kept          hash: id of an ended job → 'BYTES CALLER'
    jobs:ended         list, capped: ids of jobs whose end is to be logged

One of each per caller, while it has something (`PERMANENT` too):

    caller:NAME            hash: as `usage`
    caller:NAME:jobs       hash: id of an active job → 'ARTICLES BYTES'
    caller:NAME:admitted   set: JOB/STEP that have a wake-up or a lease
    caller:NAME:backlog    sorted set: JOB/STEP, its other queued steps, in the order of their turns
    caller:NAME:turns      hash: what the next turns follow from, while there is a backlog

One of each per job. They have no time to live while the job is active, and this one once it has
ended. The result's is what the job asks for, or RESULT_TTL; the record's is JOB_TTL, but at least
the result's. Keeping a result prolongs both:

    job:ID             hash: the submission, the state and the counters           record
    job:ID:articles    hash: index → candidate (JSON)                             record
    job:ID:failures    list: failed articles (JSON)                               record
    job:ID:attempts    list: attempts that did not succeed at once (JSON)         record
    job:ID:events      stream, capped                                             record
    job:ID:spans       list: packs of finished spans, at most TRACE_MAX_KB        record
    job:ID:outcomes    hash: index → outcome (JSON)                               result
    job:ID:result      string (JSON), for a SUCCESS                               result
    job:ID:steps       hash: open step → its record                               until the end
    job:ID:evidence    hash: index → the data that `rank` needs of an article     until the end
    job:ID:dependents  set: ids of the jobs that wait for this one                until the end

With a time to live from the start:

    lead:NAME          string: the process that does NAME for all   8 s after it has last asked

    idempotency:NAME   hash: the digest of a submission and the job that it made; NAME is the digest
                       of a client's key, or retry:ID for our own retry of a job      24 h
    host:NAME          hash: the host's last request and its limits       5 min, and as long
                       as the host is blocked
    host:NAME:line     sorted set, the queue: ticket ids by the time of their turn     2 min
                       after the last turn
    host:NAME:slots    sorted set: TICKET@HOLDER of running requests, by the time at which the
                       slot expires                                       10 s

Also with a time to live, written by `tasks.cache` for `analyses` and `http`. No job needs them:

    cache:CACHE:entry:NAME  string: a sealed value                         the cache's TTL
    cache:CACHE:used        sorted set: names by their last use            a minute longer
    cache:CACHE:ends        sorted set: names by the end of their TTL      a minute longer
    cache:CACHE:sizes       hash: name → bytes it counts for; '': the sum  a minute longer
"""

from __future__ import annotations

import re

from tasks.jobs.job import JobState, JobType, Priority

PERMANENT = re.compile(
    r"steps:(due|queued)|wake:(ready|high|normal|low|pushed)|jobs:[A-Z]+:[a-z_]+|jobs:(expiry|kept|ended)"
    r"|workers(:info|:draining)?|counters|paused|reaper|schedules(:due|:runs|:callers)?"
    r"|callers(:window)?|usage|caller:.*"
)

WORKER_FORGOTTEN_MS = 30_000
"""A worker that has not renewed its leases for this long is removed from `workers`."""

IDEMPOTENCY_KEPT_S = 24 * 3600


READY = "wake:ready"

WAKE_LISTS = (READY, *(f"wake:{priority}" for priority in Priority))
"""In the order in which workers pop from them. All but the first were written by an older release:
since callers take turns, the priority orders only the backlog of one caller."""


def job_key(job_id: str, part: str | None = None) -> str:
    return f"job:{job_id}" if part is None else f"job:{job_id}:{part}"


def index_key(state: JobState, job_type: JobType) -> str:
    return f"jobs:{state}:{job_type}"
