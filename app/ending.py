"""Waiting for a job to end, for clients that would rather wait than ask again."""

from __future__ import annotations

import asyncio

from tasks.queue import Queue

LOOK_SECONDS = 0.25


async def wait_for_end(queue: Queue, job_id: str, seconds: float) -> bool:
    """Whether the job ended within that time."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                status = await queue.status(job_id)
                if status.record.state.final:
                    return True
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        return False
