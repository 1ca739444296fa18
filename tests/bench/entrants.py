"""Who runs no-op tasks side by side, each in a few settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-bench"


class Entrant(Struct, frozen=True, kw_only=True):
    """One queue, in one setting."""

    queue: str
    slots: int
    """Tasks at once; of asyncio tasks, or of threads with Dramatiq."""
    share: float = 1.0
    """Of the tasks of a round, as slow ones need fewer to be timed well."""
    steps_per_task: float = 1.0
    """More than 1 where what comes before and after the tasks is counted too."""
    enqueue: tuple[str, ...]
    work: tuple[str, ...]
    environ: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return f"{self.queue}, {self.slots} slots" if self.slots > 1 else self.queue


GIVEN = ("TRACE_SAMPLE_RATIO", "WORKER_LOG_LEVEL")
"""Settings of ours that whoever measures may choose."""


def ours(slots: int) -> Entrant:
    """One job, whose articles are the tasks."""
    command = (sys.executable, "-m", "tests.bench.noop")
    return Entrant(
        queue="ours",
        slots=slots,
        enqueue=(*command, "submit", "all"),
        work=(*command, "work"),
        environ=(
            ("WORKER_CONCURRENCY", str(slots)),
            ("RELEASE_WINDOW", str(max(16, 2 * slots))),
            ("WORKER_MAX_TASKS", "0"),
            ("MAX_URLS_PER_JOB", "100000"),
            *((name, os.environ[name]) for name in GIVEN if name in os.environ),
        ),
    )


def peer(queue: str, slots: int, *, share: float = 1.0, redis: str | None = None) -> Entrant:
    """`redis`: the folder of the redis-py that it needs, if that is not the newest."""
    command = (str(PEERS / "bin" / "python"), "-m", f"tests.bench.peers.with_{queue.lower()}")
    return Entrant(
        queue=queue,
        slots=slots,
        share=share,
        enqueue=(*command, "enqueue"),
        work=(*command, "work"),
        environ=(("PYTHONPATH", str(PEERS / redis)),) if redis else (),
    )


def ours_in_jobs_of(articles: int) -> Entrant:
    """Many jobs, with each one's `discover` and `rank` counted as steps."""
    return replace(
        ours(16),
        queue=f"ours, jobs of {articles}",
        steps_per_task=1 + 2 / articles,
        enqueue=(sys.executable, "-m", "tests.bench.noop", "submit", str(articles)),
    )


OURS = tuple(ours(slots) for slots in (4, 16, 64))
SINGLES = ours_in_jobs_of(1)

PEERS_MEASURED = (
    # As many settings for each of those that run tasks at once as for ours.
    *(peer("arq", slots, redis="redis-5") for slots in (16, 32, 64)),
    *(peer("SAQ", slots, redis="redis-7") for slots in (16, 32, 64)),
    *(peer("Dramatiq", slots) for slots in (16, 32, 64)),
    *(peer("Taskiq", slots) for slots in (16, 32, 64)),
    peer("Celery", 1, share=0.5),
    peer("RQ", 1, share=0.2),
)


def environ_of(entrant: Entrant, url: str, tasks: int, report: Path) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "REDIS_URL": url,
        "BENCH_REDIS_URL": url,
        "BENCH_TASKS": str(tasks),
        "BENCH_SLOTS": str(entrant.slots),
        "BENCH_WARM_UP": "1" if entrant.steps_per_task > 1 else str(tasks // 10),
        "BENCH_REPORT": str(report),
        **dict(entrant.environ),
    }
