"""Combines the scores of one article into its scorecard and the composite."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict, replace

from nlp.analysis import NeutralScore, Score, Scorecard, Weights
from nlp.neutral import NEUTRAL, Unmeasurable
from nlp.text.query_terms import query_terms

QUALITY_SHARE = 0.55
"""The share of the composite that an article of quality 0 loses, in a job with a query.

Of `scripts/bench quality --only order`: nDCG@10 keeps 97 % of the relevance's own, and of the pairs
of like relevance 66 % are in the order of their quality. The knee of that curve is at .6. Powers of
quality, and quality added with a cap, gave no better pair of figures.
"""

LEAST_RELEVANCE = 1.0
"""Of articles without any relevance, so that they too are ordered by quality."""


class Composite(Struct, frozen=True, kw_only=True):
    """How the scores of a job's articles make up their composite."""

    weights: Weights
    by_relevance: bool
    """Whether relevance multiplies the quality, as there is a query; else it is in the mean."""

    def __post_init__(self) -> None:
        """Raises ValueError where the weights do not sum to 1."""
        total = sum(asdict(self.weights).values())
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"the weights sum to {total:g}, not to 1")

    def of(self, card: Scorecard) -> float:
        """The composite, 0–100, rounded to two decimals. It never falls as another score rises.

        Without a query it is the weighted mean of all scores. With one it is
        relevance · (1 - QUALITY_SHARE + QUALITY_SHARE · quality / 100): in a mean, a fresh article
        beside the topic would stand above one about it. Relevance counts as LEAST_RELEVANCE at
        least.
        """
        if not self.by_relevance:
            return round(self._mean(card), 2)
        factor = 1 - QUALITY_SHARE + QUALITY_SHARE * self.quality(card) / 100
        return round(max(card.relevance_score, LEAST_RELEVANCE) * factor, 2)

    def quality(self, card: Scorecard) -> float:
        """The weighted mean of the scores that do not depend on the query, 0–100.

        Their weights are scaled to sum to 1. If they are all 0, quality does not count: it is 100.
        """
        weights = self.weights
        total = (
            weights.readability
            + weights.ner
            + weights.sentiment
            + weights.recency
            + weights.reputation
        )
        return self._of_quality(card) / total if total > 0 else 100.0

    def _mean(self, card: Scorecard) -> float:
        weights = self.weights
        return (
            self._of_quality(card)
            + weights.relevance * card.relevance_score
            + weights.coherence * card.topic_coherence_score
        )

    def _of_quality(self, card: Scorecard) -> float:
        weights = self.weights
        return (
            weights.readability * card.readability_score
            + weights.ner * card.ner_density_score
            + weights.sentiment * card.sentiment_score
            + weights.recency * card.recency_score
            + weights.reputation * card.reputation_score
        )


def composite_for(query: str | None, weights: Weights) -> Composite:
    """The composite of a job's articles. A query without a word counts as none.

    Raises ValueError where the weights do not sum to 1.
    """
    try:
        query_terms(query)
    except Unmeasurable:
        return Composite(weights=weights, by_relevance=False)
    return Composite(weights=weights, by_relevance=True)


def scorecard(composite: Composite, **scores: Score) -> Scorecard:
    """The card of these scores, each by its name in `Scorecard`, such as `readability_score`.

    Scores that are not given have the neutral value.
    """
    blank = Scorecard(
        overall_score=0.0,
        readability_score=NEUTRAL,
        ner_density_score=NEUTRAL,
        sentiment_score=NEUTRAL,
        tfidf_relevance_score=NEUTRAL,
        recency_score=NEUTRAL,
        reputation_score=NEUTRAL,
        topic_coherence_score=NEUTRAL,
        semantic_relevance_score=NEUTRAL,
        relevance_score=NEUTRAL,
    )
    return rescored(blank, composite, **scores)


def rescored(card: Scorecard, composite: Composite, **scores: Score) -> Scorecard:
    """The card with these scores replaced, and the composite recomputed."""
    others = [entry for entry in card.neutral if entry.score not in scores]
    neutral = [
        NeutralScore(score=name, reason=score.neutral_reason)
        for name, score in scores.items()
        if score.neutral_reason is not None
    ]
    values = {name: score.value for name, score in scores.items()}
    card = replace(card, **values, neutral=(*others, *neutral))
    return replace(card, overall_score=composite.of(card))
