"""What the analysis of an article takes and gives, as data.

A page is **read**: it becomes an article, or is rejected. The article's text is **studied**: its
`Impression` is what every candidate pays for, its `Details` only those that may be kept. Both
depend on the text alone, so that they can be kept for other jobs; the `Scorecard` depends on
the query and the moment too. `Evidence` is what of all this the ranking of a job needs.
"""

from __future__ import annotations

import datetime as dt
import enum

from msgspec import Struct, field

from nlp.article import Article, Entity, Page
from nlp.text.query_terms import TermCounts


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


class ReadRequest(Struct, frozen=True, kw_only=True):
    """A page that may be an article."""

    page: Page
    min_word_count: int = 300


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


class ReadReport(Struct, frozen=True, kw_only=True):
    """What became of a page."""

    outcome: Article | Rejection
    stages: tuple[StageRun, ...] = ()


class Score(Struct, frozen=True, array_like=True):
    """One score, 0–100."""

    value: float
    neutral: str | None = None
    """Why the value is only the neutral one; None where it was measured."""


class Fingerprint(Struct, frozen=True, kw_only=True):
    """What near-duplicates and clusters are found by."""

    text_sha256: str
    """Of the text, lower-cased, with white space folded."""
    shingles: bytes
    """Sorted, distinct 64-bit hashes of the 5-word shingles, little-endian."""
    embedding: bytes
    """Unit vector of title and lead, float32, little-endian; zeros where it could not be made."""
    words: bytes = b""
    """Sorted, distinct 32-bit hashes of the lead's telling words, little-endian."""


class Impression(Struct, frozen=True, kw_only=True):
    """What is cheap to know of a text, and of every candidate."""

    fingerprint: Fingerprint
    readability: Score
    sentiment: Score


DETAIL_CHARS = 20_000
"""Of a text, for its details: some 3,300 words."""


class Details(Struct, frozen=True, kw_only=True):
    """What only a closer look tells of a text."""

    ner_density: Score
    entities: tuple[Entity, ...] = ()
    keywords: tuple[str, ...] = ()
    summary: str = ""


class Depth(enum.StrEnum):
    """How closely a text is to be looked at."""

    IMPRESSION = "impression"
    DETAILS = "details"
    """The impression, and the details with it."""


class StudyRequest(Struct, frozen=True, kw_only=True):
    """An article to study, and in which light."""

    article: Article
    now: dt.datetime
    """The moment that recency is measured against; aware."""
    query: str | None = None
    """The topic or question of the job; None where the caller gave none."""
    policy: AnalysisPolicy = field(default_factory=AnalysisPolicy)
    depth: Depth = Depth.DETAILS
    impression: Impression | None = None
    """Where it is known already; None to have it made."""
    details: Details | None = None
    """The same."""


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
    """By words. With `semantic_relevance_score` it makes `relevance_score`."""
    recency_score: float
    reputation_score: float
    topic_coherence_score: float
    semantic_relevance_score: float
    """By meaning."""
    relevance_score: float
    """Words and meaning together; what the composite weighs."""
    neutral: tuple[NeutralScore, ...] = ()


class Study(Struct, frozen=True, kw_only=True):
    """All that is known of one article by itself."""

    impression: Impression
    details: Details | None
    """None where only the impression was asked for."""
    terms: TermCounts | None
    """How often the article says the words of the query; None where that has no word."""
    scores: Scorecard
    """As if the article were the only candidate, and with neutral entities without details."""


class StudyReport(Struct, frozen=True, kw_only=True):
    """The outcome of one request, with the stages that led to it in order."""

    study: Study
    stages: tuple[StageRun, ...] = ()


class Evidence(Struct, frozen=True, kw_only=True):
    """What the ranking of a job needs of one article."""

    article: Article
    """With its text only where the details are not known yet."""
    study: Study
    cached: bool = False
    """Whether all of it was known from before."""
