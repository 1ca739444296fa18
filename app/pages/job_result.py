"""A job's result, as its page shows it."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from nlp.analysis import Scorecard
from nlp.article import Entity
from nlp.decision import Decision, Verdict

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
    Verdict.OVER_DOMAIN_CAP: "Over the domain's cap",
    Verdict.OVER_CLUSTER_CAP: "Over the story's cap",
    Verdict.BELOW_CUT: "Below the cut",
    Verdict.FAILED: "Failed",
}


class ShownArticle(Struct, frozen=True, kw_only=True):
    """What the page tells of an article."""

    url: str
    title: str
    domain: str = ""
    author: str | None = None
    summary: str = ""
    publish_date: dt.datetime | None = None
    language: str | None = None
    word_count: int | None = None
    keywords: list[str] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)


class ShownResult(Struct, frozen=True, kw_only=True):
    """One ranked article with its scores, each 0–100."""

    article: ShownArticle
    overall_score: float
    cached: bool = False
    """Whether all of it was known from an earlier job."""
    relevance_score: float | None = None
    semantic_relevance_score: float | None = None
    tfidf_relevance_score: float | None = None
    topic_coherence_score: float | None = None
    readability_score: float | None = None
    ner_density_score: float | None = None
    sentiment_score: float | None = None
    recency_score: float | None = None
    reputation_score: float | None = None

    @property
    def components(self) -> list[tuple[str, float]]:
        """The component scores that were measured, with what to call them."""
        return components(self)


def components(scores: Scorecard | ShownResult | None) -> list[tuple[str, float]]:
    """The component scores that were measured, with what to call them."""
    given = ((label, getattr(scores, name, None)) for name, label in SCORES.items())
    return [(label, score) for label, score in given if score is not None]


class ShownSource(Struct, frozen=True, kw_only=True):
    """What one source of a topic came to."""

    name: str
    found: int
    error: str | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """The result of a job."""

    results: list[ShownResult] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    topic: str | None = None
    query: str | None = None
    diversity_applied: bool = False
    deadline_reached: bool = False
    sources: list[ShownSource] | None = None
    """Of a topic only."""

    @property
    def explained(self) -> list[Decision]:
        """The decisions: what was kept by its rank, then what was merged, capped, dropped."""
        order = list(VERDICTS)
        return sorted(
            self.decisions, key=lambda one: (order.index(one.verdict), one.rank or 0, one.url)
        )


def read_outcome(result: bytes) -> Outcome:
    return msgspec.json.decode(result, type=Outcome)


def web_link(url: str) -> str | None:
    """The URL if a page may link to it; None for `javascript:` and the like."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None
