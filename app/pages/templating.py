"""The template engine, and the words and filters of the pages.

Everything is escaped, and a name that does not exist is an error.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig

from app.waterfall import LABELS
from nlp.analysis import Scorecard
from nlp.article import Entity
from nlp.decision import Decision, Verdict
from tasks.jobs.job import JobState, JobType

HERE = Path(__file__).parents[1]

MAX_SHOWN = 200
"""Entries of one list on a page: a thousand take 110 ms to render, which blocks all requests."""

STATES = {
    JobState.WAITING: "Waiting",
    JobState.PENDING: "Pending",
    JobState.PROGRESS: "Progress",
    JobState.SUCCESS: "Success",
    JobState.FAILURE: "Failure",
    JobState.REVOKED: "Revoked",
}
"""The words of the interface, so that a page, the command and the JSON say the same."""

TYPES = {
    JobType.TOPIC_CURATION: "Topic",
    JobType.BATCH_ANALYSIS: "Batch of URLs",
    JobType.SINGLE_ANALYSIS: "Single URL",
    JobType.HEALTH_CHECK: "Health check",
}


SCORES = {
    "relevance_score": "Relevance",
    "semantic_relevance_score": "Relevance by meaning",
    "tfidf_relevance_score": "Relevance by words",
    "topic_coherence_score": "Topic coherence",
    "readability_score": "Readability",
    "ner_density_score": "Entity density",
    "sentiment_score": "Neutrality",
    "recency_score": "Recency",
    "reputation_score": "Reputation",
}

VERDICTS = {
    Verdict.KEPT: "Kept",
    Verdict.DUPLICATE: "Merged",
    Verdict.IRRELEVANT: "Not relevant",
    Verdict.NOT_ADMITTED: "Not asked for",
    Verdict.OVER_DOMAIN_CAP: "Over the domain's cap",
    Verdict.OVER_CLUSTER_CAP: "Over the story's cap",
    Verdict.BELOW_CUT: "Below the cut",
    Verdict.FAILED: "Failed",
}


ENTITIES = {
    "PERSON": "person",
    "ORG": "organisation",
    "GPE": "place",
    "LOC": "place",
    "FAC": "building",
    "NORP": "group",
    "EVENT": "event",
    "PRODUCT": "product",
    "WORK_OF_ART": "work",
    "LAW": "law",
}
"""Classes of the recogniser, as readers know them."""

MAX_NAMES = 12
"""Named entities that one article shows."""


def template_config() -> TemplateConfig[JinjaTemplateEngine]:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = _moment
    environment.filters["day"] = _day
    environment.filters["step"] = _step
    environment.filters["components"] = components
    environment.filters["web_link"] = web_link
    environment.filters["by_verdict"] = by_verdict
    environment.filters["distinct_names"] = distinct_names
    environment.filters["without_names"] = without_names
    environment.filters["duration"] = duration
    environment.globals.update(
        PARTS=LABELS,
        MAX_SHOWN=MAX_SHOWN,
        STATES=STATES,
        TYPES=TYPES,
        VERDICTS=VERDICTS,
        ENTITIES=ENTITIES,
    )
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))


def components(scores: Scorecard) -> list[tuple[str, float]]:
    """The component scores, each with its label."""
    return [(label, getattr(scores, name)) for name, label in SCORES.items()]


def by_verdict(decisions: Iterable[Decision]) -> list[Decision]:
    """The kept articles by rank, then those that were merged, capped, dropped."""
    order = list(VERDICTS)
    return sorted(
        decisions,
        key=lambda decision: (order.index(decision.verdict), decision.rank or 0, decision.url),
    )


def distinct_names(entities: Sequence[Entity]) -> list[Entity]:
    """The first MAX_NAMES entities, each once: whatever its case and article, and a person by the
    full name only."""
    persons = [entity.text.casefold().split() for entity in entities if entity.label == "PERSON"]
    family_names = {words[-1] for words in persons if len(words) > 1}
    distinct: dict[str, Entity] = {}
    for entity in entities:
        name = entity.text.casefold().removeprefix("the ")
        if name not in family_names:
            distinct.setdefault(name, entity)
    return list(distinct.values())[:MAX_NAMES]


def without_names(keywords: Iterable[str], names: Iterable[Entity]) -> list[str]:
    """The keywords that are not a name, or a part of one, which is shown already."""
    shown = [set(entity.text.casefold().split()) for entity in names]
    return [
        keyword
        for keyword in keywords
        if not any(set(keyword.casefold().split()) <= words for words in shown)
    ]


def web_link(url: str) -> str | None:
    """The URL if a page may link to it; None for `javascript:` and the like."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None


def _moment(when: dt.datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def _day(when: dt.datetime) -> str:
    return f"{when.day} {when:%B %Y}"


def duration(seconds: float) -> str:
    """Seconds, to two digits or to a tenth."""
    if seconds < 0.0995:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"


def _step(name: str) -> str:
    """The name of a step as readers count articles: from 1."""
    kind, _, index = name.partition(":")
    return f"Article {int(index) + 1}" if index else kind.capitalize()
