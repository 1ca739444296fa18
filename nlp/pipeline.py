"""The stages of an analysis, in their order: from pages to articles, and from articles to studies.

1. **read**: extract, then language. A page that is not an article is rejected here.
2. **study**: embed, readability, sentiment and fingerprint make the impression of a text; entities,
   keywords and summary make its details, if requested. Relevance, recency, reputation and coherence
   are scored against the query. All scores together make the scorecard.

An impression or details that a request already carries are not computed again. A stage that fails
gives its neutral value and its error is recorded; it never fails the article.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from nlp.analysis import (
    DETAIL_CHARS,
    Depth,
    Details,
    Impression,
    ReadReport,
    ReadRequest,
    Rejection,
    Score,
    Scorecard,
    StageRun,
    Study,
    StudyReport,
    StudyRequest,
)
from nlp.article import Article, Entity
from nlp.embedding.embedder import Embedder, Vectors, title_and_lead
from nlp.extraction.extract import extract
from nlp.models import Models
from nlp.neutral import NEUTRAL, Unmeasurable
from nlp.relevance import RELEVANCE_SCORE_NAMES, relevance_scores
from nlp.scores.coherence import topic_coherence
from nlp.scores.entities import MAX_ENTITIES, count_entities, entity_density, entity_excerpt
from nlp.scores.provenance import half_life_days, recency, reputation
from nlp.scores.scorecard import composite_for, scorecard
from nlp.scores.style import neutrality, readability
from nlp.similarity.fingerprint import embedding_of, fingerprint
from nlp.text.keywords import keywords
from nlp.text.language import language_of, require_english
from nlp.text.query_terms import TermCounts, term_counts
from nlp.text.summary import lead_summary
from nlp.text.words import TokenizedText

Outcome = TypeVar("Outcome")

NOT_DETAILED = Score(NEUTRAL, "Entities are extracted only from articles that may be kept.")

ReportProgress = Callable[[Sequence[int]], None]
"""Called with the positions of the requests that are worked on from now on, and of no others."""


def read(request: ReadRequest) -> ReadReport:
    """The article of a page with its language, or why it is not one. Raises only MemoryError."""
    log = StageLog()
    unreadable: Article | Rejection = Rejection(
        reason="not_readable", detail="The page could not be read."
    )
    outcome = log.run("extract", lambda: extract(request.page, request.min_word_count), unreadable)
    if isinstance(outcome, Article):
        text = f"{outcome.title}\n{outcome.text}"
        language = log.run("language", lambda: language_of(text), None)
        outcome = replace(outcome, language=language)
    return ReadReport(outcome=outcome, stages=tuple(log.runs))


def study(
    requests: Sequence[StudyRequest],
    models: Models,
    report_progress: ReportProgress = lambda _positions: None,
) -> Iterator[StudyReport]:
    """The report on each request, in their order, each as soon as it is ready.

    All texts to embed are embedded first, in one batch. A report does not depend on the other
    requests. Raises ValueError for weights that do not sum to 1, and MemoryError.
    """
    if not requests:
        return
    studies = [_ArticleStudy(request, models) for request in requests]
    report_progress(range(len(requests)))
    vectors = _embed(studies, models.embedder)
    for position, article_study in enumerate(studies):
        report_progress([position])
        yield article_study.report(vectors)


@dataclass
class _ArticleStudy:
    """The study of one article while it is made."""

    request: StudyRequest
    models: Models
    log: StageLog = field(init=False)

    def __post_init__(self) -> None:
        self.log = StageLog()
        self.article = self.request.article
        self.text = TokenizedText(self.article.text)
        self.lead = title_and_lead(self.article.title, self.article.text)

    def report(self, vectors: Mapping[str, Vectors]) -> StudyReport:
        impression = self.request.impression or self._impression(vectors.get(self.lead))
        details = self.request.details
        if details is None and self.request.depth is Depth.DETAILS:
            details = self._details()
        counts = self._term_counts()
        study = Study(
            impression=impression,
            details=details,
            terms=counts,
            scores=self._scores(impression, details, counts, vectors),
        )
        return StudyReport(study=study, stages=tuple(self.log.runs))

    # From the text alone

    def _impression(self, vector: Vectors | None) -> Impression:
        article, text, log = self.article, self.text, self.log
        if vector is None:
            vector = np.zeros(self.models.embedder.dimension, np.float32)
        of_no_text = fingerprint("", vector)
        return Impression(
            readability=log.score("readability", self._english_only(lambda: readability(text))),
            sentiment=log.score("sentiment", self._english_only(lambda: neutrality(text))),
            fingerprint=log.run(
                "fingerprint", lambda: fingerprint(article.text, vector, article.title), of_no_text
            ),
        )

    def _details(self) -> Details:
        article, text, log = self.article, self.text, self.log
        if len(article.text) > DETAIL_CHARS:
            text = TokenizedText(article.text[:DETAIL_CHARS])
        density, entities = log.run_or(
            "entities", self._entities, lambda error: (failed_score(error), ())
        )
        return Details(
            ner_density=density,
            entities=entities[:MAX_ENTITIES],
            keywords=log.run(
                "keywords", lambda: keywords(article.title, text.text, article.language), ()
            ),
            summary=log.run("summary", lambda: lead_summary(article.title, text), ""),
        )

    def _entities(self) -> tuple[Score, tuple[Entity, ...]]:
        excerpt = entity_excerpt(self.article.text)
        entities: list[Entity] = []

        def density() -> float:
            require_english(self.article.language)
            entities.extend(count_entities(self.models.entities.mentions(excerpt)))
            return entity_density(entities, excerpt)

        return score_of(density), tuple(entities)

    def _english_only(self, score: Callable[[], float]) -> Callable[[], float]:
        def score_in_english() -> float:
            require_english(self.article.language)
            return score()

        return score_in_english

    # Against the query

    def _term_counts(self) -> TermCounts | None:
        try:
            return term_counts(self.request.query, self.article.title, self.article.text)
        except Unmeasurable:  # there is no query, or no word in it
            return None

    def _scores(
        self,
        impression: Impression,
        details: Details | None,
        counts: TermCounts | None,
        vectors: Mapping[str, Vectors],
    ) -> Scorecard:
        request, article, log = self.request, self.article, self.log
        query, policy = request.query, request.policy
        document = (counts, embedding_of(impression.fingerprint))
        return scorecard(
            composite_for(query, policy.weights),
            readability_score=impression.readability,
            sentiment_score=impression.sentiment,
            ner_density_score=details.ner_density if details else NOT_DETAILED,
            **log.run_or(
                "relevance",
                lambda: relevance_scores(vectors.get(query or ""), [document])[0],
                lambda error: dict.fromkeys(RELEVANCE_SCORE_NAMES, failed_score(error)),
            ),
            recency_score=log.score(
                "recency",
                lambda: recency(article.publish_date, request.now, half_life_days(query, policy)),
            ),
            reputation_score=log.score(
                "reputation",
                lambda: reputation(article.domain, article.author, self.models.reputations),
            ),
            topic_coherence_score=log.score("coherence", lambda: topic_coherence(query, self.text)),
        )


def _embed(studies: Sequence[_ArticleStudy], embedder: Embedder) -> Mapping[str, Vectors]:
    """Text → unit vector, for leads and queries; a text that could not be embedded is missing."""
    leads = {each.lead for each in studies if each.request.impression is None}
    queries = {query for each in studies if (query := each.request.query)}
    started, cpu_started = time.time_ns(), time.process_time()
    vectors, errors = _encoded(sorted(leads | queries), embedder)
    spent = time.process_time() - cpu_started
    embedded = [each for each in studies if each.lead in leads]
    chars = sum(len(each.lead) for each in embedded)
    for each in embedded:
        share = len(each.lead) / chars if chars else 1 / len(embedded)
        each.log.add("embed", started, spent * share, errors.get(each.lead))
    return vectors


def _encoded(
    texts: Sequence[str], embedder: Embedder
) -> tuple[Mapping[str, Vectors], Mapping[str, str]]:
    """Vectors and errors by text: all in one call or, where that raises, one text a call."""
    try:
        return dict(zip(texts, embedder.encode(texts), strict=True)), {}
    except MemoryError:  # concerns the whole process, not one text
        raise
    except Exception:  # only single calls can show which text it was
        return _encoded_singly(texts, embedder)


def _encoded_singly(
    texts: Sequence[str], embedder: Embedder
) -> tuple[Mapping[str, Vectors], Mapping[str, str]]:
    vectors: dict[str, Vectors] = {}
    errors: dict[str, str] = {}
    for text in texts:
        try:
            vectors[text] = embedder.encode([text])[0]
        except MemoryError:
            raise
        except Exception as error:  # one text must not fail the batch
            errors[text] = error_text(error)
    return vectors, errors


class StageLog:
    """The stages of one article, in the order in which they ran."""

    def __init__(self) -> None:
        self.runs: list[StageRun] = []

    def run(self, name: str, work: Callable[[], Outcome], default: Outcome) -> Outcome:
        """The outcome of `work`, or `default` where it raises; the error is recorded."""
        return self.run_or(name, work, lambda _error: default)

    def score(self, name: str, work: Callable[[], float]) -> Score:
        """The score that `work` computes, as `score_of`.

        An exception other than `Unmeasurable` gives the neutral value too, and is recorded as the
        failure of the stage.
        """
        return self.run_or(name, lambda: score_of(work), failed_score)

    def run_or(
        self, name: str, work: Callable[[], Outcome], fallback: Callable[[Exception], Outcome]
    ) -> Outcome:
        """The outcome of `work`, or that of `fallback` for the error that it raises."""
        started, cpu_started = time.time_ns(), time.process_time()
        try:
            outcome, error = work(), None
        except MemoryError:  # concerns the whole process, not this stage
            raise
        except Exception as raised:  # one stage must not fail the article
            outcome, error = fallback(raised), error_text(raised)
        self.add(name, started, time.process_time() - cpu_started, error)
        return outcome

    def add(self, name: str, started_ns: int, cpu_seconds: float, error: str | None = None) -> None:
        """Record a stage that ends now."""
        run = StageRun(
            name=name,
            started_ns=started_ns,
            ended_ns=time.time_ns(),
            error=error,
            cpu_seconds=round(cpu_seconds, 6),
        )
        self.runs.append(run)


def score_of(work: Callable[[], float]) -> Score:
    """The result of `work`, or the neutral value with the reason where it raises `Unmeasurable`.

    Rounded to two decimals, so that two machines agree and the composite can be recomputed from
    what is shown.
    """
    try:
        return Score(round(work(), 2))
    except Unmeasurable as reason:
        return Score(NEUTRAL, str(reason))


def failed_score(error: Exception) -> Score:
    return Score(NEUTRAL, f"Computing the score failed: {error_text(error)}")


def error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
