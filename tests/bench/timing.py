"""One round of one entrant: enqueue everything, then start its worker, and time that."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click
import msgspec
from msgspec import Struct

from tests.bench.children import child
from tests.bench.entrants import ROOT, Entrant, environ_of
from tests.bench.server import BenchServer

LONGEST_SECONDS = 120.0


class Timing(Struct, frozen=True, kw_only=True):
    """What a process reported of its part of a round."""

    tasks: int
    seconds: float
    cpu_seconds: float
    """Of the reporting process."""


class RoundResult(Struct, frozen=True, kw_only=True):
    """One entrant's figures, of one round or as medians of several."""

    per_second: float
    enqueued_per_second: float
    worker_us: float
    """Processor time of the worker for one task."""
    redis_us: float
    """Processor time of the server for one task, what the worker's start costs included."""

    @property
    def redis_share(self) -> float:
        """Of the time on the clock."""
        return self.redis_us * self.per_second / 1e6


def run_round(
    server: BenchServer,
    entrant: Entrant,
    tasks: int,
    folder: Path,
    is_over: Callable[[], bool] = lambda: True,
    root: Path = ROOT,
) -> RoundResult:
    """Runs in the checkout at `root`. The worker is not ended before `is_over`.

    Raises ClickException with the end of its log if the entrant does not finish.
    """
    tasks = round(tasks * entrant.share)
    server.empty()
    report, log = folder / "report", folder / "log"
    environ = environ_of(entrant, server.url, tasks, report)
    with child(entrant.enqueue, environ, log, root):
        enqueued = _read_report(report, entrant, log)
    steps = round(tasks * entrant.steps_per_task)
    before = server.cpu_seconds()
    with child(entrant.work, environ_of(entrant, server.url, steps, report), log, root):
        worked = _read_report(report, entrant, log)
        redis_seconds = server.cpu_seconds() - before
        _wait(is_over, entrant, log)
    done = worked.tasks / entrant.steps_per_task
    return RoundResult(
        per_second=done / worked.seconds,
        enqueued_per_second=enqueued.tasks / enqueued.seconds,
        worker_us=worked.cpu_seconds / done * 1e6,
        redis_us=redis_seconds / tasks * 1e6,
    )


def medians(rounds: list[RoundResult]) -> RoundResult:
    return RoundResult(
        per_second=median(one.per_second for one in rounds),
        enqueued_per_second=median(one.enqueued_per_second for one in rounds),
        worker_us=median(one.worker_us for one in rounds),
        redis_us=median(one.redis_us for one in rounds),
    )


def _read_report(report: Path, entrant: Entrant, log: Path) -> Timing:
    _wait(report.exists, entrant, log)
    timing = msgspec.json.decode(report.read_bytes(), type=Timing)
    report.unlink()
    return timing


def _wait(holds: Callable[[], bool], entrant: Entrant, log: Path) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise click.ClickException(f"{entrant.name} does not finish:\n{_end_of(log)}")
        time.sleep(0.01)


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
