"""Keys are forgotten once no task uses them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tasks.keyed_semaphore import KeyedSemaphore


async def test_a_key_is_forgotten_when_it_is_unused_even_after_a_cancellation() -> None:
    slots = KeyedSemaphore(1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(slots.slot("a"))
        waiting = asyncio.create_task(stack.enter_async_context(slots.slot("a")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(slots) == 1
    assert len(slots) == 0
