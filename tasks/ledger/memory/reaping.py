"""The reaper's rounds: advances what is overdue. The counterpart of `lua/reap.lua`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from tasks.jobs.record import ReapOutcome
from tasks.jobs.step import Lease, StepRef
from tasks.ledger.memory.entry import Entry, OpenStep, StepState
from tasks.ledger.memory.life_cycle import LifeCycle

Moved = Literal["woken", "lost", "started"]

AWAY_MS, LENIENT_MS = 2000, 1500
BEHIND_MS = 1000

DEADLINE_DETAIL = "The deadline of the job had passed."


class _Due(Struct, frozen=True):
    """The due time of a step, or the deadline of a job."""

    ms: int
    entry: Entry
    ref: StepRef | None
    """None for a deadline."""

    @property
    def name(self) -> str:
        return self.ref.name if self.ref else "deadline"


class Reaping:
    """Rounds of the reaper."""

    def __init__(self, life: LifeCycle) -> None:
        self._life = life
        self._last_ms: int | None = None
        """The time of the last lenient round."""
        self._lenient_until_ms = 0

    def reap(self, limit: int, *, paused: bool, lenient: bool) -> ReapOutcome:
        """Moves on the steps and deadlines that are due, oldest first, and forgets expired jobs."""
        if lenient:
            self._follow_clock()
        lenient_until_ms = self._update_leniency() if lenient else 0
        moved: Counter[Moved | None] = Counter()
        overdue = _overdue(self._life)[:limit]
        for due in overdue:
            entry, ref = due.entry, due.ref
            step = entry.steps.get(ref) if ref else None
            if ref is None:
                _reach_deadline(self._life, entry)
            elif step is None:  # an earlier change of this round has closed it
                continue
            elif step.state is StepState.LEASED and self._life.now_ms() < lenient_until_ms:
                self._life.set_due(entry, ref, lenient_until_ms)
            else:
                moved[_move_on(self._life, entry, ref, step, paused=paused)] += 1
        expired = _forget_expired(self._life, limit)
        self._life.callers.examine_all(self._life.now_ms())
        return ReapOutcome(
            woken=moved["woken"],
            lost=moved["lost"],
            started=moved["started"],
            expired=expired,
            examined=len(overdue),
        )

    def next_ms(self) -> int | None:
        """The earliest due time; None if no job is active."""
        return min((due.ms for due in _all_due(self._life)), default=None)

    def _follow_clock(self) -> None:
        """If the clock was set back, what was to happen after some time would happen that much
        later: moves it by as much. What is to happen at a moment, like a start time, stays."""
        now, last = self._life.now_ms(), self._last_ms
        if last is None or now >= last - BEHIND_MS:
            return
        for entry in self._life.entries.values():
            for ref, step in list(entry.steps.items()):
                if step.due_ms <= now:
                    continue
                if step.state is StepState.LEASED:
                    self._life.set_due(entry, ref, min(step.due_ms, now + self._life.lease_ms))
                elif step.state is StepState.QUEUED or step.host is not None or step.attempt:
                    self._life.set_due(entry, ref, step.due_ms - (last - now))

    def _update_leniency(self) -> int:
        """Returns the time until which expired leases are left alone.

        If no reaper has run for a while, the ledger was unavailable, and no worker could renew its
        leases. Workers then get a moment to renew them before any is ended.
        """
        now = self._life.now_ms()
        if self._last_ms is not None and now - self._last_ms > AWAY_MS:
            self._lenient_until_ms = now + LENIENT_MS
        self._last_ms = now
        return self._lenient_until_ms


def _overdue(life: LifeCycle) -> list[_Due]:
    """Oldest first."""
    now = life.now_ms()
    overdue = (due for due in _all_due(life) if due.ms <= now)
    return sorted(overdue, key=lambda due: (due.ms, due.entry.id, due.name))


def _all_due(life: LifeCycle) -> Iterator[_Due]:
    for entry in life.entries.values():
        for ref, step in entry.steps.items():
            yield _Due(step.due_ms, entry, ref)
        if entry.deadline_ms is not None:
            yield _Due(entry.deadline_ms, entry, None)


def _move_on(
    life: LifeCycle, entry: Entry, ref: StepRef, step: OpenStep, *, paused: bool
) -> Moved | None:
    if step.state is StepState.LEASED:
        _end_lease(life, entry, ref, step)
        return "lost"
    if step.state is StepState.DELAYED:
        life.leave_waiting(entry)
        life.queue(entry, ref, step.attempt, step.tries, first=step.host is not None)
        return "started"
    lost = step.taken is not None and step.taken <= life.wakeups.taken()
    if lost and not paused:
        life.wake_again(entry, ref)
        return "woken"
    life.postpone_check(entry, ref)
    return None


def _end_lease(life: LifeCycle, entry: Entry, ref: StepRef, step: OpenStep) -> None:
    lost = Lease(ref=ref, attempt=step.attempt, tries=step.tries, worker="")
    life.log_attempt(entry, lost, "lost")
    life.withdraw(entry, ref)
    if entry.record.cancelled:
        life.close(entry, ref)
        life.revoke_if_idle(entry)
    elif step.tries >= life.max_tries:
        detail = f"The worker was lost while it ran this, {step.tries} times."
        life.fail(entry, ref, "worker_lost", detail)
    else:
        if ref.index is not None:
            entry.update(reanalysed=entry.record.reanalysed + 1)
        life.queue(entry, ref, step.attempt, step.tries, first=True)


def _reach_deadline(life: LifeCycle, entry: Entry) -> None:
    """A deadline has no effect on a job that is being ranked or cancelled."""
    if entry.deadline_ms is None:  # the job has ended in this same round
        return
    entry.deadline_ms = None
    if entry.record.cancelled or entry.step("rank") in entry.steps:
        return
    for index in _close_unsettled(life, entry):
        life.settle_failed(entry, index, "deadline_reached", DEADLINE_DETAIL)
    entry.update(deadline_reached=True, total=len(entry.candidates))
    life.leave_waiting(entry)
    life.release(entry)


def _close_unsettled(life: LifeCycle, entry: Entry) -> list[int]:
    """Closes the open steps. Returns the articles that have not settled, in order."""
    for ref in list(entry.steps):
        life.close(entry, ref)
    entry.released = len(entry.candidates)
    return [index for index in range(len(entry.candidates)) if index not in entry.outcomes]


def _forget_expired(life: LifeCycle, limit: int) -> int:
    expired = [entry.id for entry in life.entries.values() if life.expired(entry)][:limit]
    for job_id in expired:
        life.forget(job_id)
    return len(expired)
