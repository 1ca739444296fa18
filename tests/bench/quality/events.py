"""Stories: which reports tell of one event, on real events and on invented ones.

The real ones are those of ../shared/data: each topic has two events of one kind, which belong
apart. The invented ones are those of the sample web.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path

import click
import msgspec
import numpy as np
from msgspec import Struct, convert
from msgspec.structs import replace

from nlp.analysis import Fingerprint
from nlp.decision import SelectionPolicy
from nlp.embedding.embedder import Embedder, title_and_lead
from nlp.models import load_models
from nlp.similarity.clusters import clusters
from nlp.similarity.fingerprint import fingerprint
from tasks.settings import default_models_dir
from tests.bench.figure import Figure, compared
from tests.bench.shared_data import EVENTS

INVENTED = Path(__file__).parents[2] / "sampleweb" / "events"
GOAL, INVENTED_GOAL = 0.93, 0.883
THRESHOLDS = tuple(round(0.55 + 0.05 * step, 2) for step in range(9))
"""Of the similarity; the default is among them."""

ALONE = tuple(round(0.40 + 0.05 * step, 2) for step in range(8))
"""Of the cosine of the embeddings alone."""

JOB = 10


class Report(Struct, frozen=True, kw_only=True):
    """One outlet's report of one event."""

    event: str
    title: str
    text: str
    topic: int = 0
    outlet: str = ""


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
    """BCubed at the default threshold, beside simpler groups, and by threshold."""
    embedder = load_models(1, default_models_dir()).embedder
    yield from _invented(embedder)
    if not (EVENTS / "events.jsonl").is_file():
        click.echo("No events in ../shared/data: real stories are skipped.", err=True)
        return
    reports = msgspec.json.Decoder(Report).decode_lines((EVENTS / "events.jsonl").read_bytes())
    yield from _real(reports, _prints(reports, embedder))


def _invented(embedder: Embedder) -> Iterator[Figure]:
    reports = load_reports()
    prints, true = _prints(reports, embedder), [report.event for report in reports]
    ours = bcubed(clusters(prints, SelectionPolicy().clustering_threshold), true)
    name = "invented events, BCubed F1"
    singletons = bcubed(range(len(true)), true).f1
    figure = compared(name, ours.f1, "", "all singletons", singletons)
    yield replace(figure, goal=f">= {INVENTED_GOAL:g}", met=ours.f1 >= INVENTED_GOAL)
    yield compared(name, ours.f1, "", "one cluster", bcubed([0] * len(true), true).f1)
    yield Figure(name="invented events, BCubed precision", value=ours.precision, unit="")
    yield Figure(name="invented events, BCubed recall", value=ours.recall, unit="")
    yield Figure(name="invented events, reports", value=len(reports), unit="reports")


def _real(reports: Sequence[Report], prints: Sequence[Fingerprint]) -> Iterator[Figure]:
    true = [report.event for report in reports]
    default = SelectionPolicy().clustering_threshold
    ours = bcubed(clusters(prints, default), true)
    alone = [_without_terms(print_) for print_ in prints]
    best = max(bcubed(clusters(alone, threshold), true).f1 for threshold in ALONE)
    name = f"{len(set(true))} real events"
    figure = compared(f"{name}, BCubed F1", ours.f1, "", "MiniLM at its best threshold", best)
    yield replace(figure, goal=f">= {GOAL:g}", met=ours.f1 >= GOAL)
    topics = [str(report.topic) for report in reports]
    both = bcubed(topics, true).f1
    yield compared(f"{name}, BCubed F1", ours.f1, "", "both events of a topic as one", both)
    yield Figure(name=f"{name}, BCubed precision", value=ours.precision, unit="")
    yield Figure(name=f"{name}, BCubed recall", value=ours.recall, unit="")
    for threshold in THRESHOLDS:
        value = bcubed(clusters(prints, threshold), true).f1
        yield Figure(name=f"{name}, BCubed F1 at {threshold:g}", value=value, unit="")
    held_out = _held_out(reports, prints)
    figure = Figure(name=f"{name}, BCubed F1, threshold of other topics", value=held_out, unit="")
    yield replace(figure, goal=f">= {GOAL:g}", met=held_out >= GOAL)
    small = _in_jobs(prints, true, _jobs_of_ten(reports), default)
    yield compared(f"{name}, BCubed F1 in jobs of {JOB}", small, "", "in one job", ours.f1)


def _held_out(reports: Sequence[Report], prints: Sequence[Fingerprint]) -> float:
    """Each report in a job of its fold's topics, at the threshold that is best on the others."""
    true = [report.event for report in reports]
    topics = sorted({report.topic for report in reports})
    groups: list[tuple[int, int]] = [(0, 0)] * len(reports)
    for fold in range(5):
        unseen = set(topics[fold::5])
        places = [at for at, report in enumerate(reports) if report.topic in unseen]
        others = [at for at, report in enumerate(reports) if report.topic not in unseen]
        threshold = max(THRESHOLDS, key=lambda each: _in_jobs(prints, true, [others], each))
        numbers = clusters([prints[at] for at in places], threshold)
        for at, number in zip(places, numbers, strict=True):
            groups[at] = fold, number
    return bcubed(groups, true).f1


def _in_jobs(
    prints: Sequence[Fingerprint], true: Sequence[str], jobs: Sequence[list[int]], threshold: float
) -> float:
    """The mean F1 of these jobs."""
    values = [
        bcubed(clusters([prints[at] for at in job], threshold), [true[at] for at in job]).f1
        for job in jobs
    ]
    return float(np.mean(values))


def _jobs_of_ten(reports: Sequence[Report]) -> list[list[int]]:
    """Five reports of each of the two events of a topic, for each topic that has them."""
    jobs = []
    for topic in sorted({report.topic for report in reports}):
        places = [at for at, report in enumerate(reports) if report.topic == topic]
        events = sorted({reports[at].event for at in places})
        of_event = [[at for at in places if reports[at].event == event] for event in events]
        if len(events) == 2 and min(map(len, of_event)) >= JOB // 2:
            jobs.append([at for some in of_event for at in some[: JOB // 2]])
    return jobs


def _prints(reports: Sequence[Report], embedder: Embedder) -> list[Fingerprint]:
    rows = embedder.encode([title_and_lead(report.title, report.text) for report in reports])
    return [
        fingerprint(report.text, row, report.title)
        for report, row in zip(reports, rows, strict=True)
    ]


def _without_terms(print_: Fingerprint) -> Fingerprint:
    return replace(print_, story_words=b"", story_names=b"")


def load_reports() -> list[Report]:
    """All invented reports, in the order of the files."""
    return [
        convert(report, Report)
        for file in sorted(INVENTED.glob("*.toml"))
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
