"""What an analysis takes and gives, as data."""

from __future__ import annotations

import datetime as dt

from msgspec import Struct, field

from nlp.article import Article, Page


class Weights(Struct, frozen=True, kw_only=True):
    """The share of each score in the composite. They sum to 1."""

    readability: float = 0.12
    ner: float = 0.12
    sentiment: float = 0.12
    relevance: float = 0.20
    recency: float = 0.12
    reputation: float = 0.12
    coherence: float = 0.20


class AnalysisPolicy(Struct, frozen=True, kw_only=True):
    """What an operator may tune about one article's analysis."""

    min_word_count: int = 300
    weights: Weights = field(default_factory=Weights)
    half_life_days: float = 7.0
    topic_half_life_days: dict[str, float] = field(default_factory=dict)
    """Topic word → half-life, for topics whose news age faster or slower."""


class AnalysisRequest(Struct, frozen=True, kw_only=True):
    """One page to analyse, and in which light."""

    page: Page
    now: dt.datetime
    """The moment that recency is measured against; aware."""
    query: str | None = None
    """The topic or question of the job; None where the caller gave none."""
    policy: AnalysisPolicy = field(default_factory=AnalysisPolicy)


class NeutralScore(Struct, frozen=True, kw_only=True):
    """A score that could not be measured and stands at its neutral value."""

    score: str
    reason: str


class Scorecard(Struct, frozen=True, kw_only=True):
    """The scores of one article, each 0–100, with the composite."""

    overall_score: float
    readability_score: float
    ner_density_score: float
    sentiment_score: float
    tfidf_relevance_score: float
    recency_score: float
    reputation_score: float
    topic_coherence_score: float
    semantic_relevance_score: float
    neutral: tuple[NeutralScore, ...] = ()


class Fingerprint(Struct, frozen=True, kw_only=True):
    """What near-duplicates and clusters are found by."""

    text_sha256: str
    """Of the text, lower-cased, with white space folded."""
    shingles: bytes
    """Sorted, distinct 64-bit hashes of the 5-word shingles, little-endian."""
    embedding: bytes
    """Unit vector of title and lead, float32, little-endian."""


class Analysis(Struct, frozen=True, kw_only=True, tag="analysed"):
    """All that is known of one article."""

    article: Article
    scores: Scorecard
    fingerprint: Fingerprint


class Rejection(Struct, frozen=True, kw_only=True, tag="rejected"):
    """Why a page is not an article."""

    reason: str
    """A stable word: `no_text`, `no_title`, `too_short`, `not_readable`."""
    detail: str
    """One sentence for a reader."""


class StageRun(Struct, frozen=True, kw_only=True):
    """How long one stage took on one article, and whether it failed."""

    name: str
    started_ns: int
    """Wall clock, nanoseconds since the epoch."""
    ended_ns: int
    error: str | None = None


class AnalysisReport(Struct, frozen=True, kw_only=True):
    """The outcome of one request, with the stages that led to it in order."""

    outcome: Analysis | Rejection
    stages: tuple[StageRun, ...]
