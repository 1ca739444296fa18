"""What a step costs."""

from __future__ import annotations

import asyncio
import time

import pytest

from tasks.cost import Cost, Stopwatch, Timed, current_meter, metered


def spin(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def test_only_the_time_of_the_work_itself_counts() -> None:
    watches = Stopwatch(), Stopwatch()

    async def work(own: float) -> float:
        spin(own)
        await asyncio.sleep(0.01)
        spin(own)
        return own

    results = await asyncio.gather(
        *(Timed(work(own), watch) for own, watch in zip((0.02, 0.1), watches, strict=True))
    )
    assert results == [0.02, 0.1]
    # The processor time of a thread is exact whatever else the machine does.
    assert 0.04 <= watches[0].seconds() < 0.1
    assert 0.2 <= watches[1].seconds() < 0.3


async def test_errors_and_cancellations_pass_through() -> None:
    watch = Stopwatch()
    seen: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    with pytest.raises(ZeroDivisionError):
        await Timed(fail(), watch)
    task = asyncio.create_task(_await(Timed(wait(), watch)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def _await(timed: Timed[None]) -> None:
    await timed


async def test_a_time_limit_inside_still_ends_the_work() -> None:
    async def slow() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return "timed out"
        return "done"

    assert await Timed(slow(), Stopwatch()) == "timed out"


async def test_each_step_has_a_meter_of_its_own() -> None:
    async def step(engine: float) -> Cost:
        with metered() as meter:
            await asyncio.gather(add(engine), add(engine))
            return meter.cost()

    async def add(engine: float) -> None:
        await asyncio.sleep(0)
        current_meter().engine_seconds += engine

    first, second = await asyncio.gather(step(1), step(2))
    assert (first.engine_seconds, second.engine_seconds) == (2, 4)
    assert sum([first, second], Cost()).engine_seconds == 6


def test_outside_of_steps_nothing_is_counted() -> None:
    current_meter().engine_seconds += 1
    assert current_meter().cost() == Cost()
