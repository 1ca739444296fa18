"""Relevance as measures of a scorecard, with the reason where it cannot be measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nlp.analysis import Measure
from nlp.embedding.embedder import Vectors
from nlp.neutral import NEUTRAL
from nlp.relevance.fusion import RelevanceScores, relevance
from nlp.text.term_counts import TermCounts

RELEVANCE_SCORES = ("tfidf_relevance_score", "semantic_relevance_score", "relevance_score")

NO_QUERY = Measure(NEUTRAL, "No query was given.")
NOT_EMBEDDED = Measure(NEUTRAL, "The embedding failed.")


def relevance_measures(
    query_vector: Vectors | None, documents: Sequence[tuple[TermCounts | None, Vectors]]
) -> list[Mapping[str, Measure]]:
    """The measures of each document, by the names of their scores.

    Documents are as `nlp.relevance.fusion` takes them; without counts, which are the same for all,
    there was no query. A vector of zeros is one that could not be made.
    """
    counted = [(counts, vector) for counts, vector in documents if counts is not None]
    if len(counted) < len(documents):
        return [dict.fromkeys(RELEVANCE_SCORES, NO_QUERY)] * len(documents)
    return [
        _measures(scores, query_vector is not None and bool(vector.any()))
        for scores, (_, vector) in zip(relevance(query_vector, counted), counted, strict=True)
    ]


def _measures(scores: RelevanceScores, embedded: bool) -> Mapping[str, Measure]:
    return {
        "tfidf_relevance_score": Measure(scores.lexical),
        "semantic_relevance_score": Measure(scores.semantic) if embedded else NOT_EMBEDDED,
        "relevance_score": Measure(scores.relevance),
    }
