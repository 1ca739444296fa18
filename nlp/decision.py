"""The input and output of the survey and the selection of a job's articles, as data."""

from __future__ import annotations

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
    """One sentence for a reader, with the numbers that decided."""
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
    cap: int | None = None
    """The cap that the article is over, or, below the cut, the number of places in the list."""
    duplicate_of: str | None = None
    """URL of the article that it was merged into."""
    matched_by: str | None = None
    """Of a duplicate: `canonical_url`, `text_hash`, `shingles` or `embedding`."""
    similarity: float | None = None
    """Of a duplicate: the containment or cosine that matched, 0–1."""
    stands_in_for: str | None = None
    """Of a duplicate that was kept: URL of the better article, which was over the cap of its
    domain."""
    nearest: NearestArticle | None = None
    reason: str | None = None
    """Of a failed article: the stable name of the reason."""


class Ranking(Struct, frozen=True, kw_only=True):
    """The outcome of a job's selection."""

    kept: tuple[int, ...]
    """Places of the kept articles in the input, best first."""
    decisions: tuple[Decision, ...]
    """One for each article, in the order of the input."""
