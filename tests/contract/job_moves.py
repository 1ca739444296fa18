"""The moves that the state machine of the life cycle is made of."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple

from tasks.jobs.job import BatchAnalysis, Job, Priority
from tasks.jobs.outcome import Candidate
from tasks.jobs.record import IdempotencyKey, SubmitVerdict
from tasks.jobs.step import Claim, Lease, StepRef
from tests.contract.ledger_pair import LedgerPair
from tests.contract.ledgers import analysed, nth_id

MAX_START_S = 60
MAX_DELAY_S = 30
MAX_STEPS = 1000


class JobMoves(RuleBasedStateMachine):
    """Each on both ledgers, which must give the same reply."""

    jobs: Bundle[str] = Bundle("jobs")
    wakeups: Bundle[StepRef] = Bundle("wakeups")
    """Taken from a list, and perhaps never used, or more than once."""
    leases: Bundle[Lease] = Bundle("leases")
    """Of attempts that have not ended, as far as their worker knows."""
    spent: Bundle[Lease] = Bundle("spent")

    def __init__(self, pair: LedgerPair) -> None:
        super().__init__()
        self.pair = pair
        self.submitted: dict[str, Job] = {}
        self.purged: set[str] = set()
        pair.begin()

    def _at(self, seconds: int | None) -> int | None:
        return None if seconds is None else self.pair.now_ms + seconds * 1000

    def _submit(self, key: IdempotencyKey | None = None, **fields: Any) -> Any:
        job = Job(
            id=nth_id(len(self.submitted)),
            params=BatchAnalysis(urls=()),
            submitted_ms=self.pair.now_ms,
        )
        job = self.submitted[job.id] = msgspec.structs.replace(job, **fields)
        outcome = self.pair.both(lambda ledger: ledger.submit(job, key))
        if outcome.verdict in (SubmitVerdict.SUBMITTED, SubmitVerdict.KNOWN):
            named = self.pair.both(lambda ledger: ledger.record(outcome.job_id))
            assert named, "a submit was answered with a job that is not there"
        return job.id if outcome.verdict is SubmitVerdict.SUBMITTED else multiple()

    def _claim(self, ref: StepRef, worker: str, call: str = "") -> Any:
        reply = self.pair.both(lambda ledger: ledger.claim(ref, worker, call))
        return reply.lease if isinstance(reply, Claim) else multiple()

    def _succeed(self, lease: Lease, articles: int) -> bool:
        url = f"http://site.example/{lease.ref.index}"
        found = [Candidate(url=f"http://site.example/{n}") for n in range(articles)]
        match lease.ref.kind:
            case "discover":
                return self.pair.both(lambda ledger: ledger.discovered(lease, found, b"null"))
            case "analyse":
                return self.pair.both(lambda ledger: ledger.settle(lease, analysed(url)))
            case "rank":
                return self.pair.both(lambda ledger: ledger.complete(lease, b"{}"))

    def _do_steps_well(self, count: int, articles: int) -> None:
        for _ in range(count):
            ref = self.pair.pop(Priority)
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
