"""A job's articles beside each other: relevance among them, near-duplicates, clusters."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from nlp.analysis import Evidence, Fingerprint, Scorecard
from nlp.decision import SelectionPolicy, Survey, Surveyed, SurveyRequest
from nlp.embedding.embedder import Embedder, Vectors
from nlp.ranking.candidate import best_first
from nlp.relevance import relevance_scores
from nlp.scores.scorecard import rescored
from nlp.similarity.clusters import clusters
from nlp.similarity.duplicates import duplicates
from nlp.similarity.fingerprint import embedding_of


def survey(request: SurveyRequest, embedder: Embedder) -> Survey:
    """What each article is among the others.

    Whatever the order of the evidence: the better of two duplicates stays, by its scores so far
    (entities of articles without details are neutral in them), ties broken by URL. Relevance is
    measured among those that stay, as copies would speak for each other; that of a duplicate, among
    all.
    """
    evidence = request.evidence
    order = best_first(evidence)
    prints = [evidence[place].study.impression.fingerprint for place in order]
    urls = [evidence[place].article.canonical_url for place in order]
    found = duplicates(prints, urls, request.policy.dup_sim_threshold)
    stay = [at for at, one in enumerate(found) if one.match is None]
    vector = _query_vector(request.query, embedder)
    among_all = _cards(request, [evidence[place] for place in order], vector)
    among_those = _cards(request, [evidence[order[at]] for at in stay], vector)
    numbers = _cluster_numbers([prints[at] for at in stay], request.policy)
    card_of = dict(enumerate(among_all)) | dict(zip(stay, among_those, strict=True))
    number_of = dict(zip(stay, numbers, strict=True))
    surveyed: dict[int, Surveyed] = {}
    for at, one in enumerate(found):
        surveyed[order[at]] = Surveyed(
            scores=card_of[at],
            match=one.match and replace(one.match, original=order[one.match.original]),
            nearest=one.nearest and replace(one.nearest, original=order[one.nearest.original]),
            cluster=number_of[one.match.original if one.match else at],
        )
    return Survey(articles=tuple(surveyed[place] for place in range(len(evidence))))


def _cards(
    request: SurveyRequest, evidence: Sequence[Evidence], vector: Vectors | None
) -> list[Scorecard]:
    """The cards with relevance measured among these."""
    documents = [
        (one.study.terms, embedding_of(one.study.impression.fingerprint)) for one in evidence
    ]
    return [
        rescored(one.study.scores, request.weights, **measures)
        for one, measures in zip(evidence, relevance_scores(vector, documents), strict=True)
    ]


def _query_vector(query: str | None, embedder: Embedder) -> Vectors | None:
    try:
        return embedder.encode([query])[0] if query else None
    except MemoryError:
        raise
    except Exception:  # the words alone tell then
        return None


def _cluster_numbers(
    prints: Sequence[Fingerprint], policy: SelectionPolicy
) -> Sequence[int] | Sequence[None]:
    if not policy.use_clustering:
        return [None] * len(prints)
    return clusters(prints, policy.clustering_threshold)
