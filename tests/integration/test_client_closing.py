"""A client closes its connections, whenever it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import redis

from tasks.ledger.connection import connect
from tests.waiting import wait_until

LAST_STEP = 12
"""More steps of the event loop than closing takes."""


@pytest.mark.parametrize("steps", range(LAST_STEP))
async def test_a_second_cancellation_leaves_no_connection_open(
    valkey: redis.Redis, valkey_server: str, steps: int
) -> None:
    used = asyncio.Event()

    async def use() -> None:
        async with connect(valkey_server) as client:
            await client.client_setname("closing")
            used.set()
            await asyncio.Event().wait()

    using = asyncio.create_task(use())
    await used.wait()
    using.cancel()
    for _ in range(steps):
        await asyncio.sleep(0)
    using.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await using

    def closed() -> bool:
        return "closing" not in {client["name"] for client in valkey.client_list()}

    await wait_until(closed, "the connection to be closed")
