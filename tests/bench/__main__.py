"""`scripts/bench NAME`: each benchmark is a command of its own."""

from __future__ import annotations

import click

from app.cli.context import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "against": ("tests.bench.against:against", "Compare with an older checkout, in turn."),
        "alerts": ("tests.bench.alerts:alerts", "Normal load; no alert may fire."),
        "api-fuzz": (
            "tests.bench.api_fuzz:api_fuzz",
            "Made-up requests, all checks of schemathesis.",
        ),
        "coldstart": ("tests.bench.coldstart:coldstart", "From start to first use; memory."),
        "crowd": ("tests.bench.crowd:crowd", "50 workers at once on one ledger."),
        "embed": ("tests.bench.embed:embed", "Texts embedded, and the share of the processor."),
        "faults": ("tests.bench.faults:faults", "Kill processes at random; count what is lost."),
        "fetching": ("tests.bench.fetching:fetching", "A page fetched, cached or confirmed."),
        "fuzz": ("tests.bench.fuzz:fuzz", "Extraction on broken and hostile pages."),
        "image": ("tests.bench.image:image", "The unpacked image: size, licences, the demo's job."),
        "judge": (
            "tests.bench.quality.judging:judge_command",
            "Learn how extraction judges the lines of a page.",
        ),
        "overhead": ("tests.bench.overhead:overhead", "No-op steps per second, beside six peers."),
        "pickup": ("tests.bench.pickup:pickup", "From the 202 to the step running."),
        "pipeline": ("tests.bench.pipeline:pipeline", "What an analysis costs, by stage."),
        "quality": ("tests.bench.quality.command:quality", "How good the list is."),
        "recycling": ("tests.bench.recycling:recycling", "Workers that replace themselves."),
        "scale": ("tests.bench.scale:scale", "Cost per article, listing, bytes in Redis."),
        "scaling": (
            "tests.bench.scaling.command:scaling",
            "Workers that follow the work for a day, simulated.",
        ),
        "siege": (
            "tests.bench.siege.command:siege",
            "Everything that means harm, beside a good caller.",
        ),
        "telemetry": (
            "tests.bench.telemetry:telemetry",
            "What traces, metrics and log lines cost a worker.",
        ),
        "selection": ("tests.bench.selection:selection", "Merge and cluster 100,000 articles."),
    },
)
def bench() -> None:
    """Measure; each figure beside what it is compared to, in the same run."""


if __name__ == "__main__":
    bench(prog_name="scripts/bench")
