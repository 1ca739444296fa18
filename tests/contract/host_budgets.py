"""The budgets of hosts that run the same tests, on a clock that the test moves."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tasks.fetch.local_rate_limiter import LocalHosts
from tasks.fetch.rate_limiter import Answer, HostBudget, Turn
from tasks.ledger.rate_limiter import SharedHosts
from tasks.ledger.redis import RedisLedger
from tasks.ledger.scripts import LedgerClock
from tests.contract.ledgers import START_MS

PER_HOST = 2
SLOT_SECONDS = 30.0
HOST = "site.example"


class BudgetUnderTest(ABC):
    """A budget of two requests at once, whose slots last for 30 seconds."""

    budget: HostBudget

    def __init__(self) -> None:
        self.now_ms = START_MS

    def advance(self, ms: int) -> None:
        self.now_ms += ms

    @abstractmethod
    async def release(self, turn: Turn, *, well: bool = True) -> None:
        """Returns once the release has been told."""

    async def wait_of(self, turn: Turn) -> int:
        return (await self.budget.ask(turn)).wait_ms

    async def answer(self, turn: Turn) -> Answer:
        return await self.budget.ask(turn)


class LocalUnderTest(BudgetUnderTest):
    def __init__(self) -> None:
        super().__init__()
        self.budget = LocalHosts(PER_HOST, SLOT_SECONDS, lambda: self.now_ms)

    async def release(self, turn: Turn, *, well: bool = True) -> None:
        self.budget.release(turn, well=well)


class SharedUnderTest(BudgetUnderTest):
    def __init__(self, ledger: RedisLedger) -> None:
        super().__init__()
        self._ledger = ledger
        self.budget = SharedHosts(ledger.scripts, PER_HOST, SLOT_SECONDS, SLOT_SECONDS)
        self.advance(0)

    def advance(self, ms: int) -> None:
        super().advance(ms)
        self._ledger.scripts.clock = LedgerClock(self.now_ms)

    async def release(self, turn: Turn, *, well: bool = True) -> None:
        self.budget.release(turn, well=well)
        await self.budget.aclose()


def turn(
    ticket: str,
    *,
    gap_ms: int = 1000,
    host: str = HOST,
    holder: str = "worker-1",
    first: bool = False,
) -> Turn:
    return Turn(host=host, ticket=ticket, holder=holder, gap_ms=gap_ms, first=first)
