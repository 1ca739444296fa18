"""Ends a task for sure.

In Python 3.11 `asyncio.wait_for` swallows a cancellation that comes in the same moment as its
result (bpo-37658), and redis-py sends every command through it. Of tasks that popped from a full
list and were cancelled at a random moment, two in five went on.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys

AGAIN_SECONDS = 0.2


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancels the task until it has ended. What it raised is raised here, unless it is that."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
    if not task.cancelled():
        task.result()


PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent dies, however that happens.

    On Linux alone; elsewhere a child that outlives a killed parent must be ended by hand.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
