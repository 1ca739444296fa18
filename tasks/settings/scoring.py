"""The settings of the scores: what an article needs, and what counts how much in its composite."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta, field
from msgspec.structs import asdict

from nlp.analysis import AnalysisPolicy, Weights
from tasks.errors import InvalidSettings
from tasks.settings.engine import EngineSettings


class ScoringSettings(EngineSettings, frozen=True, kw_only=True):
    """How an article is scored."""

    min_word_count: Annotated[int, Meta(ge=1, description="Words that an article needs.")] = 300
    weight_readability: Annotated[
        float, Meta(ge=0, le=1, description="Share of readability in the composite.")
    ] = 0.12
    weight_ner: Annotated[
        float, Meta(ge=0, le=1, description="Share of entity density in the composite.")
    ] = 0.12
    weight_sentiment: Annotated[
        float, Meta(ge=0, le=1, description="Share of neutrality in the composite.")
    ] = 0.12
    weight_relevance: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of relevance in the composite, by words and by meaning.",
        ),
    ] = 0.20
    weight_recency: Annotated[
        float, Meta(ge=0, le=1, description="Share of recency in the composite.")
    ] = 0.12
    weight_reputation: Annotated[
        float, Meta(ge=0, le=1, description="Share of reputation in the composite.")
    ] = 0.12
    weight_coherence: Annotated[
        float, Meta(ge=0, le=1, description="Share of topic coherence in the composite.")
    ] = 0.20
    recency_half_life_days: Annotated[
        float, Meta(gt=0, description="Days after which an article's recency is halved.")
    ] = 7.0
    topic_half_life_days: Annotated[
        dict[str, float],
        Meta(
            description=(
                "Half-lives of single topics, as `finance:1,tech:3`, for topics with that word."
            )
        ),
    ] = field(default_factory=dict)

    @property
    def analysis_policy(self) -> AnalysisPolicy:
        return AnalysisPolicy(
            min_word_count=self.min_word_count,
            weights=self.weights,
            half_life_days=self.recency_half_life_days,
            topic_half_life_days=self.topic_half_life_days,
        )

    @property
    def weights(self) -> Weights:
        return Weights(
            readability=self.weight_readability,
            ner=self.weight_ner,
            sentiment=self.weight_sentiment,
            relevance=self.weight_relevance,
            recency=self.weight_recency,
            reputation=self.weight_reputation,
            coherence=self.weight_coherence,
        )


def check_weights(settings: ScoringSettings) -> None:
    """Raises InvalidSettings where the composite would not be a weighted mean."""
    total = math.fsum(asdict(settings.weights).values())
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise InvalidSettings(f"WEIGHT_*: the weights must sum to 1, and they sum to {total:g}")
