"""The order of articles, best first."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from nlp.analysis import Evidence, Score, Scorecard, Weights
from nlp.article import Article
from nlp.decision import Surveyed
from nlp.scores.scorecard import rescored


def best_first(evidence: Sequence[Evidence]) -> list[int]:
    """Places in `evidence`, the highest composite first, ties broken by URL.

    Where one URL was analysed twice, by text and embedding, so that the order of `evidence`
    never counts.
    """
    return sorted(range(len(evidence)), key=lambda place: _standing(evidence[place]))


def _standing(one: Evidence) -> tuple[float, str, str, bytes]:
    return -one.study.scores.overall_score, *tie_break(one)


def tie_break(one: Evidence) -> tuple[str, str, bytes]:
    """What orders articles of one score; the less comes first."""
    found = one.study.impression.fingerprint
    return one.article.url, found.text_sha256, found.embedding


MOST = Score(100.0)


class Candidate(Struct, frozen=True, kw_only=True):
    """An article, and what is known of it beside the others."""

    evidence: Evidence
    surveyed: Surveyed
    scores: Scorecard
    bound: float
    """The composite if it named as many things as anyone could; the composite itself, once it has
    been looked at in detail."""
    detailed: bool
    """Whether it has been looked at in detail."""

    @property
    def article(self) -> Article:
        return self.evidence.article

    @property
    def score(self) -> str:
        """The composite, or the most that it can be, for a reader."""
        most = "" if self.detailed else "at most "
        return f"{most}{self.bound:.2f}"


def candidate(evidence: Evidence, surveyed: Surveyed, weights: Weights) -> Candidate:
    """The candidate, as far as the evidence goes."""
    scores = surveyed.scores
    detailed = evidence.study.details is not None
    best = scores if detailed else rescored(scores, weights, ner_density_score=MOST)
    return Candidate(
        evidence=evidence,
        surveyed=surveyed,
        scores=scores,
        bound=best.overall_score,
        detailed=detailed,
    )


def detailed(one: Candidate, ner_density: Score, weights: Weights) -> Candidate:
    """The candidate after a look at its details."""
    scores = rescored(one.scores, weights, ner_density_score=ner_density)
    return Candidate(
        evidence=one.evidence,
        surveyed=one.surveyed,
        scores=scores,
        bound=scores.overall_score,
        detailed=True,
    )
