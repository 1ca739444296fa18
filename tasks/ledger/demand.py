"""What the number of workers follows from, as the ledger has it at one moment."""

from __future__ import annotations

from msgspec import Struct

from tasks.ledger.scripts import Scripts

DUE_WITHIN_MS = 60_000
"""About as long as a worker takes to start in a cloud: what is due by then may start."""

JOBS_EXAMINED = 500
"""Of each state and type. More jobs have more due steps than any number of workers."""


class Demand(Struct, frozen=True, kw_only=True):
    """The work that can run, and who runs it."""

    running: int
    """Steps that run."""
    ready: int
    """Steps that are due within DUE_WITHIN_MS, and articles that running jobs have not released."""
    slots: int
    """Of all workers together."""
    step_seconds: float | None
    """How long a step takes, by the mean of what the workers say; None if none has run any."""
    paused: bool


async def read_demand(scripts: Scripts, silent_ms: int) -> Demand:
    """Raises LedgerUnavailable."""
    due, unreleased, running, slots, step_ms, knowing, paused = await scripts.run(
        "demand", DUE_WITHIN_MS, JOBS_EXAMINED, silent_ms
    )
    return Demand(
        running=running,
        ready=max(0, due - running) + unreleased,
        slots=slots,
        step_seconds=step_ms / knowing / 1000 if knowing else None,
        paused=paused == b"1",
    )


async def lead(scripts: Scripts, name: str, process: str, seconds: float) -> bool:
    """Whether this process is the one that does `name`. It must ask again within these seconds.

    Raises LedgerUnavailable.
    """
    return bool(await scripts.run("lead", name, process, round(seconds * 1000)))
