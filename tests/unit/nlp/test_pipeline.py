"""The stages run in order, are recorded, and none of them fails an article."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from msgspec.structs import replace as replaced

from nlp.analysis import (
    Depth,
    ReadReport,
    ReadRequest,
    Rejection,
    Study,
    StudyReport,
    StudyRequest,
)
from nlp.embedding.embedder import HashingEmbedder, Vectors
from nlp.models import Models
from nlp.pipeline import read, study
from tests.unit.nlp.samples import article, html, models, news_page, page, prose, request

READING = ["extract", "language"]
IMPRESSION = ["embed", "readability", "sentiment", "fingerprint"]
DETAILS = ["entities", "keywords", "summary"]
AGAINST_THE_QUERY = ["relevance", "recency", "reputation", "coherence"]


def studied(*requests: StudyRequest, by: Models | None = None) -> list[StudyReport]:
    return list(study(requests, by or models()))


def neutral(result: Study) -> dict[str, str]:
    return {score.score: score.reason for score in result.scores.neutral}


def names(report: ReadReport | StudyReport) -> list[str]:
    return [run.name for run in report.stages]


class CountingEmbedder(HashingEmbedder):
    """Records its calls, and fails on texts that contain a given word."""

    def __init__(self, refuses: str | None = None) -> None:
        super().__init__()
        self.calls: list[list[str]] = []
        self._refuses = refuses

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))
        if self._refuses and any(self._refuses in text for text in texts):
            raise RuntimeError("out of memory")
        return super().encode(texts)


class BrokenRecognizer:
    """Fails on every text."""

    def mentions(self, text: str) -> Sequence[tuple[str, str]]:
        raise RuntimeError(f"no entities in {len(text)} characters")


def test_each_stage_is_recorded_once_and_in_order() -> None:
    reading = read(ReadRequest(page=news_page()))
    (report,) = studied(request(news_page()))
    assert names(reading) == READING
    assert names(report) == [*IMPRESSION, *DETAILS, *AGAINST_THE_QUERY]
    for run in (*reading.stages, *report.stages):
        assert run.error is None
        assert run.started_ns <= run.ended_ns


def test_a_study_has_all_its_parts() -> None:
    head = "<meta property='article:published_time' content='2025-06-08T12:00:00Z'>"
    study_request = request(news_page(title="The bridge repair", head=head))
    result = studied(study_request)[0].study
    assert result.scores.neutral == ()
    assert result.scores.recency_score == 50.0
    assert result.scores.reputation_score == 80.0
    assert study_request.article.language == "en"
    assert result.details
    assert result.details.summary
    assert len(result.impression.fingerprint.embedding) == 256 * 4


def test_an_impression_has_no_details() -> None:
    study_request = replaced(request(news_page()), depth=Depth.IMPRESSION)
    (report,) = studied(study_request)
    assert report.study.details is None
    assert names(report) == [*IMPRESSION, *AGAINST_THE_QUERY]
    assert "may be kept" in neutral(report.study)["ner_density_score"]


def test_what_the_request_carries_is_not_computed_again() -> None:
    whole = studied(request(news_page()))[0].study
    embedder = CountingEmbedder()
    (again,) = studied(
        replaced(request(news_page()), impression=whole.impression, details=whole.details),
        by=replace(models(), embedder=embedder),
    )
    assert again.study == whole
    assert names(again) == AGAINST_THE_QUERY
    assert embedder.calls == [["bridge repair"]]


def test_details_after_an_impression_give_the_same_as_both_at_once() -> None:
    study_request = request(news_page())
    first = studied(replaced(study_request, depth=Depth.IMPRESSION))[0].study
    (second,) = studied(replaced(study_request, impression=first.impression))
    assert second.study == studied(study_request)[0].study
    assert names(second) == [*DETAILS, *AGAINST_THE_QUERY]


def test_the_same_page_gives_the_same_study_in_any_batch() -> None:
    alone = studied(request(news_page(1)))[0].study
    assert studied(request(news_page(2)), request(news_page(1)))[1].study == alone
    scores = msgspec.structs.asdict(alone.scores)
    scores.pop("neutral")
    assert all(0 <= value <= 100 and value == round(value, 2) for value in scores.values())


def test_a_page_that_is_not_an_article_is_rejected() -> None:
    report = read(ReadRequest(page=page(b"")))
    assert isinstance(report.outcome, Rejection)
    assert names(report) == ["extract"]


def test_a_batch_is_embedded_in_one_call_with_each_text_once() -> None:
    embedder = CountingEmbedder()
    requests = [request(news_page(seed, title=f"Bridge {seed}")) for seed in (0, 1, 1)]
    studied(*requests, by=replace(models(), embedder=embedder))
    ((first, second, query),) = embedder.calls
    assert query == "bridge repair"
    assert (first[:9], second[:9]) == ("Bridge 0.", "Bridge 1.")


def test_a_text_that_cannot_be_embedded_fails_alone_with_its_reason() -> None:
    broken = replace(models(), embedder=CountingEmbedder(refuses="Poison"))
    poisoned, good = studied(
        request(news_page(1, title="Poison")), request(news_page(2, title="Good")), by=broken
    )
    assert poisoned.study.scores.semantic_relevance_score == 50.0
    assert neutral(poisoned.study)["semantic_relevance_score"] == "The embedding failed."
    assert not any(poisoned.study.impression.fingerprint.embedding)
    assert poisoned.stages[0].error == "RuntimeError: out of memory"
    assert "semantic_relevance_score" not in neutral(good.study)
    assert good.stages[0].error is None


class FullMemory(HashingEmbedder):
    """Runs out of memory on one text, and fails with `several` on more."""

    def __init__(self, several: type[Exception]) -> None:
        super().__init__()
        self._several = several

    def encode(self, texts: Sequence[str]) -> Vectors:
        raise MemoryError if len(texts) == 1 else self._several


@pytest.mark.parametrize("several", [MemoryError, RuntimeError])
def test_a_memory_error_is_raised_not_recorded(several: type[Exception]) -> None:
    with pytest.raises(MemoryError):
        studied(request(news_page(1)), by=replace(models(), embedder=FullMemory(several)))


def test_a_failed_stage_is_neutral_and_recorded_as_reason_and_error() -> None:
    broken = replace(models(), entities=BrokenRecognizer())
    (report,) = studied(request(news_page()), by=broken)
    assert report.study.scores.ner_density_score == 50.0
    assert report.study.details
    assert report.study.details.entities == ()
    assert "RuntimeError" in neutral(report.study)["ner_density_score"]
    assert {run.name for run in report.stages if run.error} == {"entities"}


@pytest.mark.parametrize("query", [None, "", "?"])
def test_without_a_query_what_depends_on_it_is_neutral(query: str | None) -> None:
    (report,) = studied(request(news_page(), query))
    for score in (
        "tfidf_relevance_score",
        "semantic_relevance_score",
        "relevance_score",
        "topic_coherence_score",
    ):
        assert neutral(report.study)[score] == "No query was given."
        assert getattr(report.study.scores, score) == 50.0
    assert all(run.error is None for run in report.stages)


def test_scores_made_for_english_are_neutral_for_other_languages() -> None:
    german = "Die Regierung hat am Montag angekündigt, dass sie das Gesetz noch ändern will. " * 40
    german_page = page(html(title="Gesetz wird geändert", paragraphs=[german]))
    (report,) = studied(request(german_page))
    assert article(german_page).language == "de"
    not_measured = neutral(report.study)
    for score in ("readability_score", "ner_density_score", "sentiment_score"):
        assert "'de'" in not_measured[score]


def test_progress_is_reported_to_the_caller() -> None:
    progress: list[list[int]] = []
    requests = [request(news_page(1)), request(news_page(2))]
    list(study(requests, models(), lambda places: progress.append(list(places))))
    assert progress == [[0, 1], [0], [1]]


def test_no_requests_have_no_reports() -> None:
    assert studied() == []


def test_an_undated_page_is_neutral_in_recency() -> None:
    (report,) = studied(request(page(html(paragraphs=[prose(1)]))))
    assert "recency_score" in neutral(report.study)


def test_reports_survive_the_wire() -> None:
    for report in (read(ReadRequest(page=news_page())), *studied(request(news_page()))):
        encoded = msgspec.msgpack.encode(report)
        assert msgspec.msgpack.decode(encoded, type=type(report)) == report


def test_modules_imported_by_workers_load_nothing_heavy() -> None:
    heavy = (
        "torch transformers sentence_transformers spacy sklearn scipy numpy trafilatura requests"
    )
    code = (
        "import sys, nlp.analysis, nlp.article, nlp.decision, nlp.ranking.selection, nlp.urls\n"
        f"print([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
