"""The scores of one article, put together from its measures."""

from __future__ import annotations

from msgspec.structs import replace

from nlp.analysis import Measure, NeutralScore, Scorecard, Weights
from nlp.neutral import NEUTRAL
from nlp.scores.composite import composite


def scorecard(weights: Weights, **measures: Measure) -> Scorecard:
    """The card of these measures, each by the name of its score, as `readability_score`.

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
    return rescored(blank, weights, **measures)


def rescored(card: Scorecard, weights: Weights, **measures: Measure) -> Scorecard:
    """The card with these measures in the place of those that it had."""
    others = [one for one in card.neutral if one.score not in measures]
    neutral = [
        NeutralScore(score=name, reason=measure.neutral)
        for name, measure in measures.items()
        if measure.neutral is not None
    ]
    values = {name: measure.value for name, measure in measures.items()}
    card = replace(card, **values, neutral=(*others, *neutral))
    return replace(card, overall_score=composite(card, weights))
