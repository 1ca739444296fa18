"""The interface of the ledger, for the use cases and the worker, whatever the storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tasks.jobs.job import Job, JobState, JobType
from tasks.jobs.outcome import ArticleAnalysed, Candidate, Failure, OutcomePage
from tasks.jobs.record import (
    ArticleRetries,
    AttemptRecord,
    CancelOutcome,
    HostWaits,
    IdempotencyKey,
    JobPage,
    JobRecord,
    KeepRefusal,
    QueueDepth,
    ReapOutcome,
    SubmitOutcome,
    WorkerRecord,
)
from tasks.jobs.step import (
    Claim,
    ClaimRefusal,
    Lease,
    NextClaim,
    Renewal,
    StepEnd,
    StepRef,
)


class JobReader(Protocol):
    """The queries of the ledger.

    Every call raises LedgerUnavailable if the ledger cannot be reached.
    """

    async def now_ms(self) -> int:
        """The time by the ledger's clock, in ms since the epoch, accurate to some milliseconds."""
        ...

    async def record(self, job_id: str) -> JobRecord | None: ...

    async def records(self, job_ids: Sequence[str]) -> tuple[JobRecord, ...]:
        """The records of these jobs, without unknown ones. One round trip."""
        ...

    async def job(self, job_id: str) -> Job | None:
        """The job as it was submitted."""
        ...

    async def failures(self, job_id: str) -> tuple[Failure, ...]: ...

    async def attempts(self, job_id: str) -> tuple[AttemptRecord, ...]:
        """Attempts that did not succeed, and successes after such attempts; oldest first."""
        ...

    async def waiting(self, job_id: str, limit: int) -> HostWaits:
        """How many articles wait for hosts, and the first `limit` of them, soonest first."""
        ...

    async def retrying(self, job_id: str, limit: int) -> ArticleRetries:
        """How many articles failed and wait for another try, and the first `limit` of them."""
        ...

    async def discovery(self, job_id: str) -> bytes | None:
        """The reports of the sources (JSON); None until `discover` has ended."""
        ...

    async def result(self, job_id: str) -> bytes | None:
        """The stored result (JSON); None before the job's end and after the time to live."""
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
        """The workers that renewed their leases lately, sorted by id. Those that have not done so
        for half of a lease are silent."""
        ...


class Ledger(JobReader, Protocol):
    """The life cycle of `tasks.jobs.job`. Each call is atomic, and harmless if it is repeated.

    A call that takes a lease changes nothing and returns False if the lease is lost.
    Every call raises LedgerUnavailable if the ledger cannot be reached.
    """

    async def submit(self, job: Job, idempotency: IdempotencyKey | None = None) -> SubmitOutcome:
        """Writes the job and wakes a worker. If it did not, the outcome says why."""
        ...

    async def check_accepts_work(self) -> None:
        """Raises LedgerUnavailable, with the reason, if a job could not be submitted now."""
        ...

    async def claim(self, ref: StepRef, worker: str, claim_id: str = "") -> Claim | ClaimRefusal:
        """`claim_id` identifies this claim among those of the worker. If a reply was lost, a claim
        that is repeated with the same id gets the same lease again."""
        ...

    async def renew(self, worker: str, description: bytes, leases: Sequence[Lease]) -> Renewal:
        """Renews the leases, and records that the worker is alive, with its description (JSON)."""
        ...

    async def discovered(
        self,
        lease: Lease,
        candidates: Sequence[Candidate],
        report: bytes,
        then: NextClaim | None = None,
    ) -> StepEnd:
        """Ends `discover` with the job's articles and the reports of the sources (JSON)."""
        ...

    async def settle(
        self, lease: Lease, outcome: ArticleAnalysed, then: NextClaim | None = None
    ) -> StepEnd:
        """Ends an `analyse` step with the outcome of its article."""
        ...

    async def complete(self, lease: Lease, result: bytes, then: NextClaim | None = None) -> StepEnd:
        """Ends `rank`, and the job in SUCCESS with this result (JSON)."""
        ...

    async def fail(self, lease: Lease, reason: str, detail: str) -> bool:
        """Fails the step permanently: an article settles as failed; any other step ends the job."""
        ...

    async def retry(
        self, lease: Lease, delay_seconds: float, reason: str, detail: str, host: str | None = None
    ) -> bool:
        """Tries the step again after `delay_seconds`; fails it if it has no tries left.

        `host` is the host that asked for the delay, if one did."""
        ...

    async def postpone(self, lease: Lease, delay_seconds: float, host: str) -> bool:
        """Lets the step wait for a host. This attempt does not count as a try."""
        ...

    async def hand_back(self, lease: Lease) -> bool:
        """Queues the step again. This attempt does not count as a try."""
        ...

    async def cancel(self, job_id: str) -> CancelOutcome: ...

    async def purge(self, job_id: str) -> bool:
        """Deletes a job that has ended. False if it is unknown or still active."""
        ...

    async def keep(self, job_id: str, seconds: int) -> int | KeepRefusal:
        """Keeps the result of an ended job for at least that long from now, and its record with it.

        Returns the time in ms at which the result expires now.
        """
        ...

    async def reap(self, limit: int = 100, *, lenient: bool = False) -> ReapOutcome:
        """Moves on at most `limit` steps whose due time has passed, and forgets expired jobs.

        If lenient, leases that expired while the ledger was unavailable last a moment longer, so
        that live workers can renew them.
        """
        ...

    async def take_ended(self, limit: int) -> tuple[str, ...]:
        """The ids of at most `limit` jobs that have ended, oldest end first. Each is given out
        once: who takes it logs the end."""
        ...

    async def pause(self) -> None:
        """Refuses all claims until `resume`. Running steps are not affected."""
        ...

    async def resume(self) -> None: ...

    async def drain(self, worker: str) -> bool:
        """Asks a worker to claim no more steps and to end. False if the worker is not known."""
        ...

    async def evidence(self, job_id: str) -> dict[int, bytes]:
        """The data that `rank` needs about each analysed article, by the article's index."""
        ...
