"""How tests wait: for something, up to a limit, and never for a time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

Predicate = Callable[[], object] | Callable[[], Awaitable[object]]


async def wait_until(predicate: Predicate, what: str, timeout: float = 20.0) -> None:
    """Returns once the predicate holds. Raises AssertionError that names `what` it waited for."""
    deadline = time.monotonic() + timeout
    while True:
        held = predicate()
        if inspect.isawaitable(held):
            held = await held
        if held:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}")
        await asyncio.sleep(0.01)
