"""The input and output of the survey and the selection of a job's articles, as data."""

from __future__ import annotations

import datetime as dt
import enum

from msgspec import Struct

from nlp.analysis import Evidence, Scorecard, Weights

RELEVANCE_FLOOR = 8.0
"""Below it a candidate is not about the topic, and a topic job may drop it without a closer look.

Set to lose nothing: of Cranfield's relevant pairs 0.7 % lie below it, and of the sample web's
articles none on their own topic, where the lowest is at 15; of those on another topic 84 % do
(`scripts/bench quality`).
"""


class SelectionPolicy(Struct, frozen=True, kw_only=True):
    """The settings of the selection, from the operator and the job."""

    diversify: bool = True
    """Whether the caps per domain and per cluster apply. Duplicates are merged in any case."""
    max_articles: int | None = None
    """The number of articles to keep; None for all."""
    min_relevance: float = 0.0
    """The relevance, 0–100, below which an article is dropped."""
    domain_cap: int = 2
    dup_sim_threshold: float = 0.97
    use_clustering: bool = True
    cluster_cap: int = 3
    clustering_threshold: float = 0.75


class Match(Struct, frozen=True, kw_only=True):
    """Why one article was merged into another."""

    original: int
    """Place of the article that stays."""
    matched_by: str
    """`canonical_url`, `text_hash`, `shingles` or `embedding`: the first that applies."""
    similarity: float
    """Containment or cosine, 0–1."""


class Nearest(Struct, frozen=True, kw_only=True):
    """The nearest article among those that stay, whether or not that makes a duplicate."""

    original: int
    """Its place."""
    containment: float
    """|A ∩ B| / min(|A|, |B|) of the shingles, 0–1; 0 if either text has too few."""
    cosine: float
    """Of title and lead, -1 to 1; 0 without an embedding."""


class SurveyRequest(Struct, frozen=True, kw_only=True):
    """A job's articles, to be compared with each other."""

    evidence: tuple[Evidence, ...]
    """Their texts may be left out."""
    query: str | None
    policy: SelectionPolicy
    weights: Weights


class Surveyed(Struct, frozen=True, kw_only=True):
    """The result of the survey for one article."""

    scores: Scorecard
    """With its relevance among all of the job's articles."""
    match: Match | None
    """The better article that it repeats."""
    nearest: Nearest | None
    """None if no other article stays."""
    cluster: int | None
    """Number of its cluster, from 0; a duplicate has that of its original. None if clustering is
    off."""


class Survey(Struct, frozen=True, kw_only=True):
    """A job's articles compared with each other. Places are those of the request."""

    articles: tuple[Surveyed, ...]


class Verdict(enum.StrEnum):
    """The outcome of a candidate."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    IRRELEVANT = "irrelevant"
    NOT_ADMITTED = "not_admitted"
    """Of a date, a language or a domain that the job does not accept."""
    OVER_DOMAIN_CAP = "over_domain_cap"
    OVER_CLUSTER_CAP = "over_cluster_cap"
    BELOW_CUT = "below_cut"
    FAILED = "failed"
    """Set by the caller, for articles that were never analysed."""


class NearestArticle(Struct, frozen=True, kw_only=True):
    """The nearest article among those that stay."""

    url: str
    containment: float
    cosine: float


class Decision(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why one candidate was kept, merged, capped or dropped."""

    url: str
    verdict: Verdict
    explanation: str
    """One or two sentences for a reader: what speaks for the article or against it."""
    title: str | None = None
    rank: int | None = None
    """From 1; only of kept articles."""
    overall_score: float | None = None
    scores: Scorecard | None = None
    """The parts of the score; the entity density is neutral if the article could not have been kept
    with the highest one."""
    domain: str | None = None
    cluster: int | None = None
    """Number of the cluster, from 0; None if clustering is off."""
    sources_count: int | None = None
    """Domains that report its story, its own among them; None of failed articles."""
    age_days: float | None = None
    """Its age when the job was submitted; None without a date."""
    min_relevance: float | None = None
    """Of an irrelevant article: the relevance that is needed."""
    cap: int | None = None
    """The cap that the article is over, or, below the cut, the number of places in the list."""
    last_score: float | None = None
    """Below the cut: the lowest score in the list."""
    highest_score: float | None = None
    """Over a cap or below the cut, without details: its score with the highest entity density."""
    duplicate_of: str | None = None
    """URL of the article that it was merged into."""
    matched_by: str | None = None
    """Of a duplicate: `canonical_url`, `text_hash`, `shingles` or `embedding`."""
    similarity: float | None = None
    """Of a duplicate: the containment or cosine that matched, 0–1."""
    own_score: float | None = None
    """Of a duplicate: its score by itself, without the other candidates and its entities."""
    original_score: float | None = None
    """The same of the article that it was merged into."""
    stands_in_for: str | None = None
    """Of a duplicate that was kept: URL of the better article, which was over the cap of its
    domain."""
    nearest: NearestArticle | None = None
    reason: str | None = None
    """Of a failed article: the stable name of the reason."""


class OtherReport(Struct, frozen=True, kw_only=True):
    """Another candidate that reports the same story."""

    url: str
    title: str
    domain: str
    publish_date: dt.datetime | None
    is_copy: bool
    """Whether in the same words: a near-duplicate. Otherwise in words of its own."""


class Story(Struct, frozen=True, kw_only=True):
    """Who else among the candidates reports what an article reports."""

    also_reported_by: tuple[OtherReport, ...] = ()
    """The best ten others: first those in words of their own."""
    sources_count: int = 1
    """Domains that report it, the article's own among them."""


class Ranking(Struct, frozen=True, kw_only=True):
    """The outcome of a job's selection."""

    kept: tuple[int, ...]
    """Places of the kept articles in the input, best first."""
    decisions: tuple[Decision, ...]
    """One for each article, in the order of the input."""
    stories: tuple[Story, ...] = ()
    """Of each kept article, in their order."""
