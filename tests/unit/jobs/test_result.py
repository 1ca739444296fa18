"""Results that an earlier release stored."""

from __future__ import annotations

import msgspec
import pytest

from tasks.jobs.outcome import ErrorReport, Failure
from tasks.jobs.result import ArticlesResult, HealthCheckResult, current_form, read_result

JOB = "01900000-0000-7000-8000-000000000001"
FAILURE = {"url": "https://a.example/1", "reason": "not_found", "detail": "It answered 404."}

OLD = {
    "status": "FAILURE",
    "state": "FAILURE",
    "job_id": JOB,
    "type": "topic_curation",
    "total_urls": 1,
    "processed_count": 0,
    "failed_count": 1,
    "failed_urls": [FAILURE],
    "results": [],
    "topic": "tea",
    "query": None,
    "diversity_applied": False,
    "decisions": [],
    "deadline_reached": False,
    "sources": [
        {"name": "feeds", "found": 1, "error": None, "reason": None},
        {"name": "gdelt", "found": 0, "error": "It was slow: 10 s.", "reason": "timed_out"},
    ],
    "error": "internal_error: It broke: twice.",
}
"""As written before `failures` existed."""


def test_an_earlier_result_is_read_in_the_words_of_this_release() -> None:
    result = read_result(msgspec.json.encode(OLD))

    assert isinstance(result, ArticlesResult)
    assert result.failed_urls == ("https://a.example/1",)
    assert result.failures == (msgspec.convert(FAILURE, Failure),)
    assert result.error == ErrorReport(reason="internal_error", detail="It broke: twice.")
    assert result.sources is not None
    assert [(source.name, source.found_count) for source in result.sources] == [
        ("feeds", 1),
        ("gdelt", 0),
    ]
    assert [source.error for source in result.sources] == [
        None,
        ErrorReport(reason="timed_out", detail="It was slow: 10 s."),
    ]


def test_an_earlier_success_has_its_failures_too() -> None:
    old = {**OLD, "error": None, "sources": None}
    result = msgspec.json.decode(current_form(msgspec.json.encode(old)))
    assert (result["failed_urls"], result["failures"]) == ([FAILURE["url"]], [FAILURE])
    assert (result["error"], result["sources"]) == (None, None)


def test_an_earlier_health_check() -> None:
    old = {
        "status": "FAILURE",
        "state": "FAILURE",
        "job_id": JOB,
        "type": "health_check",
        "worker": None,
        "engine_seconds": None,
        "error": "dependency_failed: Job 1 ended in FAILURE.",
    }
    result = read_result(msgspec.json.encode(old))
    assert isinstance(result, HealthCheckResult)
    assert str(result.error) == old["error"]


@pytest.mark.parametrize("document", [b'{"type":"batch_analysis"}', b'{"failed_urls":1}', b"[]"])
def test_what_is_no_earlier_result_stays_as_it_is(document: bytes) -> None:
    assert current_form(document) == document


def test_a_result_of_this_release_stays_as_it_is() -> None:
    document = current_form(msgspec.json.encode(OLD))
    assert current_form(document) is document


@pytest.mark.parametrize("text", ["It broke.", "Not a word: it broke.", ": x"])
def test_an_error_without_a_reason(text: str) -> None:
    assert ErrorReport.parse(text) == ErrorReport(reason="internal_error", detail=text)
