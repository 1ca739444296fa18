"""The inputs and results of an article's analysis, as data.

A page is **read**: it becomes an article or is rejected. The article is **studied**: its
`Impression` is made for every candidate, its `Details` only for those that may be kept. Both depend
on the text alone, so that other jobs can use them again; the `Scorecard` also depends on the query
and the time. `Evidence` is the part of all this that the ranking of a job needs.

`Evidence`, with all structs within it, is stored in the ledger as msgpack: its stored names stay
(`tests/contract/test_stored_evidence.py`).
"""

from __future__ import annotations

import datetime as dt
import enum

from msgspec import Struct, field

from nlp.article import Article, Entity, Page
from nlp.text.query_terms import TermCounts


class Weights(Struct, frozen=True, kw_only=True):
    """The share of each score in the composite; they sum to 1.

    `nlp.scores.scorecard` says how they count in a job with a query.
    """

    readability: float = 0.12
    ner: float = 0.12
    sentiment: float = 0.12
    relevance: float = 0.20
    recency: float = 0.12
    reputation: float = 0.12
    coherence: float = 0.20


class AnalysisPolicy(Struct, frozen=True, kw_only=True):
    """What an operator can configure of an analysis."""

    min_word_count: int = 100
    weights: Weights = field(default_factory=Weights)
    half_life_days: float = 7.0
    topic_half_life_days: dict[str, float] = field(default_factory=dict)
    """Topic → half-life, for topics whose news age faster or slower."""


class ReadRequest(Struct, frozen=True, kw_only=True):
    """A page that may be an article."""

    page: Page
    min_word_count: int = 100


class Rejection(Struct, frozen=True, kw_only=True, tag="rejected"):
    """Why a page is not an article."""

    reason: str
    """`no_text`, `no_article`, `no_title`, `too_short` or `not_readable`; part of the interface."""
    detail: str
    """One sentence for users."""


IMPRESSION_STAGES = frozenset({"embed", "readability", "sentiment", "fingerprint"})
DETAIL_STAGES = frozenset({"entities", "keywords", "summary"})


class StageRun(Struct, frozen=True, kw_only=True):
    """How long one stage of one article took, and whether it failed."""

    name: str
    started_ns: int
    """Wall clock, nanoseconds since the epoch."""
    ended_ns: int
    error: str | None = None
    cpu_seconds: float = 0.0
    """Processor time of the whole process, and so of all threads that work for the stage."""


class ReadReport(Struct, frozen=True, kw_only=True):
    """The outcome of reading a page, with the stages that ran."""

    outcome: Article | Rejection
    stages: tuple[StageRun, ...] = ()


class Score(Struct, frozen=True, array_like=True):
    """One score, 0–100."""

    value: float
    neutral_reason: str | None = None
    """Why the value is the neutral one; None where it was measured."""


class Fingerprint(Struct, frozen=True, kw_only=True):
    """What near-duplicates and clusters are detected by."""

    text_sha256: str
    """Of the text, lower-cased, with white space folded."""
    shingles: bytes
    """Sorted, distinct 64-bit hashes of the 5-word shingles, little-endian."""
    embedding: bytes
    """Unit vector of title and lead, float32, little-endian; zeros where the embedding failed."""
    words: bytes = b""
    """Of evidence that an earlier release stored; nothing reads it."""
    story_words: bytes = b""
    """The terms of `nlp.similarity.story_terms`, as stored there."""
    story_names: bytes = b""
    """Those that are names."""


class Impression(Struct, frozen=True, kw_only=True):
    """The cheap part of a study, made for every candidate."""

    fingerprint: Fingerprint
    readability: Score
    sentiment: Score


DETAIL_CHARS = 20_000
"""Read of a text for its details: some 3,300 words."""


class Details(Struct, frozen=True, kw_only=True):
    """The expensive part of a study, made for articles that may be kept."""

    ner_density: Score
    entities: tuple[Entity, ...] = ()
    keywords: tuple[str, ...] = ()
    summary: str = ""


class Depth(enum.StrEnum):
    """How much of a study is made."""

    IMPRESSION = "impression"
    DETAILS = "details"
    """The impression and the details."""


class StudyRequest(Struct, frozen=True, kw_only=True):
    """An article to study, and the query and time to score it against."""

    article: Article
    now: dt.datetime
    """The time that recency is measured against; aware."""
    query: str | None = None
    """The topic or question of the job; None where the caller gave none."""
    policy: AnalysisPolicy = field(default_factory=AnalysisPolicy)
    depth: Depth = Depth.DETAILS
    impression: Impression | None = None
    """Given if already known, else None and it is made."""
    details: Details | None = None
    """The same."""


class NeutralScore(Struct, frozen=True, kw_only=True):
    """A score that could not be measured and has the neutral value."""

    score: str
    reason: str


class Scorecard(Struct, frozen=True, kw_only=True):
    """The scores of one article, each 0–100, with the composite."""

    overall_score: float
    readability_score: float
    ner_density_score: float
    sentiment_score: float
    tfidf_relevance_score: float
    """By words (BM25). Combined with `semantic_relevance_score` in `relevance_score`."""
    recency_score: float
    reputation_score: float
    topic_coherence_score: float
    semantic_relevance_score: float
    """By meaning: the cosine of embeddings."""
    relevance_score: float
    """Words and meaning together. With a query it multiplies the quality."""
    neutral: tuple[NeutralScore, ...] = ()


class Study(Struct, frozen=True, kw_only=True):
    """All that is known of one article by itself, without the other candidates."""

    impression: Impression
    details: Details | None
    """None where only the impression was requested."""
    terms: TermCounts | None
    """How often the article mentions the words of the query; None where that has no word."""
    scores: Scorecard
    """As if the article were the only candidate; entities are neutral without details."""


class StudyReport(Struct, frozen=True, kw_only=True):
    """The study of one article, with the stages that ran, in order."""

    study: Study
    stages: tuple[StageRun, ...] = ()


class Evidence(Struct, frozen=True, kw_only=True):
    """What the ranking of a job needs of one article."""

    article: Article
    """Its text is kept only while the details are not known, else empty."""
    study: Study
    cached: bool = False
    """Whether all of it came from the analysis cache."""
