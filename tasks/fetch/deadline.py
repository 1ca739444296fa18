"""The time that one fetch has, redirects and body included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from tasks.errors import Reason, TransientFailure


class Deadline:
    """Ends its block with TIMED_OUT. It stands still while we wait for limits of our own.

    Else the last of fifty pages of one host would fail because we are polite, not because its site
    is slow.
    """

    def __init__(self, seconds: float, *, within: Deadline | None = None) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._within = within
        """The deadline around this one, which stands still with it."""

    async def __aenter__(self) -> Deadline:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise TransientFailure(Reason.TIMED_OUT, "The site took too long to answer.") from late

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A stretch of time that does not count."""
        with ExitStack() as stack:
            if self._within is not None:
                stack.enter_context(self._within.paused())
            stack.enter_context(self._stopped())
            yield

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        due = self._timeout.when()
        if due is None or self._timeout.expired():
            yield
            return
        now = asyncio.get_running_loop().time
        since = now()
        self._timeout.reschedule(None)
        try:
            yield
        finally:
            self._timeout.reschedule(due + now() - since)
