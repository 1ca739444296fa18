"""The order of the stages: from pages to articles, and from articles to what is known of them.

1. **read**: extract, then language; a page that is no article leaves here.
2. **study**: embed, readability, sentiment and fingerprint make the impression of a text;
   entities, keywords and summary its details, where these are wanted. Relevance, recency,
   reputation and coherence are measured in the light of the query; all make the scorecard.

What a request brings along of a text, from before, is not made again. A stage that fails gives its
neutral value and says so; it never fails the article.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
from nlp.scores.entities import MAX_ENTITIES, counted, entity_density, readable_part
from nlp.scores.readability import readability
from nlp.scores.recency import half_life_days, recency
from nlp.scores.reputation import reputation
from nlp.scores.scorecard import scorecard
from nlp.scores.sentiment import neutrality
from nlp.similarity.fingerprint import embedding_of, fingerprint
from nlp.stages import StageLog, error_text, failed_score, score_of
from nlp.text.keywords import keywords
from nlp.text.language import language_of, require_english
from nlp.text.query_terms import TermCounts, term_counts
from nlp.text.summary import lead_summary
from nlp.text.words import TokenizedText

UNDETAILED = Score(NEUTRAL, "Entities are read only of articles that come into question.")

Working = Callable[[Sequence[int]], None]
"""Told which of the requests are being worked on from now, and no others."""


def read(request: ReadRequest) -> ReadReport:
    """The article of a page, with its language, or why it is none. Raises only MemoryError."""
    log = StageLog()
    unread: Article | Rejection = Rejection(
        reason="not_readable", detail="The page could not be read."
    )
    found = log.run("extract", lambda: extract(request.page, request.min_word_count), unread)
    if isinstance(found, Article):
        text = f"{found.title}\n{found.text}"
        found = replace(found, language=log.run("language", lambda: language_of(text), None))
    return ReadReport(outcome=found, stages=tuple(log.runs))


def study(
    requests: Sequence[StudyRequest], models: Models, working: Working = lambda _which: None
) -> Iterator[StudyReport]:
    """The report on each request, in their order, each as soon as it is known.

    What has to be embedded is embedded together, first. A report does not depend on what
    stands beside it. Raises only for weights that do not sum to 1.
    """
    if not requests:
        return
    subjects = [_Subject(request, models) for request in requests]
    working(range(len(requests)))
    vectors = _embed(subjects, models.embedder)
    for place, subject in enumerate(subjects):
        working([place])
        yield subject.report(vectors)


@dataclass
class _Subject:
    """One article under study."""

    request: StudyRequest
    models: Models
    log: StageLog = field(default_factory=StageLog)

    def __post_init__(self) -> None:
        self.article = self.request.article
        self.text = TokenizedText(self.article.text)
        self.lead = title_and_lead(self.article.title, self.article.text)

    def report(self, vectors: Mapping[str, Vectors]) -> StudyReport:
        impression = self.request.impression or self._impression(vectors.get(self.lead))
        details = self.request.details
        if details is None and self.request.depth is Depth.DETAILS:
            details = self._details()
        counts = self._counts()
        study = Study(
            impression=impression,
            details=details,
            terms=counts,
            scores=self._scores(impression, details, counts, vectors),
        )
        return StudyReport(study=study, stages=tuple(self.log.runs))

    # By the text alone

    def _impression(self, vector: Vectors | None) -> Impression:
        article, text = self.article, self.text
        least = self.request.policy.min_word_count
        known = np.zeros(self.models.embedder.dimension, np.float32) if vector is None else vector
        return Impression(
            readability=self.log.measure(
                "readability", self._in_english(lambda: readability(text, least))
            ),
            sentiment=self.log.measure("sentiment", self._in_english(lambda: neutrality(text))),
            fingerprint=self.log.run(
                "fingerprint", lambda: fingerprint(article.text, known), fingerprint("", known)
            ),
        )

    def _details(self) -> Details:
        article, text = self.article, self.text
        if len(article.text) > DETAIL_CHARS:
            text = TokenizedText(article.text[:DETAIL_CHARS])
        density, entities = self.log.run_or(
            "entities", self._entities, lambda error: (failed_score(error), ())
        )
        return Details(
            ner_density=density,
            entities=entities[:MAX_ENTITIES],
            keywords=self.log.run(
                "keywords", lambda: keywords(article.title, text.text, article.language), ()
            ),
            summary=self.log.run("summary", lambda: lead_summary(article.title, text), ""),
        )

    def _entities(self) -> tuple[Score, tuple[Entity, ...]]:
        read = readable_part(self.article.text)
        entities: list[Entity] = []

        def density() -> float:
            require_english(self.article.language)
            entities.extend(counted(self.models.entities.mentions(read)))
            return entity_density(entities, read)

        return score_of(density), tuple(entities)

    def _in_english(self, measure: Callable[[], float]) -> Callable[[], float]:
        def measured_in_english() -> float:
            require_english(self.article.language)
            return measure()

        return measured_in_english

    # In the light of the query

    def _counts(self) -> TermCounts | None:
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
            policy.weights,
            readability_score=impression.readability,
            sentiment_score=impression.sentiment,
            ner_density_score=details.ner_density if details else UNDETAILED,
            **log.run_or(
                "relevance",
                lambda: relevance_scores(vectors.get(query or ""), [document])[0],
                lambda error: dict.fromkeys(RELEVANCE_SCORE_NAMES, failed_score(error)),
            ),
            recency_score=log.measure(
                "recency",
                lambda: recency(article.publish_date, request.now, half_life_days(query, policy)),
            ),
            reputation_score=log.measure(
                "reputation",
                lambda: reputation(article.domain, article.author, self.models.reputations),
            ),
            topic_coherence_score=log.measure(
                "coherence", lambda: topic_coherence(query, self.text)
            ),
        )


def _embed(subjects: Sequence[_Subject], embedder: Embedder) -> Mapping[str, Vectors]:
    """Text → unit vector, for leads and queries; a text that could not be embedded is missing."""
    leads = {one.lead for one in subjects if one.request.impression is None}
    queries = {query for one in subjects if (query := one.request.query)}
    started = time.time_ns()
    vectors, errors = _encoded(sorted(leads | queries), embedder)
    for one in subjects:
        if one.lead in leads:
            one.log.add("embed", started, errors.get(one.lead))
    return vectors


def _encoded(
    texts: Sequence[str], embedder: Embedder
) -> tuple[Mapping[str, Vectors], Mapping[str, str]]:
    """All in one call; where that raises, one by one, so that the bad text stands alone."""
    try:
        return dict(zip(texts, embedder.encode(texts), strict=True)), {}
    except MemoryError:  # of the whole process, and no text's to mend
        raise
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
        except MemoryError:
            raise
        except Exception as error:  # one text must not fail the batch
            errors[text] = error_text(error)
    return vectors, errors
