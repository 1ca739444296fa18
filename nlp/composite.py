"""One number for an article."""

from __future__ import annotations

from msgspec.structs import asdict

from nlp.analysis import Scorecard, Weights


def composite(card: Scorecard, weights: Weights) -> float:
    """The weighted mean of the scores, 0–100.

    Lexical and semantic relevance share the weight of relevance in equal parts, since the two
    together beat either alone. Raises ValueError where the weights do not sum to 1.
    """
    total = sum(asdict(weights).values())
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"the weights sum to {total:g}, not to 1")
    relevance = (card.tfidf_relevance_score + card.semantic_relevance_score) / 2
    return (
        weights.readability * card.readability_score
        + weights.ner * card.ner_density_score
        + weights.sentiment * card.sentiment_score
        + weights.relevance * relevance
        + weights.recency * card.recency_score
        + weights.reputation * card.reputation_score
        + weights.coherence * card.topic_coherence_score
    )
