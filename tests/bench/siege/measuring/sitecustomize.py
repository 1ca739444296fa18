"""Python loads this in every process of a siege: the loops of web and worker measure how late
they are.

Each delay of more than REPORT_SECONDS is one line of a file: when, and how late, in ms. What held
the loop for longer than HELD_SECONDS is written to another file, as its stack.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
import time
import traceback
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TextIO, TypeVar

T = TypeVar("T")

ROLES = ("web", "worker")
INTERVAL_SECONDS = 0.05
REPORT_SECONDS = 0.05
HELD_SECONDS = 0.25


class _Stacks:
    """Writes the stack of the loop's thread when the loop does not come back in time.

    A thread of Python does that: `faulthandler` reads the stack while it changes, and has ended a
    process in the middle of it.
    """

    def __init__(self, file: TextIO) -> None:
        self.due = float("inf")
        self._file = file
        self._loop_thread = threading.get_ident()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(INTERVAL_SECONDS)
            if time.monotonic() > self.due:
                self.due = float("inf")
                stack = traceback.format_stack(sys._current_frames()[self._loop_thread])
                self._file.write(f"held since {HELD_SECONDS:g} s\n{''.join(stack)}")
                self._file.flush()


async def _watch(name: str, folder: Path) -> None:
    with (folder / f"late-{name}").open("a") as late, (folder / f"held-{name}").open("a") as held:
        stacks = _Stacks(held)
        while True:
            began = time.monotonic()
            stacks.due = began + INTERVAL_SECONDS + HELD_SECONDS
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
