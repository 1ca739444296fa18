"""The host rate limiters that run the same tests, on a clock that the test moves."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tasks.fetch.local_rate_limiter import LocalRateLimiter
from tasks.fetch.rate_limiter import Grant, HostRateLimiter, Ticket
from tasks.ledger.rate_limiter import RedisRateLimiter
from tasks.ledger.redis import RedisLedger
from tasks.ledger.scripts import LedgerClock
from tests.contract.ledgers import START_MS

PER_HOST = 2
SLOT_SECONDS = 30.0
HOST = "site.example"


class LimiterUnderTest(ABC):
    """A limiter of two requests at once, whose slots expire after 30 seconds."""

    limiter: HostRateLimiter

    def __init__(self) -> None:
        self.now_ms = START_MS

    def advance(self, ms: int) -> None:
        self.now_ms += ms

    @abstractmethod
    async def release(self, ticket: Ticket, *, answered: bool = True) -> None:
        """Returns once the release is done."""

    async def wait_of(self, ticket: Ticket) -> int:
        return (await self.limiter.try_acquire(ticket)).wait_ms

    async def grant(self, ticket: Ticket) -> Grant:
        return await self.limiter.try_acquire(ticket)


class LocalLimiterUnderTest(LimiterUnderTest):
    def __init__(self) -> None:
        super().__init__()
        self.limiter = LocalRateLimiter(PER_HOST, SLOT_SECONDS, lambda: self.now_ms)

    async def release(self, ticket: Ticket, *, answered: bool = True) -> None:
        self.limiter.release(ticket, answered=answered)


class RedisLimiterUnderTest(LimiterUnderTest):
    def __init__(self, ledger: RedisLedger) -> None:
        super().__init__()
        self._ledger = ledger
        self.limiter = RedisRateLimiter(ledger.scripts, PER_HOST, SLOT_SECONDS, SLOT_SECONDS)
        self.advance(0)

    def advance(self, ms: int) -> None:
        super().advance(ms)
        self._ledger.scripts.clock = LedgerClock(self.now_ms)

    async def release(self, ticket: Ticket, *, answered: bool = True) -> None:
        self.limiter.release(ticket, answered=answered)
        await self.limiter.aclose()


def ticket(
    ticket_id: str,
    *,
    interval_ms: int = 1000,
    host: str = HOST,
    holder: str = "worker-1",
    urgent: bool = False,
) -> Ticket:
    return Ticket(host=host, id=ticket_id, holder=holder, interval_ms=interval_ms, urgent=urgent)
