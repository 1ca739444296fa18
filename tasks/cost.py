"""What a step costs in processor time, and what the cache of analyses saved it.

The step that runs here has a meter in a context variable. The fetcher and the engine's client add
to it without being given it.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Cost(Struct, frozen=True, kw_only=True):
    """Processor seconds."""

    fetch_seconds: float = 0.0
    """Of the worker, for fetching: connections, TLS, decompression."""
    engine_seconds: float = 0.0
    """Of the engine, for reading and studying."""
    worker_seconds: float = 0.0
    """Of the worker for everything else, most of it the ledger and the caches. Writing the outcome
    is not in it."""
    saved_seconds: float = 0.0
    """What the engine once spent on what came from the cache."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            fetch_seconds=self.fetch_seconds + other.fetch_seconds,
            engine_seconds=self.engine_seconds + other.engine_seconds,
            worker_seconds=self.worker_seconds + other.worker_seconds,
            saved_seconds=self.saved_seconds + other.saved_seconds,
        ).rounded()

    def rounded(self) -> Cost:
        """To a tenth of a millisecond."""
        return Cost(
            fetch_seconds=round(self.fetch_seconds, 4),
            engine_seconds=round(self.engine_seconds, 4),
            worker_seconds=round(self.worker_seconds, 4),
            saved_seconds=round(self.saved_seconds, 4),
        )

    @property
    def spent_seconds(self) -> float:
        return self.fetch_seconds + self.engine_seconds + self.worker_seconds


class CostMeter:
    """Of one attempt at a step."""

    def __init__(self) -> None:
        self.fetch = Stopwatch()
        self.all = Stopwatch()
        """What the worker does for the step, fetching included."""
        self.engine_seconds = 0.0
        self.saved_seconds = 0.0

    def cost(self) -> Cost:
        """So far."""
        fetch = self.fetch.seconds()
        return Cost(
            fetch_seconds=fetch,
            engine_seconds=self.engine_seconds,
            worker_seconds=max(0.0, self.all.seconds() - fetch),
            saved_seconds=self.saved_seconds,
        ).rounded()


class Stopwatch:
    """Adds up the processor time of this thread while it runs."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._since: float | None = None

    def start(self) -> None:
        self._since = time.thread_time()

    def stop(self) -> None:
        if self._since is not None:
            self._seconds += time.thread_time() - self._since
            self._since = None

    def seconds(self) -> float:
        running = 0.0 if self._since is None else time.thread_time() - self._since
        return self._seconds + running


class Timed(Generic[T]):
    """Awaits a coroutine. The stopwatch runs while that runs, and not while it waits: other steps
    have the thread then."""

    def __init__(self, work: Coroutine[Any, Any, T], watch: Stopwatch) -> None:
        self._work = work
        self._watch = watch

    def __await__(self) -> Generator[Any, Any, T]:
        work, watch = self._work, self._watch
        sent: Any = None
        raised: BaseException | None = None
        try:
            while True:
                watch.start()
                try:
                    awaited = work.send(sent) if raised is None else work.throw(raised)
                except StopIteration as end:
                    result: T = end.value
                    return result
                finally:
                    watch.stop()
                sent = raised = None
                try:
                    sent = yield awaited
                except BaseException as error:  # a cancellation too
                    raised = error
        finally:
            work.close()


_current: ContextVar[CostMeter | None] = ContextVar("cost_meter", default=None)


@contextmanager
def metered() -> Iterator[CostMeter]:
    """The meter of the body, and of the tasks that it starts."""
    meter = CostMeter()
    token = _current.set(meter)
    try:
        yield meter
    finally:
        _current.reset(token)


def current_meter() -> CostMeter:
    """Of the step that runs here. Outside of steps, what is added to it is lost."""
    return _current.get() or CostMeter()
