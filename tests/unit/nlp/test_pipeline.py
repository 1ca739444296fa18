"""The stages run in order, are on record, and none of them fails an article."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from nlp.analysis import Analysis, AnalysisReport, Rejection
from nlp.embedder import HashingEmbedder, Vectors
from nlp.pipeline import analyse
from tests.unit.nlp.samples import html, models, news_page, page, prose, request

STAGES = [
    "extract", "language", "embed", "entities", "readability", "sentiment", "relevance",
    "recency", "reputation", "coherence", "summary", "fingerprint",
]  # fmt: skip


def analysed(report: AnalysisReport) -> Analysis:
    assert isinstance(report.outcome, Analysis), report.outcome
    return report.outcome


def neutral(analysis: Analysis) -> dict[str, str]:
    return {score.score: score.reason for score in analysis.scores.neutral}


class CountingEmbedder(HashingEmbedder):
    """Remembers what it was asked, and refuses texts that hold a given word."""

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


def test_each_stage_is_on_record_once_and_in_order() -> None:
    (report,) = analyse([request(news_page())], models())
    assert [run.name for run in report.stages] == STAGES
    assert all(run.error is None and run.started_ns <= run.ended_ns for run in report.stages)


def test_an_analysis_has_all_its_parts() -> None:
    head = "<meta property='article:published_time' content='2025-06-08T12:00:00Z'>"
    (report,) = analyse([request(news_page(title="The bridge repair", head=head))], models())
    found = analysed(report)
    assert found.scores.neutral == ()
    assert found.scores.recency_score == 50.0
    assert found.scores.reputation_score == 80.0
    assert found.article.language == "en"
    assert found.article.summary
    assert len(found.fingerprint.embedding) == 256 * 4


def test_the_same_page_gives_the_same_analysis_whatever_stands_beside_it() -> None:
    alone = analyse([request(news_page(1))], models())[0].outcome
    beside = analyse([request(news_page(2)), request(news_page(1))], models())[1].outcome
    assert alone == beside
    assert isinstance(alone, Analysis)
    scores = msgspec.structs.asdict(alone.scores)
    scores.pop("neutral")
    assert all(0 <= value <= 100 and value == round(value, 2) for value in scores.values())


def test_a_rejection_does_not_touch_its_neighbours() -> None:
    reports = analyse([request(page(b"")), request(news_page())], models())
    assert isinstance(reports[0].outcome, Rejection)
    assert [run.name for run in reports[0].stages] == ["extract"]
    analysed(reports[1])


def test_a_batch_is_embedded_in_one_call_with_each_query_once() -> None:
    embedder = CountingEmbedder()
    requests = [request(news_page(seed, title=f"Bridge {seed}")) for seed in range(3)]
    analyse(requests, replace(models(), embedder=embedder))
    ((*leads, query),) = embedder.calls
    assert query == "bridge repair"
    assert [lead[:9] for lead in leads] == ["Bridge 0.", "Bridge 1.", "Bridge 2."]


def test_a_text_that_cannot_be_embedded_stands_alone_and_says_so() -> None:
    broken = replace(models(), embedder=CountingEmbedder(refuses="Poison"))
    reports = analyse(
        [request(news_page(1, title="Poison")), request(news_page(2, title="Good"))], broken
    )
    poisoned, good = map(analysed, reports)
    assert poisoned.scores.semantic_relevance_score == 50.0
    assert neutral(poisoned)["semantic_relevance_score"] == "The embedding failed."
    assert not any(poisoned.fingerprint.embedding)
    assert reports[0].stages[2].error == "RuntimeError: out of memory"
    assert "semantic_relevance_score" not in neutral(good)
    assert reports[1].stages[2].error is None


def test_a_failed_stage_is_neutral_and_on_record_in_both_places() -> None:
    broken = replace(models(), entities=BrokenRecognizer())
    (report,) = analyse([request(news_page())], broken)
    found = analysed(report)
    assert found.scores.ner_density_score == 50.0
    assert found.article.entities == ()
    assert "RuntimeError" in neutral(found)["ner_density_score"]
    assert {run.name for run in report.stages if run.error} == {"entities"}


@pytest.mark.parametrize("query", [None, "", "?"])
def test_without_a_query_what_depends_on_it_is_neutral(query: str | None) -> None:
    (report,) = analyse([request(news_page(), query)], models())
    found = analysed(report)
    for score in ("tfidf_relevance_score", "semantic_relevance_score", "topic_coherence_score"):
        assert neutral(found)[score] == "No query was given."
        assert getattr(found.scores, score) == 50.0
    assert all(run.error is None for run in report.stages)


def test_scores_made_for_english_are_neutral_for_other_languages() -> None:
    german = "Die Regierung hat am Montag angekündigt, dass sie das Gesetz noch ändern will. " * 40
    made = page(html(title="Gesetz wird geändert", paragraphs=[german]))
    (report,) = analyse([request(made)], models())
    found = analysed(report)
    assert found.article.language == "de"
    assert {"readability_score", "ner_density_score", "sentiment_score"} <= neutral(found).keys()


def test_the_caller_knows_whose_work_is_going_on() -> None:
    started: list[int] = []
    analyse(
        [request(news_page(1)), request(page(b"")), request(news_page(2))], models(), started.append
    )
    assert started == [0, 1, 2, 0, 2]


def test_an_undated_page_is_neutral_in_recency() -> None:
    (report,) = analyse([request(page(html(paragraphs=[prose(1)])))], models())
    assert "recency_score" in neutral(analysed(report))


def test_a_report_survives_the_wire() -> None:
    (report,) = analyse([request(news_page())], models())
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(report), type=AnalysisReport) == report


def test_the_data_types_and_urls_load_nothing_heavy() -> None:
    heavy = (
        "torch transformers sentence_transformers spacy sklearn scipy numpy trafilatura requests"
    )
    code = (
        "import sys, nlp.analysis, nlp.article, nlp.decision, nlp.urls\n"
        f"print([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
