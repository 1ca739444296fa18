"""How a job comes into the ledger. The counterpart of `lua/submit.lua`."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tasks.job import Job, JobState
from tasks.ledger.keys import IDEMPOTENCY_KEPT_S
from tasks.ledger.memory.entry import Entry
from tasks.ledger.memory.life_cycle import LifeCycle, dependency_failed
from tasks.record import IdempotencyKey, JobRecord, SubmitOutcome, SubmitVerdict


class _Used(Struct, frozen=True):
    """What an idempotency key was used for."""

    job_id: str
    submission_digest: str
    until_ms: int


class Submissions:
    """Writes jobs, each once."""

    def __init__(self, life: LifeCycle) -> None:
        self._life = life
        self._used: dict[str, _Used] = {}

    def submit(self, job: Job, key: IdempotencyKey | None) -> SubmitOutcome:
        if self._life.find(job.id):
            return SubmitOutcome(SubmitVerdict.KNOWN, job.id)
        used = self._used.get(key.key_digest) if key else None
        if key and used and used.until_ms > self._life.now_ms():
            same = used.submission_digest == key.submission_digest
            return SubmitOutcome(
                SubmitVerdict.KNOWN if same else SubmitVerdict.CONFLICT, used.job_id
            )
        dependencies = []
        for job_id in job.depends_on:
            dependency = self._life.find(job_id)
            if dependency is None:
                return SubmitOutcome(SubmitVerdict.UNKNOWN_DEPENDENCY, job_id)
            dependencies.append(dependency)
        self._write(job, dependencies)
        if key:
            until_ms = self._life.now_ms() + IDEMPOTENCY_KEPT_S * 1000
            self._used[key.key_digest] = _Used(job.id, key.submission_digest, until_ms)
        return SubmitOutcome(SubmitVerdict.SUBMITTED, job.id)

    def _write(self, job: Job, dependencies: Sequence[Entry]) -> None:
        waits_for = {one.id for one in dependencies if not one.record.state.final}
        too_early = job.not_before_ms is not None and job.not_before_ms > self._life.now_ms()
        state = JobState.WAITING if waits_for or too_early else JobState.PENDING
        entry = Entry(
            job=job,
            record=_first_record(job, state),
            waits_for=waits_for,
            deadline_ms=job.deadline_ms,
        )
        self._life.entries[job.id] = entry
        in_vain = [one for one in dependencies if one.record.state.final and not one.succeeded]
        if in_vain:
            self._life.end(entry, JobState.FAILURE, dependency_failed(in_vain[-1]))
        elif not waits_for:
            self._life.begin(entry)


def _first_record(job: Job, state: JobState) -> JobRecord:
    return JobRecord(
        id=job.id,
        type=job.type,
        state=state,
        priority=job.priority,
        submitted_ms=job.submitted_ms,
        about=job.about,
        not_before_ms=job.not_before_ms,
        deadline_ms=job.deadline_ms,
        depends_on=tuple(dict.fromkeys(job.depends_on)),
        replayed_from=job.replayed_from,
        traceparent=job.traceparent,
    )
