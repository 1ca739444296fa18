"""`scripts/bench NAME`: each benchmark is a command of its own."""

from __future__ import annotations

import click

from app.cli.lazy import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "coldstart": ("tests.bench.coldstart:coldstart", "From start to first use; memory."),
        "faults": ("tests.bench.faults:faults", "Kill processes at random; count what is lost."),
        "overhead": ("tests.bench.overhead:overhead", "No-op steps per second, beside six peers."),
        "pickup": ("tests.bench.pickup:pickup", "From the 202 to the step running."),
        "recycling": ("tests.bench.recycling:recycling", "Workers that replace themselves."),
        "scale": ("tests.bench.scale:scale", "Cost per article, listing, bytes in Redis."),
    },
)
def bench() -> None:
    """Measure; each figure beside what it is compared to, in the same run."""


if __name__ == "__main__":
    bench(prog_name="scripts/bench")
