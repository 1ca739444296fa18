"""The soft limit of a step: how long it may work.

What a step waits for the engine, be it for its turn or for a new engine, is not counted: it would
be held against it that a neighbour was slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

_limit: ContextVar[asyncio.Timeout | None] = ContextVar("soft_limit", default=None)


@asynccontextmanager
async def soft_limit(seconds: float) -> AsyncIterator[None]:
    """Cancels the body after so many seconds of work, and raises TimeoutError."""
    async with asyncio.timeout(seconds) as limit:
        before = _limit.set(limit)
        try:
            yield
        finally:
            _limit.reset(before)


@contextmanager
def not_counted() -> Iterator[None]:
    """Stops the clock of the soft limit that holds here, if there is one, for the body."""
    limit = _limit.get()
    due = limit.when() if limit and not limit.expired() else None
    if limit is None or due is None:
        yield
        return
    loop = asyncio.get_running_loop()
    left = due - loop.time()
    limit.reschedule(None)
    try:
        yield
    finally:
        limit.reschedule(loop.time() + left)
