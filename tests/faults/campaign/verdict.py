"""What came of a campaign: from the ledger what became of the jobs, from the journal the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from tasks.errors import CuratorError, JobUnfinished, UnknownJob
from tasks.jobs.job import JobState
from tasks.jobs.queue import Queue
from tasks.jobs.record import JobRecord
from tests.faults.campaign.journal import Line


class Verdict(Struct, frozen=True, kw_only=True):
    """The figures of a campaign."""

    kills: dict[str, int]
    """By what was killed."""
    seconds: float
    """From the first kill to the end of the drain."""
    jobs: int
    """Answered with 202."""
    refused: int
    """Submissions that got no 202."""
    articles: int
    """Settled, of those jobs."""
    states: dict[str, int]
    lost: int
    """Jobs that are unknown, or final without their result."""
    stuck: int
    """Jobs that were not final after the drain."""
    two_outcomes: int
    """Articles that settled more than once, by the workers or by the events of their job."""
    blamed: int
    """Articles that failed for what was killed, and not for what they are."""
    repeated: int
    """Calls of the engine for an article beyond its first."""
    in_flight: int
    """Articles in flight at the kills, each time one was."""
    unexcused: int
    """Repeated calls for articles that were in flight at fewer kills."""
    longest_pause: float | None
    """Seconds from a kill until the last of the steps that it hit ran again."""


class JobsVerdict(Struct):
    """What the ledger says of the jobs."""

    articles: int = 0
    lost: int = 0
    stuck: int = 0
    blamed: int = 0
    states: Counter[str] = msgspec.field(default_factory=Counter)
    settled_twice: set[str] = msgspec.field(default_factory=set)
    """JOB/INDEX of articles that settled twice, or JOB/counts where the numbers do not match."""


BLAME = ("worker_lost", "engine_crashed", "internal_error", "timed_out")


async def judge_jobs(queue: Queue, redis: Redis, prefix: str, ids: Iterable[str]) -> JobsVerdict:
    verdict = JobsVerdict()
    for job_id in ids:
        try:
            status = await queue.status(job_id)
            verdict.states[status.record.state] += 1
            await queue.result(job_id)
        except JobUnfinished:
            verdict.stuck += 1
            continue
        except UnknownJob:
            verdict.lost += 1
            continue
        except CuratorError:
            verdict.lost += 1
        verdict.articles += status.record.settled
        verdict.blamed += sum(failure.reason in BLAME for failure in status.failures)
        outcomes: Any = await redis.hlen(f"{prefix}job:{job_id}:outcomes")
        if not _counts_match(status.record, outcomes):
            verdict.settled_twice.add(f"{job_id}/counts")
    return verdict


def _counts_match(record: JobRecord, outcomes: int) -> bool:
    """An article that settled twice is counted twice, and has one outcome."""
    sums = record.settled == record.processed + record.failed == outcomes
    return sums and (record.state is not JobState.SUCCESS or record.settled == (record.total or 0))


def accepted_twice(lines: Iterable[Line]) -> set[str]:
    """JOB/INDEX of articles for which two finishes were accepted."""
    accepted = Counter(
        line.step.replace("analyse:", "")
        for line in lines
        if line.what in ("settled", "failed") and "/analyse:" in line.step
    )
    return {article for article, times in accepted.items() if times > 1}


class Flights(Struct):
    """The articles and steps in flight, as one reads on in the journal."""

    open: dict[str, dict[str, Line]] = msgspec.field(default_factory=lambda: defaultdict(dict))
    """Claims that have not ended: life of a worker → step → its claim."""
    hit: Counter[str] = msgspec.field(default_factory=Counter)
    """URL → kills at which it was in flight."""
    waiting: dict[str, float] = msgspec.field(default_factory=dict)
    """Step → the kill that interrupted it."""
    pauses: list[float] = msgspec.field(default_factory=list)
    calls: Counter[str] = msgspec.field(default_factory=Counter)

    def read(self, line: Line) -> None:
        match line.what:
            case "claimed":
                self.open[line.actor][line.step] = line
                if line.step in self.waiting:
                    self.pauses.append(line.at - self.waiting.pop(line.step))
            case "called":
                self.calls[line.url] += 1
            case "killed":
                self._killed(line)
            case _:
                self.open[line.actor].pop(line.step, None)

    def _killed(self, line: Line) -> None:
        mine = [line.actor] if line.kind in ("worker", "engine") else [*self.open]
        claims = [claim for actor in mine for claim in self.open[actor].values()]
        self.hit.update(claim.url for claim in claims if claim.url)
        if line.kind == "worker":
            self.waiting.update({claim.step: line.at for claim in claims})
            del self.open[line.actor]


def read_flights(lines: Iterable[Line]) -> Flights:
    flights = Flights()
    for line in lines:
        flights.read(line)
    return flights
