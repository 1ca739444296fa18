"""Whatever happens to a step, the runner raises nothing, and its job can still end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from structlog.testing import capture_logs

from tasks.composition import job_limits, ledger_policy
from tasks.errors import (
    HostBusy,
    LedgerUnavailable,
    PermanentFailure,
    Reason,
    TransientFailure,
)
from tasks.jobs.job import HealthCheck, Job, JobState, JobType
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.jobs.queue import Queue
from tasks.jobs.step import Claim, ClaimRefusal, Lease, NextClaim, StepEnd, StepRef
from tasks.jobs.submission import Submission
from tasks.ledger.memory import MemoryLedger
from tasks.logs import add_fields
from tasks.ports import Discovery
from tasks.settings import Settings
from tasks.step_context import StepLimits
from tasks.worker.leases import HeldLeases
from tasks.worker.runner import Runner

SETTINGS = Settings(task_max_retries=1)
POLICY = ledger_policy(SETTINGS)
LIMITS = StepLimits(soft_limit_seconds=0.05, retry_delay_seconds=1.0)

Work = Callable[[], Awaitable[None]]


class ScriptedKind:
    """Its `discover` does what the test says."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def discover(self, job: Job) -> Discovery:
        await self._work()
        return Discovery(candidates=())

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        return ArticleAnalysed(url=candidate.url, result=msgspec.Raw(b"{}"))

    async def rank(self, job: Job) -> bytes:
        return b"{}"


class Stage:
    """A runner on a ledger in memory, with one job."""

    def __init__(self, work: Work, ledger: MemoryLedger | None = None) -> None:
        self.ledger = ledger or MemoryLedger(POLICY)
        self.leases = HeldLeases(self.ledger, "worker", slots=1)
        self.runner = Runner(
            ledger=self.ledger,
            kinds={JobType.HEALTH_CHECK: ScriptedKind(work)},
            leases=self.leases,
            limits=LIMITS,
            worker="worker",
        )

    async def submit(self) -> StepRef:
        await Queue(self.ledger, job_limits(SETTINGS)).submit(Submission(params=HealthCheck()))
        ref = self.ledger.pop_wakeup()
        assert ref is not None
        return ref

    async def run(self) -> StepRef:
        ref = await self.submit()
        await self.runner.run(str(ref))
        return ref

    async def last_attempt(self, ref: StepRef) -> tuple[str, str | None]:
        attempt = (await self.ledger.attempts(ref.job_id))[-1]
        return attempt.outcome, attempt.reason


def raising(error: BaseException) -> Work:
    async def work() -> None:
        raise error

    return work


async def nothing() -> None:
    pass


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_success_moves_the_job_on() -> None:
    stage = Stage(nothing)
    ref = await stage.run()
    assert stage.ledger.pop_wakeup() == StepRef(ref.job_id, "rank")


class CountedSlots:
    """One that may take so many steps without a wake-up."""

    def __init__(self, left: int) -> None:
        self.left = left

    def reserve(self) -> bool:
        if self.left:
            self.left -= 1
            return True
        return False

    def give_back(self) -> None:
        self.left += 1


async def test_a_step_follows_another_in_its_slot() -> None:
    stage = Stage(nothing)
    stage.runner.slots = CountedSlots(5)
    stage.leases.alone = True
    ref = await stage.run()
    status = await stage.ledger.record(ref.job_id)
    assert status
    assert status.state is JobState.SUCCESS
    assert stage.ledger.pop_wakeup() is None
    assert stage.runner.slots.left == 4


@pytest.mark.parametrize("why", ["stopping", "paused", "full"])
async def test_no_step_follows_in_a_worker_that_takes_no_more(why: str) -> None:
    stage = Stage(nothing)
    stage.runner.slots = CountedSlots(0 if why == "full" else 5)
    stage.leases.alone = True
    stage.leases.paused = why == "paused"
    if why == "stopping":
        stage.leases.stopping.set()
    ref = await stage.run()
    assert stage.ledger.pop_wakeup() == StepRef(ref.job_id, "rank")


@pytest.mark.parametrize(
    ("work", "outcome", "reason"),
    [
        (raising(PermanentFailure(Reason.NOT_FOUND, "404")), "failed", "not_found"),
        (raising(TransientFailure(Reason.SERVER_ERROR, "503")), "retried", "server_error"),
        (raising(KeyError("surprise")), "failed", "internal_error"),
        (raising(asyncio.CancelledError()), "failed", "internal_error"),
        (for_ever, "failed", "timed_out"),
        (raising(LedgerUnavailable()), "handed_back", None),
    ],
)
async def test_what_becomes_of_work_that_raises(
    work: Work, outcome: str, reason: str | None
) -> None:
    """A CancelledError that neither the lease nor the worker's end explains is a bug of ours."""
    stage = Stage(work)
    assert await stage.last_attempt(await stage.run()) == (outcome, reason)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (nothing, {"outcome": "succeeded"}),
        (
            raising(PermanentFailure(Reason.NOT_FOUND, "It is gone.")),
            {"outcome": "failed", "reason": "not_found", "detail": "It is gone."},
        ),
        (
            raising(TransientFailure(Reason.SERVER_ERROR, "503")),
            {"outcome": "retried", "reason": "server_error"},
        ),
        (raising(HostBusy("site.example", 7.0)), {"outcome": "postponed", "host": "site.example"}),
        (raising(LedgerUnavailable()), {"outcome": "handed_back", "reason": "ledger_unavailable"}),
    ],
)
async def test_the_end_of_each_attempt_is_one_line(work: Work, expected: dict[str, object]) -> None:
    with capture_logs([add_fields]) as logs:
        ref = await Stage(work).run()
    [line] = [line for line in logs if line["event"] == "step ended"]
    assert line.items() >= expected.items()
    assert (line["job_id"], line["step"], line["attempt"]) == (ref.job_id, "discover", 1)
    assert 0 <= line["seconds"] < 60


