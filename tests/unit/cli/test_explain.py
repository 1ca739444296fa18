"""`curator jobs explain`: the decisions on candidates, with their scores."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.web_stub import HOSTILE, JOB, TAMED, WebStub, job_result, respond, run

KEPT = {
    "url": "https://a.example/tides",
    "verdict": "kept",
    "explanation": "Rank 1 with 81.25.",
    "rank": 1,
    "overall_score": 81.25,
    "domain": "a.example",
    "cluster": 0,
    "scores": {
        "overall_score": 81.25,
        "relevance_score": 90.5,
        "ner_density_score": 50.0,
        "neutral": [{"score": "ner_density_score", "reason": "Made for English."}],
    },
    "nearest": {"url": "https://b.example/reefs", "containment": 0.125, "cosine": 0.61},
}
MERGED = {
    "url": "https://b.example/tides?page=2",
    "verdict": "duplicate",
    "explanation": "Has the same text as another.",
    "overall_score": 64.0,
    "duplicate_of": "https://a.example/tides",
    "matched_by": "text_hash",
    "similarity": 1.0,
}
FAILED = {
    "url": "https://c.example/",
    "verdict": "failed",
    "explanation": "The site answered 404.",
    "reason": "not_found",
}


def web(*decisions: dict[str, object]) -> WebStub:
    result = job_result(decisions=list(decisions) or [FAILED, MERGED, KEPT])
    return WebStub({f"GET /jobs/{JOB}/result": respond(result)})


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
    assert rows["recency"] == "-"
    assert rows["cluster"] == "0"
    assert rows["nearest"] == "https://b.example/reefs"
    assert rows["shared phrases"] == "0.125"
    assert rows["cosine"] == "0.610"


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
    assert json.loads(documents) == [FAILED, MERGED, KEPT]
    document = run("jobs", "explain", JOB, str(MERGED["url"]), "--json", web=web()).stdout
    assert json.loads(document) == MERGED


def test_text_of_pages_cannot_control_the_terminal() -> None:
    hostile = {**KEPT, "title": HOSTILE, "explanation": HOSTILE}
    shown = run(
        "jobs", "explain", JOB, "https://a.example/tides", web=web(hostile), terminal=True
    ).stdout
    assert TAMED in shown
    assert "\x07" not in shown


def test_a_job_without_decisions_has_nothing_to_explain() -> None:
    stub = WebStub({f"GET /jobs/{JOB}/result": respond({"status": "SUCCESS"})})
    assert run("jobs", "explain", JOB, web=stub).stdout.splitlines() == [
        "decision\tscore\turl\twhy"
    ]
