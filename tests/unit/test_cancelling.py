from __future__ import annotations

import asyncio
import contextlib

import pytest

from tasks.supervision import cancelled


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    async def deaf_once() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    await cancelled(task)
    assert task.cancelled()


async def test_what_a_task_had_raised_is_not_hidden() -> None:
    async def fail() -> None:
        raise KeyError("surprise")

    task = asyncio.create_task(fail())
    await asyncio.wait({task})
    with pytest.raises(KeyError):
        await cancelled(task)
