"""The survey of a job's articles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from nlp.analysis import Evidence
from nlp.decision import SelectionPolicy, SurveyRequest
from nlp.embedding.embedder import HashingEmbedder, Vectors
from nlp.ranking.survey import survey
from nlp.similarity.fingerprint import fingerprint
from nlp.text.query_terms import term_counts
from tests.unit.nlp.samples import BY_SCORE, evidence

QUERY = "harbour bridge"


class BrokenEmbedder(HashingEmbedder):
    """Fails on every text."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        raise RuntimeError(f"no vectors for {len(texts)} texts")


def with_vector(one: Evidence, vector: Vectors) -> Evidence:
    """The same with another embedding, and the words of the query counted."""
    impression = replace(one.study.impression, fingerprint=fingerprint(one.article.text, vector))
    counts = term_counts(QUERY, one.article.title, one.article.text)
    return replace(one, study=replace(one.study, impression=impression, terms=counts))


def pair() -> tuple[Evidence, Evidence]:
    """Two texts with nothing in common but their vector."""
    vector = np.eye(256, dtype=np.float32)[0]
    return (
        with_vector(evidence(url="https://a.example/1", score=60, seed=1), vector),
        with_vector(evidence(url="https://b.example/1", score=40, seed=2), vector),
    )


def request(*articles: Evidence) -> SurveyRequest:
    return SurveyRequest(evidence=articles, query=QUERY, policy=SelectionPolicy(), weights=BY_SCORE)


def test_equal_vectors_are_a_duplicate() -> None:
    match = survey(request(*pair()), HashingEmbedder()).articles[1].match
    assert match
    assert match.matched_by == "embedding"


def test_a_query_that_cannot_be_embedded_is_told_by_its_words() -> None:
    asked = request(*pair())
    scores = survey(asked, BrokenEmbedder()).articles[0].scores
    assert scores.tfidf_relevance_score > 0
    assert [one.score for one in scores.neutral] == ["semantic_relevance_score"]
