"""`scripts/bench quality`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click

from tests.bench.figure import Figure, prints_figures
from tests.bench.quality.duplicates import duplicates_figures
from tests.bench.quality.events import events_figures
from tests.bench.quality.extraction import extraction_figures
from tests.bench.quality.order import order_figures
from tests.bench.quality.retrieval import retrieval_figures
from tests.bench.quality.summaries import summary_figures

PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "extraction": extraction_figures,
    "retrieval": retrieval_figures,
    "order": order_figures,
    "duplicates": duplicates_figures,
    "clusters": events_figures,
    "summaries": summary_figures,
}


@click.command()
@click.option(
    "--only", "parts", multiple=True, type=click.Choice(list(PARTS)), help="May be given again."
)
@prints_figures
def quality(parts: tuple[str, ...]) -> Iterator[Figure]:
    """Quality on collections judged by people; collections that are not here are skipped."""
    for part in parts or PARTS:
        yield from PARTS[part]()
