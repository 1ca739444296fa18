"""The three lists of wake-ups."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from tasks.job import Priority
from tasks.step import StepRef


class Wakeups:
    """First in, first out. What is popped may be lost: a list only knows how many were taken."""

    def __init__(self) -> None:
        self._lists: dict[Priority, deque[StepRef]] = {priority: deque() for priority in Priority}
        self._pushed: Counter[Priority] = Counter()

    def push(self, ref: StepRef, priority: Priority) -> int:
        """Gives how many will have been taken from its list once this one has."""
        self._lists[priority].append(ref)
        self._pushed[priority] += 1
        return self._pushed[priority]

    def push_first(self, ref: StepRef, priority: Priority) -> int:
        """The same at the front. Not counted as pushed: once it is gone, the list is as before."""
        behind = len(self._lists[priority])
        self._lists[priority].appendleft(ref)
        return self._pushed[priority] - behind

    def pop(self, priorities: Iterable[Priority]) -> StepRef | None:
        """The first wake-up of the first of these lists that has one."""
        for priority in priorities:
            if self._lists[priority]:
                return self._lists[priority].popleft()
        return None

    def waiting(self, priority: Priority) -> int:
        """How many stand in this list."""
        return len(self._lists[priority])

    def taken(self, priority: Priority) -> int:
        """How many have been taken from this list."""
        return self._pushed[priority] - len(self._lists[priority])
