"""Requests wait for their turn, and leave nothing behind."""

from __future__ import annotations

import asyncio
import heapq
import random
from itertools import pairwise

import pytest

from tasks.errors import HostBusy, PermanentFailure, Reason, TransientFailure
from tasks.fetch.local_rate_limiter import LocalRateLimiter
from tasks.fetch.rate_limiter import (
    DEFAULT_PACE,
    EARLY_SECONDS,
    Grant,
    Pace,
    RequestLimiter,
    Ticket,
)
from tasks.step_context import step_named

INTERVAL = 1.0
PER_HOST = 2
DONE = Reason.NOT_FOUND


class Clock:
    """Time that passes as soon as everybody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._count = 0

    def now_ms(self) -> int:
        return round(self.now * 1000)

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._count += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._count, woken))
        await woken.wait()

    async def run(self, *work: asyncio.Task[None]) -> None:
        while not all(task.done() for task in work):
            for _ in range(20):  # whatever can go on without time goes on
                await asyncio.sleep(0)
            if self._sleepers:
                at, _, woken = heapq.heappop(self._sleepers)
                self.now = max(self.now, at)
                woken.set()


class Visits:
    """Visits to hosts that take as long as the test says, and what was seen of them."""

    def __init__(self, total: int = 100, interval: float = INTERVAL) -> None:
        self.clock = Clock()
        self.host_limiter = LocalRateLimiter(PER_HOST, slot_seconds=60, now_ms=self.clock.now_ms)
        self.limiter = RequestLimiter(
            total, self.host_limiter, interval=interval, sleep=self.clock.sleep
        )
        self.starts: dict[str, list[float]] = {}
        self.inside: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.most_in_all = 0

    async def visit(self, host: str, url: str, seconds: float, pace: Pace = DEFAULT_PACE) -> None:
        async with self.limiter.slot(host, url, pace):
            self.starts.setdefault(host, []).append(self.clock.now)
            self.inside[host] = self.inside.get(host, 0) + 1
            self.most[host] = max(self.most.get(host, 0), self.inside[host])
            self.most_in_all = max(self.most_in_all, sum(self.inside.values()))
            try:
                await self.clock.sleep(seconds)
            finally:
                self.inside[host] -= 1

    async def all(self, *visits: tuple[str, str, float]) -> None:
        await self.clock.run(*(asyncio.create_task(self.visit(*visit)) for visit in visits))


async def test_no_host_and_no_worker_gets_more_than_its_limit() -> None:
    visits = Visits(total=5, interval=0.0)
    await visits.all(*((f"host{n % 4}", str(n), 1.0) for n in range(60)))
    assert set(visits.most.values()) == {PER_HOST}
    assert visits.most_in_all == 5


@pytest.mark.parametrize("seed", range(10))
async def test_starts_are_an_interval_apart_however_long_requests_take(seed: int) -> None:
    visits, chance = Visits(), random.Random(seed)
    await visits.all(*((f"host{n % 3}", str(n), chance.uniform(0, 4)) for n in range(60)))
    for starts in visits.starts.values():
        gaps = [round(after - before, 6) for before, after in pairwise(starts)]
        assert len(starts) == 20
        assert min(gaps) >= INTERVAL
    assert max(visits.most.values()) <= PER_HOST


async def test_the_order_of_asking_is_kept_where_all_are_quick() -> None:
    visits, order = Visits(), list[int]()

    async def visit(number: int) -> None:
        async with visits.limiter.slot("host", str(number), Pace()):
            order.append(number)

    await visits.clock.run(*(asyncio.create_task(visit(number)) for number in range(10)))
    assert order == list(range(10))
    assert visits.clock.now == pytest.approx(9 * INTERVAL)


async def test_a_request_that_waits_for_a_busy_host_holds_no_slot() -> None:
    visits = Visits(total=2)
    await visits.all(*(("busy", str(n), 30.0) for n in range(6)), ("free", "f", 1.0))
    assert visits.starts["free"] == [0.0]


async def test_a_step_that_would_wait_long_is_postponed_and_keeps_its_place() -> None:
    visits = Visits()

    async def try_acquire(number: int) -> None:
        with step_named(f"job/analyse:{number}"):
            await visits.visit("host", str(number), 0.0)

    tasks = [asyncio.create_task(try_acquire(number)) for number in range(8)]
    await visits.clock.run(*tasks)
    busy = [task.exception() for task in tasks if task.exception()]
    assert [(type(error), getattr(error, "seconds", 0)) for error in busy] == [
        (HostBusy, 6.0 - EARLY_SECONDS),
        (HostBusy, 7.0 - EARLY_SECONDS),
    ]
    newcomer, back = asyncio.create_task(try_acquire(8)), asyncio.create_task(try_acquire(6))
    await visits.clock.run(newcomer, back)
    assert visits.starts["host"][6] == 6.0
    assert newcomer.exception() is None
    assert visits.starts["host"][7] == 8.0, "7 has its place, though it is not back yet"


async def test_outside_of_a_step_a_request_waits_as_long_as_it_takes() -> None:
    visits = Visits()
    await visits.all(*(("host", str(n), 0.0) for n in range(30)))
    assert len(visits.starts["host"]) == 30


async def test_a_request_that_waits_too_long_leaves_its_place_to_others() -> None:
    visits = Visits()
    for number in range(3):
        await visits.host_limiter.try_acquire(_ticket(str(number)))
    with pytest.raises(TransientFailure) as caught:
        await visits.visit("host", "impatient", 0.0, Pace(max_wait=2.5))
    assert (caught.value.retry_after, caught.value.host) == (3.0, "host")
    assert await visits.host_limiter.try_acquire(_ticket("next")) == Grant(wait_ms=3000)


async def test_a_host_that_keeps_refusing_costs_a_try() -> None:
    visits = Visits()
    for _ in range(5):
        await visits.limiter.block_for("host", 10.0)
        visits.clock.now += 10.0
    await visits.limiter.block_for("host", 10.0)
    with step_named("job/analyse:0"), pytest.raises(TransientFailure) as caught:
        await visits.visit("host", "a", 0.0)
    assert caught.value.retry_after == 10.0


async def test_a_cancellation_gives_everything_back() -> None:
    visits = Visits(total=1)
    for ticket_id in ("a", "b"):
        await visits.host_limiter.try_acquire(_ticket(ticket_id, interval_ms=0))
    task = asyncio.create_task(visits.visit("host", "c", 0.0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for ticket_id in ("a", "b"):
        visits.host_limiter.release(_ticket(ticket_id), answered=True)
    await visits.all(("host", "d", 0.0))
    assert visits.starts["host"] == [INTERVAL], (
        "one interval after the first two, as if c had not been"
    )


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (PermanentFailure(DONE, "Gone."), False),
        (TransientFailure(Reason.SERVER_ERROR, "Busy."), True),
    ],
)
async def test_an_answer_of_any_kind_ends_a_row_of_refusals_but_not_another_refusal(
    error: PermanentFailure | TransientFailure, refused: bool
) -> None:
    visits = Visits()
    for _ in range(5):
        await visits.limiter.block_for("host", 1.0)
        visits.clock.now += 1.0
    with pytest.raises(type(error)):
        async with visits.limiter.slot("host", "a", Pace()):
            raise error
    await visits.limiter.block_for("host", 1.0)
    assert (await visits.host_limiter.try_acquire(_ticket("b"))).refused is refused


def _ticket(ticket_id: str, interval_ms: int = 1000) -> Ticket:
    return Ticket(host="host", id=ticket_id, holder="other", interval_ms=interval_ms)
