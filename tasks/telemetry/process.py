"""What a process says of itself: its processor time and memory, its loops, and how late its event
loop is."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from opentelemetry.metrics import Meter

from tasks.supervision import LOOPS, background
from tasks.telemetry.metric import Values, meter, observe
from tasks.telemetry.metrics import (
    LOOP_LAG,
    LOOP_RESTARTS,
    LOOPS_RUNNING,
    PROCESS_CPU,
    PROCESS_MEMORY,
)

LAG_EVERY_SECONDS = 0.5

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def observed_process(
    engine_pid: Callable[[], int | None] = lambda: None, on: Meter = meter
) -> AsyncIterator[None]:
    """Shows this process and its engine, and measures its event loop during the body."""
    observe(PROCESS_CPU, lambda: _processor_seconds(engine_pid()), on)
    observe(PROCESS_MEMORY, lambda: _memory_bytes(engine_pid()), on)
    observe(LOOPS_RUNNING, _running, on)
    observe(LOOP_RESTARTS, _restarts, on)
    async with background("loop lag", _measure_lag):
        yield


def _running() -> Values:
    return {(name,): number for name, number in LOOPS.running.copy().items()}


def _restarts() -> Values:
    return {(name, error): number for (name, error), number in LOOPS.restarts.copy().items()}


async def _measure_lag() -> None:
    while True:
        due = time.monotonic() + LAG_EVERY_SECONDS
        await asyncio.sleep(LAG_EVERY_SECONDS)
        LOOP_LAG.record(max(0.0, time.monotonic() - due))


def _processor_seconds(engine_pid: int | None) -> Values:
    """That of engines which have ended is the system's sum over this process's children."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    engine = ended.ru_utime + ended.ru_stime + _seconds_of(engine_pid)
    own: Values = {("own",): time.process_time()}
    return {**own, ("engine",): engine} if engine else own


def _seconds_of(pid: int | None) -> float:
    with suppress(OSError, ValueError, IndexError):
        with open(f"/proc/{pid}/stat") as file:
            user, system = file.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / CLOCK_TICKS
    return 0.0


def _memory_bytes(engine_pid: int | None) -> Values:
    """Only on Linux; elsewhere nothing is shown."""
    of_pids = {"own": "self", **({"engine": str(engine_pid)} if engine_pid else {})}
    return {(part,): size for part, pid in of_pids.items() if (size := _resident_bytes(pid))}


def _resident_bytes(pid: str) -> int:
    with suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * PAGE_BYTES
    return 0
