"""The step that runs here: its name, and the clock of its soft limit.

Both are context variables, so that code far below the runner need not be given them: a request to
a host queues under the step's name, and waiting for the engine pauses the step's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

from msgspec import Struct


class StepLimits(Struct, frozen=True, kw_only=True):
    """What bounds the attempts at a step."""

    soft_limit_seconds: float
    """An attempt is interrupted after this much work. Waiting for the engine does not count."""
    retry_delay_seconds: float
    """Before the second try; see `tasks.worker.runner.retry_delay`."""


_current_step: ContextVar[str | None] = ContextVar("current_step", default=None)


@contextmanager
def step_named(name: str) -> Iterator[None]:
    """The body runs for this step."""
    token = _current_step.set(name)
    try:
        yield
    finally:
        _current_step.reset(token)


def current_step() -> str | None:
    """The name of the step that runs here; None outside of steps.

    What waits outside this process for the step, such as its place in a host's queue, is kept under
    this name, so that the next attempt finds it again, in whichever worker that runs.
    """
    return _current_step.get()


class SoftLimit:
    """The clock of one step. It is paused while any of the step's tasks waits."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout
        self._waiting = 0
        """Bodies of `paused` that run."""
        self._seconds_left: float | None = None
        """While the clock is paused; None if the limit had been reached before."""

    @property
    def is_running(self) -> bool:
        return self._timeout.when() is not None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pauses the clock for the body."""
        self._waiting += 1
        if self._waiting == 1:
            self._pause()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._resume()

    def _pause(self) -> None:
        due = None if self._timeout.expired() else self._timeout.when()
        self._seconds_left = None if due is None else due - asyncio.get_running_loop().time()
        if self._seconds_left is not None:
            self._timeout.reschedule(None)

    def _resume(self) -> None:
        if self._seconds_left is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds_left)


_current_limit: ContextVar[SoftLimit | None] = ContextVar("current_limit", default=None)


@asynccontextmanager
async def soft_limit(seconds: float) -> AsyncIterator[SoftLimit]:
    """Cancels the body after this many seconds of work, and raises TimeoutError."""
    async with asyncio.timeout(seconds) as timeout:
        limit = SoftLimit(timeout)
        token = _current_limit.set(limit)
        try:
            yield limit
        finally:
            _current_limit.reset(token)


@contextmanager
def soft_limit_paused() -> Iterator[None]:
    """Pauses the clock of the innermost soft limit, if there is one, for the body."""
    limit = _current_limit.get()
    if limit is None:
        yield
        return
    with limit.paused():
        yield
