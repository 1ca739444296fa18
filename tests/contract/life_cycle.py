"""A state machine that runs jobs through their life cycle on two ledgers and compares these.

`JobMoves` has the calls, each made on both ledgers, and `LifeCycleMachine` the rules.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from tasks.jobs.job import BatchAnalysis, Job, Priority
from tasks.jobs.outcome import Candidate
from tasks.jobs.record import IdempotencyKey, SubmitVerdict
from tasks.jobs.step import Claim, Lease, NextClaim, StepEnd, StepRef
from tests.contract.ledger_pair import LedgerPair
from tests.contract.ledgers import analysed, nth_id

MAX_START_S = 60
MAX_DELAY_S = 30
MAX_STEPS = 1000

MOMENTS = st.sampled_from([0.001, 0.3, 1, 2, 31, 100])
"""Among them the grace of a wake-up, the length of a lease, and the time after which a worker is
forgotten."""
WORKERS = st.sampled_from(["worker-1", "worker-2"])
STEPS = st.sampled_from(["discover", "rank", "analyse:0", "analyse:2", "analyse:99"])
KEYS = st.builds(
    IdempotencyKey,
    name=st.sampled_from(["aa", "bb"]),
    submission_digest=st.sampled_from(["11", "22"]),
)
START_S = st.sampled_from([None, None, None, -5, 1, MAX_START_S])
DEADLINE_S = st.sampled_from([None, None, None, 0, 2, 120])
ARTICLES = st.integers(0, 6)
CALLERS = st.sampled_from(["", "192.0.2.1", "192.0.2.2"])
MAX_JOBS = 8
DRAIN_ROUNDS = 60


class JobMoves(RuleBasedStateMachine):
    """Calls on both ledgers, which must give the same reply."""

    jobs: Bundle[str] = Bundle("jobs")
    wakeups: Bundle[StepRef] = Bundle("wakeups")
    """Popped from a list. They may be used never, or more than once."""
    leases: Bundle[Lease] = Bundle("leases")
    """Leases of attempts that have not ended, as far as their workers know."""
    spent: Bundle[Lease] = Bundle("spent")

    def __init__(self, pair: LedgerPair) -> None:
        super().__init__()
        self.pair = pair
        self.submitted: dict[str, Job] = {}
        self.purged: set[str] = set()
        self.ends: list[tuple[Lease, NextClaim, int]] = []
        """Of steps with whose end the next was asked for."""
        pair.begin()

    def _at(self, seconds: int | None) -> int | None:
        return None if seconds is None else self.pair.now_ms + seconds * 1000

    def _submit(self, key: IdempotencyKey | None = None, **fields: Any) -> Any:
        job = Job(
            id=nth_id(len(self.submitted)),
            params=BatchAnalysis(urls=("http://site.example/",) * 3),
            submitted_ms=self.pair.now_ms,
        )
        job = self.submitted[job.id] = msgspec.structs.replace(job, **fields)
        outcome = self.pair.both(lambda ledger: ledger.submit(job, key))
        if outcome.bound:
            assert self.pair.both(lambda ledger: ledger.record(job.id)) is None
        if outcome.verdict in (SubmitVerdict.SUBMITTED, SubmitVerdict.KNOWN):
            named = self.pair.both(lambda ledger: ledger.record(outcome.job_id))
            assert named, "a submit was answered with a job that is not there"
        return job.id if outcome.verdict is SubmitVerdict.SUBMITTED else multiple()

    def _claim(self, ref: StepRef, worker: str, call: str = "") -> Any:
        reply = self.pair.both(lambda ledger: ledger.claim(ref, worker, call))
        return reply.lease if isinstance(reply, Claim) else multiple()

    def _succeed(self, lease: Lease, articles: int, then: NextClaim | None = None) -> StepEnd:
        url = f"http://site.example/{lease.ref.index}"
        candidates = [Candidate(url=f"http://site.example/{n}") for n in range(articles)]
        match lease.ref.kind:
            case "discover":
                return self.pair.both(
                    lambda ledger: ledger.discovered(lease, candidates, b"null", then)
                )
            case "analyse":
                return self.pair.both(lambda ledger: ledger.settle(lease, analysed(url), then))
            case "rank":
                return self.pair.both(lambda ledger: ledger.complete(lease, b"{}", then))

    def _do_steps_well(self, count: int, articles: int) -> None:
        for _ in range(count):
            ref = self.pair.pop()
            if ref is None:
                return
            claim = self.pair.both(lambda ledger: ledger.claim(ref, "worker-1"))  # noqa: B023
            if isinstance(claim, Claim):
                assert self._succeed(claim.lease, articles)

    def _work_off(self) -> None:
        """Lets every start time, delay and lease pass, and does all that is queued then."""
        self.pair.advance(MAX_START_S + MAX_DELAY_S)
        self.pair.both(lambda ledger: ledger.reap(1000))
        self._do_steps_well(MAX_STEPS, articles=2)


class LifeCycleMachine(JobMoves):
    """Clients, workers that die, a reaper, an operator, and a clock that is set."""

    jobs, wakeups, leases, spent = JobMoves.jobs, JobMoves.wakeups, JobMoves.leases, JobMoves.spent

    # Clients

    @initialize(target=jobs, articles=ARTICLES)
    def one_job_runs(self, articles: int) -> Any:
        job_id = self._submit()
        self._do_steps_well(1, articles)
        return job_id

    @precondition(lambda self: len(self.submitted) < MAX_JOBS)
    @rule(
        target=jobs,
        priority=st.sampled_from(Priority),
        caller=CALLERS,
        start_s=START_S,
        deadline_s=DEADLINE_S,
        key=st.none() | KEYS,
    )
    def submit(
        self,
        priority: Priority,
        caller: str,
        start_s: int | None,
        deadline_s: int | None,
        key: IdempotencyKey | None,
    ) -> Any:
        return self._submit(
            key,
            priority=priority,
            caller=caller,
            not_before_ms=self._at(start_s),
            deadline_ms=self._at(deadline_s),
        )

    @precondition(lambda self: len(self.submitted) < MAX_JOBS)
    @rule(
        target=jobs,
        depends_on=st.lists(jobs, min_size=1, max_size=3, unique=True),
        start_s=START_S,
        deadline_s=DEADLINE_S,
    )
    def submit_after_others(
        self, depends_on: list[str], start_s: int | None, deadline_s: int | None
    ) -> Any:
        return self._submit(
            depends_on=tuple(depends_on),
            not_before_ms=self._at(start_s),
            deadline_ms=self._at(deadline_s),
        )

    @precondition(lambda self: len(self.submitted) < MAX_JOBS - 1)
    @rule(target=jobs, key=KEYS)
    def submit_with_the_key_of_a_purged_job(self, key: IdempotencyKey) -> Any:
        job_id = self._submit(key)
        if isinstance(job_id, str):
            self.cancel(job_id)
            self.purge(job_id)
        return self._submit(key)

    @rule(job_id=jobs)
    def submit_again(self, job_id: str) -> None:
        if job_id in self.purged:  # the attempts of a new job count from 1 again
            return
        self.pair.both(lambda ledger: ledger.submit(self.submitted[job_id]))

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        self.pair.both(lambda ledger: ledger.cancel(job_id))

    # Workers

    @rule(target=wakeups)
    def pop(self) -> StepRef | MultipleResults[StepRef]:
        return self.pair.pop() or multiple()

    @rule(target=leases, ref=wakeups, worker=WORKERS, call=st.sampled_from(["", "1", "2"]))
    def claim(self, ref: StepRef, worker: str, call: str) -> Any:
        return self._claim(ref, worker, call)

    @rule(target=leases, count=st.integers(1, 3), worker=WORKERS)
    def pop_and_claim(self, count: int, worker: str) -> MultipleResults[Lease]:
        popped = (self.pair.pop() for _ in range(count))
        claims = [self._claim(ref, worker) for ref in popped if ref]
        return multiple(*(claim for claim in claims if isinstance(claim, Lease)))

    @rule(target=leases, job_id=jobs, step=STEPS, worker=WORKERS)
    def claim_by_a_forged_wakeup(self, job_id: str, step: str, worker: str) -> Any:
        return self._claim(StepRef.parse(f"{job_id}/{step}"), worker)

    @rule(worker=WORKERS, leases=st.lists(leases, max_size=3), drained=st.booleans())
    def renew(self, worker: str, leases: list[Lease], drained: bool) -> None:
        if drained:
            self.pair.both(lambda ledger: ledger.drain(worker))
        self.pair.both(lambda ledger: ledger.renew(worker, b'{"slots":2}', leases))

    @rule(target=spent, lease=consumes(leases), articles=ARTICLES)
    def succeed(self, lease: Lease, articles: int) -> Lease:
        self._succeed(lease, articles)
        return lease

    @rule(target=leases, lease=leases, articles=ARTICLES, alone=st.booleans())
    def succeed_and_go_on(self, lease: Lease, articles: int, alone: bool) -> Any:
        """The ended lease stays among those that a worker may finish late."""
        then = NextClaim(claim_id=f"end-{len(self.ends)}", alone=alone)
        self.ends.append((lease, then, articles))
        end = self._succeed(lease, articles, then)
        return end.next.lease if end.next else multiple()

    @precondition(lambda self: self.ends)
    @rule(before=st.integers(1, 3))
    def repeat_an_end(self, before: int) -> None:
        """Its reply was lost."""
        lease, then, articles = self.ends[-min(before, len(self.ends))]
        end = self._succeed(lease, articles, then)
        assert end.accepted == bool(end.next)

    @rule(target=spent, lease=consumes(leases))
    def fail(self, lease: Lease) -> Lease:
        self.pair.both(lambda ledger: ledger.fail(lease, "not_found", "It failed."))
        return lease

    @rule(
        target=spent,
        lease=consumes(leases),
        delay=st.integers(0, MAX_DELAY_S),
        host=st.sampled_from([None, "other.example"]),
    )
    def retry(self, lease: Lease, delay: int, host: str | None) -> Lease:
        self.pair.both(
            lambda ledger: ledger.retry(lease, delay, "timed_out", "It took long.", host)
        )
        return lease

    @rule(target=spent, lease=consumes(leases), delay=st.integers(0, MAX_DELAY_S))
    def wait_for_a_host(self, lease: Lease, delay: int) -> Lease:
        self.pair.both(lambda ledger: ledger.postpone(lease, delay, "site.example"))
        return lease

    @rule(target=spent, lease=consumes(leases))
    def hand_back(self, lease: Lease) -> Lease:
        self.pair.both(lambda ledger: ledger.hand_back(lease))
        return lease

    @rule(lease=spent, articles=ARTICLES)
    def finish_late(self, lease: Lease, articles: int) -> None:
        assert not self._succeed(lease, articles)
        assert not self.pair.both(lambda ledger: ledger.fail(lease, "not_found", "Late."))
        assert not self.pair.both(lambda ledger: ledger.retry(lease, 1, "timed_out", "Late."))
        assert not self.pair.both(lambda ledger: ledger.hand_back(lease))
        assert not self.pair.both(lambda ledger: ledger.postpone(lease, 1, "site.example"))

    @rule(steps=st.integers(1, 5), articles=ARTICLES)
    def do_steps_well(self, steps: int, articles: int) -> None:
        self._do_steps_well(steps, articles)

    # Time

    @rule(seconds=MOMENTS)
    def pass_time(self, seconds: float) -> None:
        self.pair.advance(seconds)

    @rule(seconds=st.sampled_from([0.5, 5, 60]))
    def set_clock_back(self, seconds: float) -> None:
        self.pair.advance(-seconds)

    @rule(limit=st.sampled_from([1, 2, 100]))
    def reap(self, limit: int) -> None:
        self.pair.both(lambda ledger: ledger.reap(limit))

    @rule(seconds=MOMENTS, lenient=st.booleans())
    def pass_time_and_reap(self, seconds: float, lenient: bool) -> None:
        self.pair.advance(seconds)
        self.pair.both(lambda ledger: ledger.reap(lenient=lenient))

    @rule(count=st.integers(1, 4))
    def lose_wakeups(self, count: int) -> None:
        for _ in range(count):
            self.pair.pop()
        self.pass_time_and_reap(0.3, lenient=False)

    @rule(target=leases, worker=WORKERS)
    def lose_leases_and_run_elsewhere(self, worker: str) -> Any:
        """The workers that held the leases may still try to finish."""
        self.pass_time_and_reap(2, lenient=False)
        return self.pop_and_claim(3, worker)

    # The operator

    @rule(lost=st.integers(0, 2))
    def pause(self, lost: int) -> None:
        self.pair.both(lambda ledger: ledger.pause())
        self.lose_wakeups(lost)

    @rule()
    def resume(self) -> None:
        self.pair.both(lambda ledger: ledger.resume())

    @rule(job_id=jobs)
    def purge(self, job_id: str) -> None:
        if self.pair.both(lambda ledger: ledger.purge(job_id)):
            self.pair.forget(job_id)
            self.purged.add(job_id)

    # What holds after each step

    @invariant()
    def both_ledgers_agree_and_are_sound(self) -> None:
        self.pair.compare()

    def teardown(self) -> None:
        """Whatever happened before: with time and live workers, every job ends."""
        if self.pair.sound:
            self.resume()
            rounds = 0
            while self.pair.active_jobs():
                rounds += 1
                assert rounds < DRAIN_ROUNDS, "a job is stuck"
                self._work_off()
            self.pair.compare()
            self.pair.check_events()
