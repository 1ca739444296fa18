"""A deadline ends a fetch, and its clock stops while the fetch waits for our own limits."""

from __future__ import annotations

import asyncio

import pytest

from tasks.errors import Reason, TransientFailure
from tasks.fetch.client import Deadline


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
