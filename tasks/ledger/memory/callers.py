"""Turns between callers, and what is kept for each. The counterpart of the callers in
`lua/_prelude.lua`, which explains them, and of `lua/_finish.lua`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct, field

from tasks.jobs.job import Priority
from tasks.jobs.step import StepRef
from tasks.policies import MIN_WINDOW, LedgerPolicy, UsageBounds

ACTIVE_MS = 30_000
"""How long a caller is active after it had work."""

AGEING = 8

CLASSES = {priority: number for number, priority in enumerate(Priority)}


class Turn(Struct, frozen=True, order=True):
    """The place of a step in a backlog."""

    priority: int
    number: int
    member: str
    """The step, as text: the order of steps with the same turn."""


class Usage(Struct):
    """What is written for a caller, or for all."""

    jobs: int = 0
    articles: int = 0
    bytes: int = 0

    def add(self, jobs: int, articles: int, size: int) -> None:
        self.jobs += jobs
        self.articles += articles
        self.bytes += size

    def full(self, articles: int, size: int, bounds: UsageBounds) -> str | None:
        """The bound that one more job would exceed."""
        if self.jobs + 1 > bounds.jobs:
            return "jobs"
        if self.articles + articles > bounds.articles:
            return "articles"
        return "bytes" if self.bytes + size > bounds.bytes else None


class Caller(Struct, eq=False):
    """The queued and leased steps of one caller."""

    name: str
    admitted: set[StepRef] = field(default_factory=set)
    """Steps that have a wake-up or a lease."""
    backlog: dict[StepRef, Turn] = field(default_factory=dict)
    """Its other queued steps."""
    last_turns: dict[str, int] = field(default_factory=dict)
    """Job → its last turn, while there is a backlog."""
    reached: dict[int, int] = field(default_factory=dict)
    """Class of a priority → the turn that was admitted last, while there is a backlog."""
    admissions: int = 0
    usage: Usage = field(default_factory=Usage)

    def add(self, ref: StepRef, priority: Priority, *, first: bool) -> None:
        """Adds a step to the backlog."""
        number = self.reached.get(CLASSES[priority], 0)
        if not first:
            number = max(number, self.last_turns.get(ref.job_id, 0)) + 1
            self.last_turns[ref.job_id] = number
        self.backlog[ref] = Turn(CLASSES[priority], number, str(ref))

    def take(self) -> StepRef:
        """Takes the next step from the backlog. Every eighth comes from its lowest priority."""
        self.admissions += 1
        turns = sorted((turn, ref) for ref, turn in self.backlog.items())
        turn, ref = turns[0]
        if self.admissions % AGEING == 0:
            last = turns[-1][0].priority
            turn, ref = next(pair for pair in turns if pair[0].priority == last)
        del self.backlog[ref]
        self.reached[turn.priority] = turn.number
        return ref

    def withdraw(self, ref: StepRef) -> None:
        """The step is not queued or leased any more."""
        self.admitted.discard(ref)
        self.backlog.pop(ref, None)

    def forget_turns(self) -> None:
        self.last_turns.clear()
        self.reached.clear()
        self.admissions = 0


class Callers:
    """All callers, and those that the current call has changed."""

    def __init__(self, policy: LedgerPolicy) -> None:
        self._policy = policy
        self._callers: dict[str, Caller] = {}
        self._changed: set[str] = set()
        self.active: dict[str, int] = {}
        """Caller → the time at which it last had work."""
        self.window = MIN_WINDOW
        self.usage: defaultdict[str, Usage] = defaultdict(Usage)
        self.total = Usage()

    def open(self, name: str) -> Caller:
        """The caller, which the current call changes."""
        self._changed.add(name)
        return self._callers.setdefault(name, Caller(name))

    def full(self, name: str, articles: int, size: int) -> tuple[str, str] | None:
        """Whose bound one more job would exceed, and which. A caller without a name is a process
        of ours, which only the bounds of all callers bind."""
        if name and (bound := self.usage[name].full(articles, size, self._policy.caller_bounds)):
            return "caller_full", bound
        bound = self.total.full(articles, size, self._policy.all_bounds)
        return ("ledger_full", bound) if bound else None

    def add_usage(self, name: str, jobs: int, articles: int, size: int) -> None:
        for usage in (self.total, self.usage[name]):
            usage.add(jobs, articles, size)

    def update_window(self, slots: int, now_ms: int) -> int:
        """Returns the number of active callers."""
        count = sum(seen_ms > now_ms - ACTIVE_MS for seen_ms in self.active.values())
        self.window = self._policy.caller_window(slots, count)
        return count

    def examine_all(self, now_ms: int) -> None:
        """Forgets callers without work, and has the windows of the others filled."""
        for name, seen_ms in list(self.active.items()):
            caller = self.open(name)
            idle = not caller.admitted and not caller.backlog
            if idle and seen_ms <= now_ms - ACTIVE_MS:
                del self.active[name]

    def changed(self) -> Iterator[Caller]:
        """The callers that the current call has changed, by name."""
        for name in sorted(self._changed):
            yield self._callers[name]
        self._changed.clear()
