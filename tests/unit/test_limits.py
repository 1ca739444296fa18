"""The clock of a step stands while any of its tasks waits for the engine."""

from __future__ import annotations

import asyncio

from tasks.step_context import not_counted, soft_limit


async def wait_for(event: asyncio.Event) -> None:
    with not_counted():
        await event.wait()


async def test_waiting_is_not_counted_and_work_is() -> None:
    async with soft_limit(100) as limit:
        assert limit.counts
        with not_counted():
            assert not limit.counts
        assert limit.counts


async def test_the_clock_stands_until_the_last_has_waited() -> None:
    events = [asyncio.Event() for _ in range(3)]
    async with soft_limit(100) as limit:
        tasks = [asyncio.create_task(wait_for(event)) for event in events]
        await asyncio.sleep(0)
        for event, task in zip(events, tasks, strict=True):
            assert not limit.counts
            event.set()
            await task
        assert limit.counts


async def test_who_gives_up_waiting_starts_the_clock_again() -> None:
    async with soft_limit(100) as limit:
        task = asyncio.create_task(wait_for(asyncio.Event()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert limit.counts


async def test_without_a_limit_nothing_is_stopped() -> None:
    with not_counted():
        pass
