"""Whose time it is while a batch is worked on."""

from __future__ import annotations

import asyncio

from tasks.engine.batching import Ask, End, Exchange
from tasks.engine.protocol import Batch, Failed, Reply, Working
from tasks.engine.supervisor import StartedEngine
from tasks.step_context import SoftLimit, soft_limit
from tests.unit.test_engine_line import a_study
from tests.waiting import wait_until


class PlayedEngine(StartedEngine):
    """Says what it is told to, in no process."""

    def __init__(self) -> None:
        self.replies: asyncio.Queue[Reply] = asyncio.Queue()

    async def send(self, batch: Batch) -> None:
        pass

    async def receive(self) -> Reply:
        return await self.replies.get()


async def waiting_for(ask: Ask, limits: list[SoftLimit]) -> None:
    async with soft_limit(100) as limit:
        limits.append(limit)
        await ask.outcome()


async def test_only_who_is_worked_on_spends_time() -> None:
    engine, asks = PlayedEngine(), [a_study(10), a_study(10)]
    limits: list[SoftLimit] = []
    waiting = [asyncio.create_task(waiting_for(ask, limits)) for ask in asks]
    exchange = asyncio.create_task(Exchange(engine, asks, hard_limit=100).run())
    first, second = (ask.task.number for ask in asks)

    async def told(working: tuple[int, ...], counted: list[bool]) -> None:
        await engine.replies.put(Working(working))
        await wait_until(lambda: [one.is_running for one in limits] == counted, "the clocks")

    await wait_until(lambda: len(limits) == 2, "both to wait")
    assert [one.is_running for one in limits] == [False, False]
    await told((first, second), [True, True])
    await told((first,), [True, False])
    await engine.replies.put(Failed(first, "whatever"))
    await waiting[0]
    assert not limits[1].is_running
    await told((second,), [True, True])
    await engine.replies.put(Failed(second, "whatever"))
    assert await exchange is End.ANSWERED
    await asyncio.gather(*waiting)
