"""What the job's page makes of a result."""

from __future__ import annotations

import msgspec
import pytest

from app.pages.job_result import SCORES, VERDICTS, ShownResult, read_outcome, web_link
from app.pages.templating import STATES, TYPES
from nlp.analysis import Scorecard
from nlp.decision import Decision, Verdict
from tasks.jobs.job import JobState, JobType


def test_every_word_of_the_domain_has_one_for_readers() -> None:
    assert set(VERDICTS) == set(Verdict)
    assert set(STATES) == set(JobState)
    assert set(TYPES) == set(JobType)


def test_every_score_is_shown() -> None:
    assert set(SCORES) | {"overall_score", "neutral"} == set(Scorecard.__struct_fields__)
    assert set(SCORES) <= set(ShownResult.__struct_fields__)


def test_decisions_are_ordered_for_reading() -> None:
    decisions = [
        Decision(url="d", verdict=Verdict.FAILED, explanation=""),
        Decision(url="c", verdict=Verdict.BELOW_CUT, explanation=""),
        Decision(url="b", verdict=Verdict.KEPT, explanation="", rank=2),
        Decision(url="a", verdict=Verdict.DUPLICATE, explanation=""),
        Decision(url="e", verdict=Verdict.KEPT, explanation="", rank=1),
    ]
    outcome = read_outcome(msgspec.json.encode({"decisions": decisions}))
    assert [decision.url for decision in outcome.explained] == ["e", "b", "a", "c", "d"]


def test_a_result_of_another_kind_shows_nothing() -> None:
    outcome = read_outcome(b'{"status": "SUCCESS", "worker": "w", "engine_seconds": 0.1}')
    assert (outcome.results, outcome.decisions) == ([], [])


@pytest.mark.parametrize("url", ["https://a.example/?q=1", "HTTP://a.example/"])
def test_addresses_of_the_web_are_links(url: str) -> None:
    assert web_link(url) == url


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", " javascript:x", "//a.example", "https://["]
)
def test_other_addresses_are_none(url: str) -> None:
    assert web_link(url) is None
