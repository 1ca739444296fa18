"""For whom something is asked: the step that runs here, where one does.

What waits outside the process for this step, such as its turn at a host, is kept under this name,
so that the next attempt finds it again, in whichever worker that runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

_asker: ContextVar[str | None] = ContextVar("asker", default=None)


@contextmanager
def asking_for(step: str) -> Iterator[None]:
    """Whatever the body asks, it asks for this step."""
    before = _asker.set(step)
    try:
        yield
    finally:
        _asker.reset(before)


def asker() -> str | None:
    """The name of the step; None where nobody would come back for the answer."""
    return _asker.get()


class SoftLimit:
    """The clock of one step. It stands while any of the step's tasks waits."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout
        self._waiting = 0
        self._left: float | None = None
        """Seconds, while the clock stands; None where there is nothing to go on with."""

    @property
    def counts(self) -> bool:
        """Whether the clock goes."""
        return self._timeout.when() is not None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stops the clock for the body."""
        self._waiting += 1
        if self._waiting == 1:
            self._stop()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._go_on()

    def _stop(self) -> None:
        due = None if self._timeout.expired() else self._timeout.when()
        self._left = None if due is None else due - asyncio.get_running_loop().time()
        if self._left is not None:
            self._timeout.reschedule(None)

    def _go_on(self) -> None:
        if self._left is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._left)


_limit: ContextVar[SoftLimit | None] = ContextVar("soft_limit", default=None)


@asynccontextmanager
async def soft_limit(seconds: float) -> AsyncIterator[SoftLimit]:
    """Cancels the body after so many seconds of work, and raises TimeoutError."""
    async with asyncio.timeout(seconds) as timeout:
        limit = SoftLimit(timeout)
        before = _limit.set(limit)
        try:
            yield limit
        finally:
            _limit.reset(before)


@contextmanager
def not_counted() -> Iterator[None]:
    """Stops the clock of the soft limit that holds here, if there is one, for the body."""
    limit = _limit.get()
    if limit is None:
        yield
        return
    with limit.stopped():
        yield
