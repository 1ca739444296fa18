"""The scores of one article, stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from nlp.analysis import AnalysisRequest, Scorecard
from nlp.article import Article, Entity
from nlp.coherence import topic_coherence
from nlp.composite import composite
from nlp.embedder import Vectors
from nlp.entities import MAX_ENTITIES, EntityRecognizer, counted, entity_density, readable_part
from nlp.language import is_english
from nlp.models import Models
from nlp.neutral import Unmeasurable
from nlp.readability import readability
from nlp.recency import half_life_days, recency
from nlp.relevance import lexical_relevance, semantic_relevance
from nlp.reputation import reputation
from nlp.sentiment import neutrality
from nlp.stages import Stages
from nlp.topic import topic_terms


@dataclass(frozen=True, kw_only=True)
class ScoredArticle:
    """An article with the vectors that its batch's embedding gave it."""

    article: Article
    vector: Vectors | None
    """Of title and lead; None where the embedding failed."""
    query_vector: Vectors | None
    """Of the query; None where there is none or the embedding failed."""


def score_article(
    scored: ScoredArticle, request: AnalysisRequest, models: Models, log: Stages
) -> tuple[Scorecard, tuple[Entity, ...]]:
    """The scorecard, each score rounded to two decimals, and the entities that were found.

    Rounded, so that two machines agree and the composite can be recomputed from what is shown.
    Raises ValueError where the policy's weights do not sum to 1.
    """
    article, query, policy = scored.article, request.query, request.policy
    entities: list[Entity] = []

    def density() -> float:
        _require_english(article)
        entities.extend(_entities(article, models.entities))
        return entity_density(entities, readable_part(article.text))

    scores = log.score("entities", ner_density_score=density)
    scores |= log.score(
        "readability",
        readability_score=_in_english(
            article, lambda: readability(article.text, policy.min_word_count)
        ),
    )
    scores |= log.score(
        "sentiment", sentiment_score=_in_english(article, lambda: neutrality(article.text))
    )
    scores |= log.score(
        "relevance",
        tfidf_relevance_score=lambda: lexical_relevance(query, article.title, article.text),
        semantic_relevance_score=lambda: _semantic(query, scored),
    )
    scores |= log.score(
        "recency",
        recency_score=lambda: recency(
            article.publish_date, request.now, half_life_days(query, policy)
        ),
    )
    scores |= log.score(
        "reputation",
        reputation_score=lambda: reputation(article.domain, article.author, models.reputations),
    )
    scores |= log.score(
        "coherence", topic_coherence_score=lambda: topic_coherence(query, article.text)
    )
    card = Scorecard(overall_score=0.0, **scores, neutral=tuple(log.neutral))
    overall = round(composite(card, policy.weights), 2)
    return replace(card, overall_score=overall), tuple(entities[:MAX_ENTITIES])


def _entities(article: Article, recognizer: EntityRecognizer) -> tuple[Entity, ...]:
    return counted(recognizer.mentions(readable_part(article.text)))


def _semantic(query: str | None, scored: ScoredArticle) -> float:
    topic_terms(query)
    if scored.vector is None or scored.query_vector is None:
        raise Unmeasurable("The embedding failed.")
    return semantic_relevance(scored.query_vector, scored.vector)


def _in_english(article: Article, measure: Callable[[], float]) -> Callable[[], float]:
    def measured() -> float:
        _require_english(article)
        return measure()

    return measured


def _require_english(article: Article) -> None:
    if not is_english(article.language):
        raise Unmeasurable(f"Made for English, and the text is in {article.language!r}.")
