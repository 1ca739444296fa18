"""The order of the stages: from pages to articles with scores and a fingerprint.

1. extract and language, article by article; a page that is no article leaves here;
2. embed: titles and leads of the whole batch, and each distinct query once, in one call;
3. entities, readability, sentiment, relevance, recency, reputation, coherence, summary and
   fingerprint, article by article.

A stage that fails gives its neutral value and says so; it never fails the article.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from nlp.analysis import Analysis, AnalysisReport, AnalysisRequest, Rejection
from nlp.article import Article
from nlp.embedder import Embedder, Vectors, title_and_lead
from nlp.extract import extract
from nlp.fingerprint import fingerprint
from nlp.language import language_of
from nlp.models import Models, load_models
from nlp.scorecard import ScoredArticle, score_article
from nlp.stages import Stages, told
from nlp.summary import lead_summary

__all__ = ["Models", "analyse", "load_models"]


def _nobody(_index: int) -> None:
    pass


def analyse(
    requests: Sequence[AnalysisRequest],
    models: Models,
    on_start: Callable[[int], None] = _nobody,
) -> list[AnalysisReport]:
    """The report on each request, in order; raises only for weights that do not sum to 1.

    `on_start(i)` is called whenever work on request i begins, so twice for an article: before
    its extraction and, after the batch was embedded, before its scores.
    """
    stages = [Stages() for _ in requests]
    read: list[Article | Rejection] = []
    for index, request in enumerate(requests):
        on_start(index)
        read.append(_read(request, stages[index]))
    embedded = _embed(requests, read, stages, models.embedder)
    reports: list[AnalysisReport] = []
    for index, (request, outcome) in enumerate(zip(requests, read, strict=True)):
        log = stages[index]
        if isinstance(outcome, Rejection):
            reports.append(AnalysisReport(outcome=outcome, stages=tuple(log.runs)))
            continue
        on_start(index)
        analysis = _analysis(outcome, request, models, log, embedded)
        reports.append(AnalysisReport(outcome=analysis, stages=tuple(log.runs)))
    return reports


def _read(request: AnalysisRequest, log: Stages) -> Article | Rejection:
    unread: Article | Rejection = Rejection(
        reason="not_readable", detail="The page could not be read."
    )
    found = log.run("extract", lambda: extract(request.page, request.policy.min_word_count), unread)
    if isinstance(found, Rejection):
        return found
    language = log.run("language", lambda: language_of(f"{found.title}\n{found.text}"), None)
    return replace(found, language=language)


def _embed(
    requests: Sequence[AnalysisRequest],
    read: Sequence[Article | Rejection],
    stages: Sequence[Stages],
    embedder: Embedder,
) -> Mapping[str, Vectors]:
    """Text → unit vector, for leads and queries; a text that could not be embedded is missing."""
    articles = {i: found for i, found in enumerate(read) if isinstance(found, Article)}
    texts = {i: title_and_lead(found.title, found.text) for i, found in articles.items()}
    queries = [query for i in articles if (query := requests[i].query)]
    started = time.time_ns()
    vectors, errors = _encoded(list(dict.fromkeys([*texts.values(), *queries])), embedder)
    for index, text in texts.items():
        stages[index].add("embed", started, errors.get(text))
    return vectors


def _encoded(
    texts: Sequence[str], embedder: Embedder
) -> tuple[Mapping[str, Vectors], Mapping[str, str]]:
    """All in one call; where that raises, one by one, so that the bad text stands alone."""
    try:
        return dict(zip(texts, embedder.encode(texts), strict=True)), {}
    except Exception:  # which text it was, only single calls can tell
        return _encoded_singly(texts, embedder)


def _encoded_singly(
    texts: Sequence[str], embedder: Embedder
) -> tuple[Mapping[str, Vectors], Mapping[str, str]]:
    vectors: dict[str, Vectors] = {}
    errors: dict[str, str] = {}
    for text in texts:
        try:
            vectors[text] = embedder.encode([text])[0]
        except Exception as error:  # one text must not fail the batch
            errors[text] = told(error)
    return vectors, errors


def _analysis(
    article: Article,
    request: AnalysisRequest,
    models: Models,
    log: Stages,
    embedded: Mapping[str, Vectors],
) -> Analysis:
    vector = embedded.get(title_and_lead(article.title, article.text))
    query_vector = embedded.get(request.query or "")
    scored = ScoredArticle(article=article, vector=vector, query_vector=query_vector)
    card, entities = score_article(scored, request, models, log)
    summary = log.run("summary", lambda: lead_summary(article.title, article.text), "")
    known = np.zeros(models.embedder.dimension, dtype=np.float32) if vector is None else vector
    return Analysis(
        article=replace(article, summary=summary, entities=entities),
        scores=card,
        fingerprint=log.run(
            "fingerprint", lambda: fingerprint(article.text, known), fingerprint("", known)
        ),
    )
