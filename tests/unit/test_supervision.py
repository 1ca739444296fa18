from __future__ import annotations

import asyncio
import contextlib

import pytest
from structlog.testing import capture_logs

from tasks.supervision import RestartPolicy, background, cancel_and_wait, keep_running
from tests.waiting import wait_until

AT_ONCE = RestartPolicy(first_seconds=0.0)


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    async def deaf_once() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    await cancel_and_wait(task)
    assert task.cancelled()


async def test_what_a_cancelled_task_had_raised_is_raised() -> None:
    async def fail() -> None:
        raise KeyError("surprise")

    task = asyncio.create_task(fail())
    await asyncio.wait({task})
    with pytest.raises(KeyError):
        await cancel_and_wait(task)


@pytest.mark.parametrize("error", [ValueError("surprise"), asyncio.CancelledError()])
async def test_a_loop_that_fails_is_logged_by_name_and_restarted(error: BaseException) -> None:
    """A CancelledError that comes from what the loop awaits would end its task without a word."""
    starts = 0

    async def fail_twice() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise error
        await asyncio.Event().wait()

    with capture_logs() as logs:
        async with background("reaper", fail_twice, AT_ONCE):
            await wait_until(lambda: starts == 3, "the loop to be restarted")
    assert [line["loop"] for line in logs] == ["reaper", "reaper"]
    assert all(line["exc_info"] for line in logs)


async def test_a_loop_that_returns_is_not_restarted() -> None:
    starts = 0

    async def return_at_once() -> None:
        nonlocal starts
        starts += 1

    await keep_running("draining", return_at_once, AT_ONCE)
    assert starts == 1


async def test_a_loop_ends_with_the_body() -> None:
    ended = False

    async def run() -> None:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    async with background("reaper", run):
        await asyncio.sleep(0)
    assert ended


def test_the_delay_before_a_restart_doubles_up_to_a_limit() -> None:
    policy = RestartPolicy(first_seconds=1, max_seconds=10)
    assert [policy.delay(failures) for failures in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    assert policy.delay(10_000) == 10
