"""A step's clock is paused while any of its tasks waits for something outside of the step."""

from __future__ import annotations

import asyncio

from tasks.step_context import current_step, soft_limit, soft_limit_paused, step_named


async def wait_for(event: asyncio.Event) -> None:
    with soft_limit_paused():
        await event.wait()


async def test_the_clock_is_paused_while_the_step_waits() -> None:
    async with soft_limit(100) as limit:
        assert limit.is_running
        with soft_limit_paused():
            assert not limit.is_running
        assert limit.is_running


async def test_the_clock_is_paused_until_the_last_task_has_waited() -> None:
    events = [asyncio.Event() for _ in range(3)]
    async with soft_limit(100) as limit:
        tasks = [asyncio.create_task(wait_for(event)) for event in events]
        await asyncio.sleep(0)
        for event, task in zip(events, tasks, strict=True):
            assert not limit.is_running
            event.set()
            await task
        assert limit.is_running


async def test_a_task_that_gives_up_waiting_resumes_the_clock() -> None:
    async with soft_limit(100) as limit:
        task = asyncio.create_task(wait_for(asyncio.Event()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert limit.is_running


async def test_a_soft_limit_inside_another_is_paused_alone() -> None:
    async with soft_limit(100) as outer, soft_limit(10) as inner:
        with soft_limit_paused():
            assert outer.is_running
            assert not inner.is_running


async def test_without_a_limit_nothing_is_paused() -> None:
    with soft_limit_paused():
        pass


async def test_tasks_of_a_step_know_its_name() -> None:
    async def name() -> str | None:
        return current_step()

    with step_named("job/analyse:0"):
        assert await asyncio.create_task(name()) == "job/analyse:0"
    assert current_step() is None