async def test_the_lines_of_a_step_have_the_trace_id_of_its_job() -> None:
    stage = Stage(nothing)
    job = Job(
        id="01900000-0000-7000-8000-000000000001",
        params=HealthCheck(),
        submitted_ms=0,
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
    )
    await stage.ledger.submit(job)
    with capture_logs([add_fields]) as logs:
        await stage.runner.run(f"{job.id}/discover")
    assert {line["trace_id"] for line in logs} == {"a" * 32}


async def test_a_cancelled_job_ends_with_its_last_step() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await for_ever()

    stage = Stage(work)
    ref = await stage.submit()
    running = asyncio.create_task(stage.runner.run(str(ref)))
    await begun.wait()
    await Queue(stage.ledger, job_limits(SETTINGS)).cancel(ref.job_id)
    await stage.leases.renew()
    await running
    record = await stage.ledger.record(ref.job_id)
    assert record is not None
    assert record.state is JobState.REVOKED


async def test_a_step_whose_host_is_busy_waits_for_it_without_a_try() -> None:
    stage = Stage(raising(HostBusy("site.example", 1.0)))
    ref = await stage.run()
    assert stage.ledger.pop_wakeup() is None
    assert await stage.ledger.attempts(ref.job_id) == ()
    assert 0.5 < (stage.ledger.due_in() or 0) <= 1.0


async def test_a_malformed_wakeup_is_dropped() -> None:
    with capture_logs() as logs:
        await Stage(nothing).runner.run("{}")
    assert [line["event"] for line in logs] == ["malformed wake-up dropped"]


async def test_an_unexpected_error_of_a_claim_does_not_escape() -> None:
    class Broken(MemoryLedger):
        async def claim(self, ref: StepRef, worker: str, call: str = "") -> Claim | ClaimRefusal:
            raise ValueError("surprise")

    with capture_logs() as logs:
        ref = await Stage(nothing, Broken(POLICY)).run()
    assert [(line["step"], line["log_level"]) for line in logs] == [(str(ref), "error")]


async def test_an_outcome_that_cannot_be_recorded_leaves_the_lease_to_expire() -> None:
    class Broken(MemoryLedger):
        refusals = 1

        async def discovered(
            self, lease: Lease, candidates: object, report: bytes, then: NextClaim | None = None
        ) -> StepEnd:
            if self.refusals:
                self.refusals -= 1
                raise ValueError("surprise")
            return await super().discovered(lease, (), report, then)

    now_ms = 1_800_000_000_000
    stage = Stage(nothing, Broken(POLICY, now_ms=lambda: now_ms))
    ref = await stage.run()
    assert len(stage.leases) == 0
    now_ms += int(SETTINGS.lease_seconds * 1000) + 1
    await stage.ledger.reap()
    await stage.runner.run(str(ref))
    assert stage.ledger.pop_wakeup() == StepRef(ref.job_id, "rank")


class AwayLedger(MemoryLedger):
    """Each of its calls fails once `away` is set."""

    away = False

    async def claim(self, ref: StepRef, worker: str, call: str = "") -> Claim | ClaimRefusal:
        self._check()
        return await super().claim(ref, worker, call)

    async def hand_back(self, lease: Lease) -> bool:
        self._check()
        return await super().hand_back(lease)

    async def discovered(
        self, lease: Lease, candidates: object, report: bytes, then: NextClaim | None = None
    ) -> StepEnd:
        self._check()
        return await super().discovered(lease, (), report, then)

    def _check(self) -> None:
        if self.away:
            raise LedgerUnavailable


async def test_a_worker_that_stops_does_not_wait_for_a_claim() -> None:
    ledger = AwayLedger(POLICY)
    stage = Stage(nothing, ledger)
    ref = await stage.submit()
    ledger.away = True
    running = asyncio.create_task(stage.runner.run(str(ref)))
    await asyncio.sleep(0)
    assert not running.done()
    stage.leases.stopping.set()
    await asyncio.wait_for(running, 2)


@pytest.mark.parametrize(
    ("error", "given_up"), [(LedgerUnavailable(), True), (None, False)], ids=["broken off", "done"]
)
async def test_a_worker_that_stops_waits_only_to_record_what_was_done(
    error: Exception | None, given_up: bool
) -> None:
    async def work() -> None:
        ledger.away = True
        stage.leases.stopping.set()
        if error:
            raise error

    ledger = AwayLedger(POLICY)
    stage = Stage(work, ledger)
    ref = await stage.submit()
    running = asyncio.create_task(stage.runner.run(str(ref)))
    await asyncio.wait({running}, timeout=0.2)
    assert running.done() is given_up
    stage.leases.handing_back.set()
    await asyncio.wait_for(running, 2)


async def test_a_runner_that_is_cancelled_itself_ends_its_work() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    stage = Stage(work)
    ref = await stage.submit()
    running = asyncio.create_task(stage.runner.run(str(ref)))
    await started.wait()
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert ended.is_set()
