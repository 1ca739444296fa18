"""Clusters: invented events, each reported by several outlets in their own words."""

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
    """How well groups match the true ones, each element weighing the same (Bagga, Baldwin, 1998).

    Precision: the share of an element's group that truly belongs with it; recall: the share of the
    elements that truly belong with it that are in its group; both are means over all elements.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def events_figures() -> Iterator[Figure]:
    """BCubed at the default threshold, beside all singletons and one cluster of all."""
    reports = load_reports()
    true = [report.event for report in reports]
    texts = [title_and_lead(report.title, report.text) for report in reports]
    rows = load_models(1, default_models_dir()).embedder.encode(texts)
    fingerprints = [
        fingerprint(report.text, row) for report, row in zip(reports, rows, strict=True)
    ]
    ours = bcubed(clusters(fingerprints, SelectionPolicy().clustering_threshold), true)
    singletons = bcubed(range(len(reports)), true)
    one_cluster = bcubed([0] * len(reports), true)
    yield compared("clusters, BCubed F1", ours.f1, "", "all singletons", singletons.f1)
    yield compared("clusters, BCubed F1", ours.f1, "", "one cluster", one_cluster.f1)
    yield Figure(name="clusters, BCubed precision", value=ours.precision, unit="")
    yield Figure(name="clusters, BCubed recall", value=ours.recall, unit="")
    yield Figure(name="clusters, reports", value=len(reports), unit="reports")
    yield Figure(name="clusters, events", value=len(set(true)), unit="events")


def load_reports() -> list[Report]:
    """All reports, in the order of the files."""
    return [
        convert(report, Report)
        for file in sorted(EVENTS.glob("*.toml"))
        for report in tomllib.loads(file.read_text("utf-8"))["report"]
    ]


def bcubed(groups: Sequence[Hashable], true: Sequence[Hashable]) -> BCubed:
    """From the group of each element and its true group."""
    sizes, true_sizes = Counter(groups), Counter(true)
    shared = Counter(zip(groups, true, strict=True))
    return BCubed(
        precision=sum(n * n / sizes[group] for (group, _), n in shared.items()) / len(groups),
        recall=sum(n * n / true_sizes[group] for (_, group), n in shared.items()) / len(groups),
    )
