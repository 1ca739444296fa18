"""Clusters: reports of invented events, each in the words of several outlets."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct, convert

from nlp.decision import SelectionPolicy
from nlp.embedding.embedder import title_and_lead
from nlp.models import load_models
from nlp.similarity.clusters import clusters
from nlp.similarity.fingerprint import fingerprint
from tasks.settings import default_models_dir
from tests.bench.figure import Figure, compared

EVENTS = Path(__file__).parents[2] / "sampleweb" / "events"


class Report(Struct, frozen=True, kw_only=True):
    """One outlet's report of one event."""

    event: str
    outlet: str
    title: str
    text: str


class BCubed(Struct, frozen=True, kw_only=True):
    """How well groups match the true ones, each element counting alike (Bagga and Baldwin, 1998).

    Precision: what share of an element's group belongs with it; recall: what share of those that
    belong with it are in its group; both as means over all elements.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def events_figures() -> Iterator[Figure]:
    """BCubed at the default threshold, beside leaving all alone and throwing all together."""
    reports = load_reports()
    true = [report.event for report in reports]
    texts = [title_and_lead(report.title, report.text) for report in reports]
    rows = load_models(1, default_models_dir()).embedder.encode(texts)
    prints = [fingerprint(one.text, row) for one, row in zip(reports, rows, strict=True)]
    found = bcubed(clusters(prints, SelectionPolicy().clustering_threshold), true)
    alone = bcubed(range(len(reports)), true)
    together = bcubed([0] * len(reports), true)
    yield compared("clusters, BCubed F1", found.f1, "", "all singletons", alone.f1)
    yield compared("clusters, BCubed F1", found.f1, "", "one cluster", together.f1)
    yield Figure(name="clusters, BCubed precision", value=found.precision, unit="")
    yield Figure(name="clusters, BCubed recall", value=found.recall, unit="")
    yield Figure(name="clusters, reports", value=len(reports), unit="reports")
    yield Figure(name="clusters, events", value=len(set(true)), unit="events")


def load_reports() -> list[Report]:
    """All reports, in the order of the files."""
    return [
        convert(report, Report)
        for file in sorted(EVENTS.glob("*.toml"))
        for report in tomllib.loads(file.read_text("utf-8"))["report"]
    ]


def bcubed(found: Sequence[Hashable], true: Sequence[Hashable]) -> BCubed:
    """Of the group of each element, beside its true one."""
    sizes, true_sizes = Counter(found), Counter(true)
    shared = Counter(zip(found, true, strict=True))
    return BCubed(
        precision=sum(n * n / sizes[group] for (group, _), n in shared.items()) / len(found),
        recall=sum(n * n / true_sizes[group] for (_, group), n in shared.items()) / len(found),
    )
