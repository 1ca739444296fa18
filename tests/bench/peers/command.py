"""What is common to the commands of the peers."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.bench.peers.round import Round

TOGETHER = 64
"""Tasks that an asynchronous client enqueues at once."""


def run(enqueue: Callable[[Round], None], work: Callable[[Round], None]) -> None:
    """Enqueues and says how long that took, or works until it is ended."""
    this = Round()
    if sys.argv[1] == "work":
        work(this)
    else:
        began = time.perf_counter()
        enqueue(this)
        this.enqueued(time.perf_counter() - began)


async def enqueue_together(tasks: int, enqueue_one: Callable[[], Awaitable[Any]]) -> None:
    for start in range(0, tasks, TOGETHER):
        count = min(TOGETHER, tasks - start)
        await asyncio.gather(*(enqueue_one() for _ in range(count)))
