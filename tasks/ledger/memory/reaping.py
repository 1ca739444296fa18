"""What time alone does: whatever is overdue is moved on. The counterpart of `lua/reap.lua`."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from tasks.job import Lease, Reaped, StepRef
from tasks.ledger.memory.entry import Entry, OpenStep, StepState
from tasks.ledger.memory.life_cycle import LifeCycle

Moved = Literal["woken", "lost", "started"]

DEADLINE_DETAIL = "The deadline of the job had passed."


def reap(life: LifeCycle, limit: int, *, paused: bool) -> Reaped:
    """Moves on the steps and deadlines that are due, the oldest first; forgets expired jobs."""
    moved: Counter[Moved | None] = Counter()
    for entry, ref in _overdue(life)[:limit]:
        if ref is None:
            _reach_deadline(life, entry)
        elif ref in entry.steps:  # else it was closed by what came before it
            moved[_move_on(life, entry, ref, paused=paused)] += 1
    return Reaped(
        woken=moved["woken"],
        lost=moved["lost"],
        started=moved["started"],
        expired=_forget_expired(life, limit),
    )


def _overdue(life: LifeCycle) -> list[tuple[Entry, StepRef | None]]:
    """Steps, and deadlines as None."""
    due: list[tuple[int, str, str, Entry, StepRef | None]] = []
    for entry in life.entries.values():
        due += [(step.due_ms, entry.id, ref.name, entry, ref) for ref, step in entry.steps.items()]
        if entry.deadline_ms is not None:
            due.append((entry.deadline_ms, entry.id, "deadline", entry, None))
    now = life.now_ms()
    in_order = sorted((one for one in due if one[0] <= now), key=lambda one: one[:3])
    return [(entry, ref) for *_, entry, ref in in_order]


def _move_on(life: LifeCycle, entry: Entry, ref: StepRef, *, paused: bool) -> Moved | None:
    step = entry.steps[ref]
    if step.state is StepState.LEASED:
        _end_lease(life, entry, ref, step)
        return "lost"
    if step.state is StepState.DELAYED:
        life.leave_waiting(entry)
        life.queue(entry, ref, step.attempt, step.tries)
        return "started"
    if not paused and step.taken <= life.wakeups.taken(entry.job.priority):
        life.queue(entry, ref, step.attempt, step.tries)
        return "woken"
    life.look_again(entry, ref)
    return None


def _end_lease(life: LifeCycle, entry: Entry, ref: StepRef, step: OpenStep) -> None:
    lost = Lease(ref=ref, attempt=step.attempt, tries=step.tries, worker="")
    life.log_attempt(entry, lost, "lost")
    if entry.record.cancelled:
        del entry.steps[ref]
        life.revoke_if_idle(entry)
    elif step.tries >= life.max_tries:
        detail = f"The worker was lost while it ran this, {step.tries} times."
        life.fail(entry, ref, "worker_lost", detail)
    else:
        life.queue(entry, ref, step.attempt, step.tries)


def _reach_deadline(life: LifeCycle, entry: Entry) -> None:
    """It means nothing to a job that is being ranked or is on its way to REVOKED."""
    entry.deadline_ms = None
    if entry.record.cancelled or entry.step("rank") in entry.steps:
        return
    for index in _close_unsettled(entry):
        life.settle_failed(entry, index, "deadline_reached", DEADLINE_DETAIL)
    entry.update(deadline_reached=True, total=len(entry.candidates))
    life.leave_waiting(entry)
    life.release(entry)


def _close_unsettled(entry: Entry) -> list[int]:
    """Closes the open steps. Gives the articles that have not settled, in their order."""
    entry.steps.clear()
    entry.released = len(entry.candidates)
    return [index for index in range(len(entry.candidates)) if index not in entry.outcomes]


def _forget_expired(life: LifeCycle, limit: int) -> int:
    expired = [entry.id for entry in life.entries.values() if life.expired(entry)][:limit]
    for job_id in expired:
        del life.entries[job_id]
    return len(expired)
