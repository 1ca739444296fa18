"""The questions that clients ask of the ledger in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.job import Job, JobState, JobType, Priority
from tasks.ledger.memory.entry import Entry
from tasks.ledger.memory.life_cycle import LifeCycle
from tasks.outcome import Failure, OutcomePage
from tasks.record import (
    AttemptRecord,
    HostWait,
    HostWaits,
    JobPage,
    JobRecord,
    QueueDepth,
    WorkerRecord,
)
from tasks.settings import Settings


class MemoryReader:
    """See `tasks.ports.JobReader` for what each call promises."""

    def __init__(self, life: LifeCycle, settings: Settings) -> None:
        self._life = life
        self._result_ttl_ms = settings.result_ttl * 1000
        self._workers: dict[str, WorkerRecord] = {}
        self._paused = False

    async def record(self, job_id: str) -> JobRecord | None:
        entry = self._life.find(job_id)
        return entry.record if entry else None

    async def records(self, job_ids: Sequence[str]) -> tuple[JobRecord, ...]:
        found = map(self._life.find, job_ids)
        return tuple(entry.record for entry in found if entry)

    async def job(self, job_id: str) -> Job | None:
        entry = self._life.find(job_id)
        return entry.job if entry else None

    async def failures(self, job_id: str) -> tuple[Failure, ...]:
        entry = self._life.find(job_id)
        return tuple(entry.failures) if entry else ()

    async def attempts(self, job_id: str) -> tuple[AttemptRecord, ...]:
        entry = self._life.find(job_id)
        return tuple(entry.attempts) if entry else ()

    async def waiting(self, job_id: str, limit: int) -> HostWaits:
        entry = self._life.find(job_id)
        waiting = _host_waits(entry) if entry else []
        return HostWaits(count=len(waiting), first=tuple(waiting[:limit]))

    async def discovery(self, job_id: str) -> bytes | None:
        entry = self._life.find(job_id)
        return entry.discovery if entry else None

    async def result(self, job_id: str) -> bytes | None:
        entry = self._with_result(job_id)
        return entry.result if entry else None

    async def outcomes(self, job_id: str, start: int, limit: int) -> OutcomePage:
        entry, record, stop = self._with_result(job_id), await self.record(job_id), start + limit
        outcomes = entry.outcomes if entry else {}
        total = record.total or 0 if record else 0
        return OutcomePage(
            outcomes=tuple(outcomes[index] for index in range(start, stop) if index in outcomes),
            next_cursor=stop if stop < total else None,
        )

    async def evidence(self, job_id: str) -> dict[int, bytes]:
        entry = self._life.find(job_id)
        return dict(entry.evidence) if entry else {}

    async def jobs(
        self,
        states: Sequence[JobState],
        types: Sequence[JobType],
        cursor: str | None,
        limit: int,
    ) -> JobPage:
        found = [
            record
            for record in self._records()
            if record.state in states
            and record.type in types
            and (cursor is None or record.id < cursor)
        ]
        page = tuple(sorted(found, key=lambda record: record.id, reverse=True)[:limit])
        return JobPage(jobs=page, next_cursor=page[-1].id if len(found) > limit else None)

    async def depth(self) -> QueueDepth:
        steps = [step for entry in self._life.entries.values() for step in entry.steps.values()]
        deadlines = [entry for entry in self._life.entries.values() if entry.deadline_ms]
        queued = [step.queued_ms for step in steps if step.queued_ms is not None]
        return QueueDepth(
            active_jobs=sum(not record.state.final for record in self._records()),
            queued=len(queued),
            outstanding=len(steps) + len(deadlines),
            oldest_queued_ms=max(0, self._life.now_ms() - min(queued)) if queued else None,
            workers=len(self._workers),
            wakeups={priority: self._life.wakeups.waiting(priority) for priority in Priority},
            paused=self._paused,
        )

    async def workers(self) -> tuple[WorkerRecord, ...]:
        return tuple(sorted(self._workers.values(), key=lambda worker: worker.id))

    def _records(self) -> list[JobRecord]:
        entries = self._life.entries.values()
        return [entry.record for entry in entries if not self._life.expired(entry)]

    def _with_result(self, job_id: str) -> Entry | None:
        """The job, unless its result's time to live is over."""
        entry = self._life.find(job_id)
        over = entry is not None and self._life.ended_before(entry, self._result_ttl_ms)
        return None if over else entry


def _host_waits(entry: Entry) -> list[HostWait]:
    """Soonest first."""
    waiting = sorted(
        (step.due_ms, ref.index, step.host)
        for ref, step in entry.steps.items()
        if ref.index is not None and step.host is not None
    )
    return [
        HostWait(url=entry.candidates[index].url, host=host, until_ms=due_ms)
        for due_ms, index, host in waiting
    ]
