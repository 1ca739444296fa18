"""Python loads this in every process of a siege: the loops of web and worker measure how late
they are.

Each delay of more than REPORT_SECONDS is one line of a file: when, and how late, in ms. What held
the loop for longer than HELD_SECONDS is written to another file, as the stacks of all threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import faulthandler
import os
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROLES = ("web", "worker")
INTERVAL_SECONDS = 0.05
REPORT_SECONDS = 0.05
HELD_SECONDS = 0.25


async def _watch(name: str, folder: Path) -> None:
    with (folder / f"late-{name}").open("a") as late, (folder / f"held-{name}").open("a") as held:
        while True:
            faulthandler.dump_traceback_later(INTERVAL_SECONDS + HELD_SECONDS, file=held)
            began = time.monotonic()
            await asyncio.sleep(INTERVAL_SECONDS)
            seconds = time.monotonic() - began - INTERVAL_SECONDS
            if seconds > REPORT_SECONDS:
                late.write(f"{time.time() * 1000:.0f} {seconds * 1000:.0f}\n")
                late.flush()


async def _watched(main: Coroutine[Any, Any, T], name: str, folder: Path) -> T:
    watching = asyncio.create_task(_watch(name, folder))
    try:
        return await main
    finally:
        watching.cancel()
        faulthandler.cancel_dump_traceback_later()


def _measure(role: str, folder: Path) -> None:
    """uvloop and uvicorn run their loops by asyncio's Runner, too."""
    run = asyncio.Runner.run

    def run_watched(
        self: asyncio.Runner,
        coro: Coroutine[Any, Any, T],
        *,
        context: contextvars.Context | None = None,
    ) -> T:
        return run(self, _watched(coro, f"{role}-{os.getpid()}", folder), context=context)

    asyncio.Runner.run = run_watched  # type: ignore[method-assign]


if siege_folder := os.environ.get("SIEGE_FOLDER"):
    for word in ROLES:
        if word in sys.orig_argv:
            _measure(word, Path(siege_folder))
