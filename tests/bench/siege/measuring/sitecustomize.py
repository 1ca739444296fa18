"""Python loads this in every process of a siege: the worker's event loop measures how late it is.

Each delay of more than REPORT_SECONDS is one line of a file: when, and how late, in ms. What held
the loop for longer than HELD_SECONDS is written to another file, as the stacks of all threads.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

INTERVAL_SECONDS = 0.05
REPORT_SECONDS = 0.05
HELD_SECONDS = 0.25


async def _watch(folder: Path) -> None:
    with (
        (folder / f"late-{os.getpid()}").open("a") as late,
        (folder / f"held-{os.getpid()}").open("a") as held,
    ):
        while True:
            faulthandler.dump_traceback_later(INTERVAL_SECONDS + HELD_SECONDS, file=held)
            began = time.monotonic()
            await asyncio.sleep(INTERVAL_SECONDS)
            seconds = time.monotonic() - began - INTERVAL_SECONDS
            if seconds > REPORT_SECONDS:
                late.write(f"{time.time() * 1000:.0f} {seconds * 1000:.0f}\n")
                late.flush()


async def _watched(main: Coroutine[object, object, T], folder: Path) -> T:
    watching = asyncio.create_task(_watch(folder))
    try:
        return await main
    finally:
        watching.cancel()
        faulthandler.cancel_dump_traceback_later()


def _measure(folder: Path) -> None:
    import uvloop

    run = uvloop.run

    def run_watched(main: Coroutine[object, object, T]) -> T:
        return run(_watched(main, folder))

    vars(uvloop)["run"] = run_watched  # `curator worker` calls it so


if "worker" in sys.orig_argv and (folder := os.environ.get("SIEGE_FOLDER")):
    _measure(Path(folder))
