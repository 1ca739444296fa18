"""One number for an article."""

from __future__ import annotations

from msgspec.structs import asdict

from nlp.analysis import Scorecard, Weights


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
