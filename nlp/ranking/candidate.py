"""A job's article as a candidate of the selection, and the order of articles, best first."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from nlp.analysis import Evidence, Score, Scorecard
from nlp.article import Article
from nlp.decision import Surveyed
from nlp.neutral import NEUTRAL
from nlp.scores.scorecard import Composite, rescored

MAX_DENSITY = Score(100.0)
"""The highest entity density that an article can have."""


class Candidate(Struct, frozen=True, kw_only=True):
    """An article, and what is known of it beside the others."""

    article: Article
    tie_break: tuple[str, str, bytes]
    """Orders articles of equal scores; see `tie_break`."""
    surveyed: Surveyed
    own_score: float
    """The score that decides which of two copies stays; see `own_score`."""
    scores: Scorecard
    upper_bound: float
    """The composite with the highest entity density; the composite itself once the details are
    known."""
    detailed: bool
    """Whether its details are known."""

    @property
    def domain(self) -> str:
        return self.article.domain

    @property
    def cluster(self) -> int | None:
        return self.surveyed.cluster


def build_candidate(evidence: Evidence, surveyed: Surveyed, composite: Composite) -> Candidate:
    """The candidate, with as many details as the evidence has."""
    scores = surveyed.scores
    detailed = evidence.study.details is not None
    best = scores if detailed else rescored(scores, composite, ner_density_score=MAX_DENSITY)
    return Candidate(
        article=evidence.article,
        tie_break=tie_break(evidence),
        surveyed=surveyed,
        own_score=own_score(evidence, composite),
        scores=scores,
        upper_bound=best.overall_score,
        detailed=detailed,
    )


def with_density(candidate: Candidate, ner_density: Score, composite: Composite) -> Candidate:
    """The candidate once its details are known: its entity density is all that scores of them."""
    scores = rescored(candidate.scores, composite, ner_density_score=ner_density)
    return replace(candidate, scores=scores, upper_bound=scores.overall_score, detailed=True)


def best_first(evidence: Sequence[Evidence], composite: Composite) -> list[int]:
    """Places in `evidence`, the highest `own_score` first, ties broken by `tie_break`."""

    def ordering(place: int) -> tuple[float, str, str, bytes]:
        return -own_score(evidence[place], composite), *tie_break(evidence[place])

    return sorted(range(len(evidence)), key=ordering)


def own_score(evidence: Evidence, composite: Composite) -> float:
    """The composite of an article by itself, with a neutral entity density.

    The density is left out even where it is known. Otherwise which of two copies stays, and with it
    what is kept, would depend on which details an earlier job had left in the cache.
    """
    scores = evidence.study.scores
    return rescored(scores, composite, ner_density_score=Score(NEUTRAL)).overall_score


def tie_break(evidence: Evidence) -> tuple[str, str, bytes]:
    """Orders articles of equal scores, the lesser first: by URL.

    Where one URL was analysed twice, the text and the embedding decide, so that the order of the
    input never matters.
    """
    fingerprint = evidence.study.impression.fingerprint
    return evidence.article.url, fingerprint.text_sha256, fingerprint.embedding
