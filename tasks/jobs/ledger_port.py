"""What the job's use cases and the worker ask of the ledger, whatever it is kept on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tasks.jobs.job import Job, JobState, JobType
from tasks.jobs.outcome import ArticleAnalysed, Candidate, Failure, OutcomePage
from tasks.jobs.record import (
    AttemptRecord,
    CancelOutcome,
    HostWaits,
    IdempotencyKey,
    JobPage,
    JobRecord,
    QueueDepth,
    ReapOutcome,
    SubmitOutcome,
    WorkerRecord,
)
from tasks.jobs.step import Claim, ClaimRefusal, Lease, Renewal, StepRef


class JobReader(Protocol):
    """The questions that clients ask of the ledger.

    Every call raises LedgerUnavailable if the ledger cannot be reached.
    """

    async def record(self, job_id: str) -> JobRecord | None: ...

    async def records(self, job_ids: Sequence[str]) -> tuple[JobRecord, ...]:
        """Those of these jobs that there are, in one round trip."""
        ...

    async def job(self, job_id: str) -> Job | None:
        """What was submitted."""
        ...

    async def failures(self, job_id: str) -> tuple[Failure, ...]: ...

    async def attempts(self, job_id: str) -> tuple[AttemptRecord, ...]:
        """Attempts that did not succeed, and successes after such ones, oldest first."""
        ...

    async def waiting(self, job_id: str, limit: int) -> HostWaits:
        """The articles that wait for their hosts, and at most `limit` of them, soonest first."""
        ...

    async def discovery(self, job_id: str) -> bytes | None:
        """What the sources reported (JSON); None until `discover` has ended."""
        ...

    async def result(self, job_id: str) -> bytes | None:
        """The stored result (JSON); None before the end and after its time to live."""
        ...

    async def outcomes(self, job_id: str, start: int, limit: int) -> OutcomePage: ...

    async def jobs(
        self,
        states: Sequence[JobState],
        types: Sequence[JobType],
        cursor: str | None,
        limit: int,
    ) -> JobPage:
        """At most `limit` jobs, newest first, older than the cursor."""
        ...

    async def depth(self) -> QueueDepth: ...

    async def workers(self) -> tuple[WorkerRecord, ...]:
        """The workers that were heard of lately, by their ids."""
        ...


class Ledger(JobReader, Protocol):
    """The life cycle of `tasks.jobs.job`. Each call is atomic, and harmless if it comes twice.

    Calls that take a lease change nothing and answer False once the lease is lost.
    Every call raises LedgerUnavailable if the ledger cannot be reached.
    """

    async def submit(self, job: Job, idempotency: IdempotencyKey | None = None) -> SubmitOutcome:
        """Writes the job and wakes a worker, unless the outcome says why not."""
        ...

    async def claim(self, ref: StepRef, worker: str, call: str = "") -> Claim | ClaimRefusal:
        """Where an answer may have been lost, the same `call`, a word that no other claim of this
        worker has, gets the same lease again."""
        ...

    async def renew(self, worker: str, description: bytes, leases: Sequence[Lease]) -> Renewal:
        """Renews the leases, and says that the worker lives."""
        ...

    async def discovered(
        self, lease: Lease, candidates: Sequence[Candidate], report: bytes
    ) -> bool: ...

    async def settle(self, lease: Lease, outcome: ArticleAnalysed) -> bool: ...

    async def complete(self, lease: Lease, result: bytes) -> bool:
        """Ends `rank`, and the job in SUCCESS with this result (JSON)."""
        ...

    async def fail(self, lease: Lease, reason: str, detail: str) -> bool:
        """Ends the step for good: an article settles as failed, anything else ends the job."""
        ...

    async def retry(
        self, lease: Lease, delay: float, reason: str, detail: str, host: str | None = None
    ) -> bool:
        """Tries the step again after `delay` seconds; fails it if it has no tries left.

        `host` is who asked for the delay, where somebody did."""
        ...

    async def postpone(self, lease: Lease, delay: float, host: str) -> bool:
        """Lets the step wait for its host, and does not count this attempt as a try."""
        ...

    async def hand_back(self, lease: Lease) -> bool:
        """Queues the step again, and does not count this attempt as a try."""
        ...

    async def cancel(self, job_id: str) -> CancelOutcome: ...

    async def purge(self, job_id: str) -> bool:
        """Forgets a job that has ended. False: there is none, or it is still active."""
        ...

    async def reap(self, limit: int = 100, *, lenient: bool = False) -> ReapOutcome:
        """Moves on whatever is overdue.

        If lenient, leases that ended while the ledger was away are left for another moment, in
        which the workers that live renew them.
        """
        ...

    async def pause(self) -> None:
        """Lets no step be claimed until `resume`. What runs is not touched."""
        ...

    async def resume(self) -> None: ...

    async def drain(self, worker: str) -> bool:
        """Tells a worker to take no more steps, and to end. False: it was not heard of lately."""
        ...

    async def evidence(self, job_id: str) -> dict[int, bytes]:
        """What `rank` needs of each analysed article, by its index."""
        ...
