"""Requests wait for their turn, and waiting leaves nothing behind."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tasks.errors import Reason, TransientFailure
from tasks.fetch.deadline import Deadline
from tasks.fetch.limits import Limits, Slots


class Crowd:
    """Counts who is inside."""

    def __init__(self) -> None:
        self.inside: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.most_in_all = 0

    async def visit(self, limits: Limits, host: str) -> None:
        async with limits.taken(host):
            self.inside[host] = self.inside.get(host, 0) + 1
            self.most[host] = max(self.most.get(host, 0), self.inside[host])
            self.most_in_all = max(self.most_in_all, sum(self.inside.values()))
            for _ in range(3):
                await asyncio.sleep(0)
            self.inside[host] -= 1


async def test_no_host_and_no_worker_gets_more_than_its_limit() -> None:
    crowd, limits = Crowd(), Limits(total=5, per_host=2)
    await asyncio.gather(*(crowd.visit(limits, f"host{i % 4}") for i in range(60)))
    assert set(crowd.most.values()) == {2}
    assert crowd.most_in_all == 5


async def test_who_waits_for_a_busy_host_holds_no_slot_of_others() -> None:
    crowd, limits = Crowd(), Limits(total=2, per_host=1)
    async with limits.taken("busy"):
        waiting = [asyncio.create_task(crowd.visit(limits, "busy")) for _ in range(10)]
        await crowd.visit(limits, "free")
        assert crowd.most == {"free": 1}
    await asyncio.gather(*waiting)


async def test_a_key_is_forgotten_when_nobody_uses_it_even_after_a_cancellation() -> None:
    slots = Slots(1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(slots.taken("a"))
        waiting = asyncio.create_task(stack.enter_async_context(slots.taken("a")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(slots) == 1
    assert len(slots) == 0


async def test_a_deadline_ends_with_its_reason() -> None:
    with pytest.raises(TransientFailure) as caught:
        async with Deadline(0.01):
            await asyncio.Event().wait()
    assert caught.value.reason == Reason.TIMED_OUT


async def test_a_deadline_stands_still_while_it_is_paused() -> None:
    loop = asyncio.get_running_loop()
    gate = asyncio.Event()
    loop.call_later(0.1, gate.set)
    async with Deadline(0.05) as outer, Deadline(0.05, within=outer) as inner:
        with inner.paused(), inner.paused():
            await gate.wait()


async def test_a_deadline_goes_on_after_a_pause() -> None:
    async def hang() -> None:
        async with Deadline(0.02) as deadline:
            with deadline.paused():
                await asyncio.sleep(0)
            await asyncio.Event().wait()

    with pytest.raises(TransientFailure):
        await hang()
