"""What a selection takes and gives, as data."""

from __future__ import annotations

import enum

from msgspec import Struct


class SelectionPolicy(Struct, frozen=True, kw_only=True):
    """What an operator and a job may tune about the selection."""

    diversify: bool = True
    """Whether the caps per domain and per cluster apply. Duplicates are merged in any case."""
    max_articles: int | None = None
    """How many are kept; None for all."""
    domain_cap: int = 2
    dup_sim_threshold: float = 0.97
    use_clustering: bool = True
    cluster_cap: int = 3
    clustering_threshold: float = 0.75


class Verdict(enum.StrEnum):
    """What became of a candidate."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    OVER_DOMAIN_CAP = "over_domain_cap"
    OVER_CLUSTER_CAP = "over_cluster_cap"
    BELOW_CUT = "below_cut"
    FAILED = "failed"
    """Set by the caller, for articles that were never analysed."""


class Decision(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why one candidate was kept, merged, capped or dropped."""

    url: str
    verdict: Verdict
    explanation: str
    """One sentence for a reader, with the numbers that decided."""
    rank: int | None = None
    """From 1; of what was kept."""
    overall_score: float | None = None
    domain: str | None = None
    cluster: int | None = None
    """Number of the cluster, from 0; None where clustering is off."""
    duplicate_of: str | None = None
    """URL of the article that it was merged into."""
    matched_by: str | None = None
    """Of a duplicate: `canonical_url`, `text_hash`, `shingles` or `embedding`."""
    similarity: float | None = None
    """Of a duplicate: the containment or cosine that matched, 0–1."""
    reason: str | None = None
    """Of what failed: its stable word."""


class Ranking(Struct, frozen=True, kw_only=True):
    """The outcome of a job's selection."""

    kept: tuple[int, ...]
    """Places of the kept analyses in the input, best first."""
    decisions: tuple[Decision, ...]
    """One for each analysis, in the order of the input."""
