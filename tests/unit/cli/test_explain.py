"""`curator jobs explain`: the decisions on candidates, with their scores."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from nlp.analysis import NeutralScore, Scorecard
from nlp.decision import Decision, NearestArticle, Verdict
from tests.unit.cli.web_stub import (
    HEALTH,
    HOSTILE,
    JOB,
    TAMED,
    WebStub,
    document_of,
    job_result,
    respond,
    run,
)

SCORES = Scorecard(
    overall_score=81.25,
    readability_score=70.0,
    ner_density_score=50.0,
    sentiment_score=60.0,
    tfidf_relevance_score=85.0,
    recency_score=100.0,
    reputation_score=55.0,
    topic_coherence_score=75.0,
    semantic_relevance_score=95.0,
    relevance_score=90.5,
    neutral=(NeutralScore(score="ner_density_score", reason="Made for English."),),
)
KEPT = Decision(
    url="https://a.example/tides",
    verdict=Verdict.KEPT,
    explanation="Rank 1 with 81.25.",
    rank=1,
    overall_score=81.25,
    domain="a.example",
    cluster=0,
    scores=SCORES,
    nearest=NearestArticle(url="https://b.example/reefs", containment=0.125, cosine=0.61),
)
DUPLICATE = Decision(
    url="https://b.example/tides?page=2",
    verdict=Verdict.DUPLICATE,
    explanation="Has the same text as another.",
    overall_score=64.0,
    duplicate_of="https://a.example/tides",
    matched_by="text_hash",
    similarity=1.0,
)
FAILED = Decision(
    url="https://c.example/",
    verdict=Verdict.FAILED,
    explanation="The site answered 404.",
    reason="not_found",
)


def web(*decisions: Decision) -> WebStub:
    documents = [document_of(decision) for decision in decisions or (FAILED, DUPLICATE, KEPT)]
    return WebStub({f"GET /jobs/{JOB}/result": respond(job_result(decisions=documents))})


def test_candidates_are_listed_kept_first_then_by_score() -> None:
    lines = run("jobs", "explain", JOB, web=web()).stdout.splitlines()
    assert lines == [
        "decision\tscore\turl\twhy",
        "kept\t81.2\thttps://a.example/tides\tRank 1 with 81.25.",
        "duplicate\t64.0\thttps://b.example/tides?page=2\tHas the same text as another.",
        "failed\t-\thttps://c.example/\tThe site answered 404.",
    ]


def test_one_candidate_has_all_its_scores() -> None:
    shown = run("jobs", "explain", JOB, "https://a.example/tides", web=web()).stdout
    rows = dict(line.split("\t") for line in shown.splitlines())
    assert rows["decision"] == "kept"
    assert rows["why"] == "Rank 1 with 81.25."
    assert rows["relevance"] == "90.5"
    assert rows["entities"] == "50.0 (Made for English.)"
    assert rows["recency"] == "100.0"
    assert rows["cluster"] == "0"
    assert rows["nearest"] == "https://b.example/reefs"
    assert rows["shared phrases"] == "0.125"
    assert rows["cosine"] == "0.610"


def test_a_candidate_without_scores_has_dashes() -> None:
    shown = run("jobs", "explain", JOB, FAILED.url, web=web()).stdout
    rows = dict(line.split("\t") for line in shown.splitlines())
    assert (rows["reason"], rows["relevance"], rows["nearest"]) == ("not_found", "-", "-")


def test_a_candidate_matches_by_its_canonical_url() -> None:
    shown = run("jobs", "explain", JOB, "HTTPS://A.example:443/tides?utm_source=x", web=web())
    assert "Rank 1" in shown.stdout


@pytest.mark.parametrize("url", ["https://d.example/", "no url at all", ""])
def test_a_url_that_is_no_candidate_is_invalid_usage(url: str) -> None:
    completed = run("jobs", "explain", JOB, url, web=web())
    assert completed.exit_code == 2
    assert "not among the 3 candidates" in completed.stderr


def test_json_is_as_the_server_sent_it() -> None:
    documents = run("jobs", "explain", JOB, "--json", web=web()).stdout
    assert json.loads(documents) == [document_of(item) for item in (FAILED, DUPLICATE, KEPT)]
    document = run("jobs", "explain", JOB, DUPLICATE.url, "--json", web=web()).stdout
    assert json.loads(document) == document_of(DUPLICATE)


def test_text_of_pages_cannot_control_the_terminal() -> None:
    hostile = replace(KEPT, title=HOSTILE, explanation=HOSTILE)
    shown = run(
        "jobs", "explain", JOB, "https://a.example/tides", web=web(hostile), terminal=True
    ).stdout
    assert TAMED in shown
    assert "\x07" not in shown


def test_a_job_without_decisions_has_nothing_to_explain() -> None:
    stub = WebStub({f"GET /jobs/{JOB}/result": respond(document_of(HEALTH))})
    assert run("jobs", "explain", JOB, web=stub).stdout.splitlines() == [
        "decision\tscore\turl\twhy"
    ]
