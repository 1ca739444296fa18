"""Combines the scores of one article into its scorecard and the composite."""

from __future__ import annotations

from msgspec.structs import asdict, replace

from nlp.analysis import NeutralScore, Score, Scorecard, Weights
from nlp.neutral import NEUTRAL


def composite(card: Scorecard, weights: Weights) -> float:
    """The weighted mean of the scores, 0–100, rounded to two decimals.

    Raises ValueError where the weights do not sum to 1.
    """
    total = sum(asdict(weights).values())
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"the weights sum to {total:g}, not to 1")
    mean = (
        weights.readability * card.readability_score
        + weights.ner * card.ner_density_score
        + weights.sentiment * card.sentiment_score
        + weights.relevance * card.relevance_score
        + weights.recency * card.recency_score
        + weights.reputation * card.reputation_score
        + weights.coherence * card.topic_coherence_score
    )
    return round(mean, 2)


def scorecard(weights: Weights, **scores: Score) -> Scorecard:
    """The card of these scores, each by its name in `Scorecard`, such as `readability_score`.

    Scores that are not given have the neutral value.

    Raises ValueError where the weights do not sum to 1.
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
    return rescored(blank, weights, **scores)


def rescored(card: Scorecard, weights: Weights, **scores: Score) -> Scorecard:
    """The card with these scores replaced, and the composite recomputed.

    Raises ValueError where the weights do not sum to 1.
    """
    others = [entry for entry in card.neutral if entry.score not in scores]
    neutral = [
        NeutralScore(score=name, reason=score.neutral_reason)
        for name, score in scores.items()
        if score.neutral_reason is not None
    ]
    values = {name: score.value for name, score in scores.items()}
    card = replace(card, **values, neutral=(*others, *neutral))
    return replace(card, overall_score=composite(card, weights))
