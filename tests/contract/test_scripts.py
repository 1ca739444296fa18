"""The scripts of the ledger are found, whatever Redis has forgotten of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tasks.ledger.connection import connect
from tasks.ledger.redis import RedisLedger
from tasks.settings import Settings
from tasks.supervision import cancel_and_wait

CALLS = 400


@asynccontextmanager
async def flushing(url: str) -> AsyncIterator[None]:
    """Redis forgets all scripts and functions again and again, as often as it can."""
    client = connect(url, max_connections=1)

    async def flush() -> None:
        while True:
            await client.script_flush()
            await client.function_flush()

    flusher = asyncio.create_task(flush())
    try:
        yield
    finally:
        await cancel_and_wait(flusher)
        await client.aclose()


async def test_no_call_fails_however_often_scripts_are_flushed(
    redis_ledger: RedisLedger, settings: Settings
) -> None:
    async with flushing(str(settings.redis_url)):
        for _ in range(CALLS // 20):
            times = await asyncio.gather(
                *(redis_ledger.scripts.run("now") for _ in range(20)), return_exceptions=True
            )
            assert not [time for time in times if isinstance(time, Exception)]
