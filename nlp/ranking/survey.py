"""The survey of a job's articles: relevance among them, near-duplicates, clusters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec.structs import replace

from nlp.analysis import Evidence, Scorecard
from nlp.article import Article
from nlp.decision import SelectionPolicy, Survey, Surveyed, SurveyRequest
from nlp.embedding.embedder import Embedder, Vectors
from nlp.ranking.candidate import best_first
from nlp.relevance import relevance_scores
from nlp.scores.scorecard import Composite, composite_for, rescored
from nlp.similarity.clusters import clusters
from nlp.similarity.duplicates import duplicates
from nlp.similarity.fingerprint import embedding_of


def survey(request: SurveyRequest, embedder: Embedder) -> Survey:
    """What each article is among the others, whatever the order of the evidence.

    The better of two duplicates stays: by its score with a neutral entity density, ties broken by
    URL. So details, known or not, change neither duplicates nor clusters. Relevance is measured
    among the articles that stay, as copies would support each other; that of a duplicate is
    measured among all.
    """
    evidence = request.evidence
    composite = composite_for(request.query, request.weights)
    order = best_first(evidence, composite)
    ordered = [evidence[place] for place in order]
    prints = [article.study.impression.fingerprint for article in ordered]
    urls = [article.article.canonical_url for article in ordered]
    resemblances = duplicates(prints, urls, request.policy.dup_sim_threshold)
    staying = [at for at, resemblance in enumerate(resemblances) if resemblance.match is None]
    vector = _query_vector(request.query, embedder)
    among_all = _cards(composite, ordered, vector)
    among_staying = _cards(composite, [ordered[at] for at in staying], vector)
    numbers = _cluster_numbers([ordered[at] for at in staying], request.policy)
    card_of = dict(enumerate(among_all)) | dict(zip(staying, among_staying, strict=True))
    number_of = dict(zip(staying, numbers, strict=True))
    surveyed: dict[int, Surveyed] = {}
    for at, resemblance in enumerate(resemblances):
        match, nearest = resemblance.match, resemblance.nearest
        surveyed[order[at]] = Surveyed(
            scores=card_of[at],
            match=match and replace(match, original=order[match.original]),
            nearest=nearest and replace(nearest, original=order[nearest.original]),
            cluster=number_of[match.original if match else at],
        )
    return Survey(articles=tuple(surveyed[place] for place in range(len(evidence))))


def _cards(
    composite: Composite, evidence: Sequence[Evidence], vector: Vectors | None
) -> list[Scorecard]:
    """The scorecards of these articles, with the relevance measured among them."""
    documents = [
        (article.study.terms, embedding_of(article.study.impression.fingerprint))
        for article in evidence
    ]
    return [
        rescored(article.study.scores, composite, **scores)
        for article, scores in zip(evidence, relevance_scores(vector, documents), strict=True)
    ]


def _query_vector(query: str | None, embedder: Embedder) -> Vectors | None:
    """None without a query, or if it cannot be embedded; then only its words count."""
    try:
        return embedder.encode([query])[0] if query else None
    except MemoryError:
        raise
    except Exception:
        return None


def _cluster_numbers(
    evidence: Sequence[Evidence], policy: SelectionPolicy
) -> Sequence[int] | Sequence[None]:
    if not policy.use_clustering:
        return [None] * len(evidence)
    prints = [article.study.impression.fingerprint for article in evidence]
    published = [_certain_date(article.article) for article in evidence]
    return clusters(prints, policy.clustering_threshold, published=published)


def _certain_date(article: Article) -> dt.datetime | None:
    return None if article.publish_date_is_guess else article.publish_date
