"""The words and filters of the pages."""

from __future__ import annotations

import pytest

from app.pages.templating import SCORES, STATES, TYPES, VERDICTS, by_verdict, web_link
from nlp.analysis import Scorecard
from nlp.decision import Decision, Verdict
from tasks.jobs.job import JobState, JobType


def test_every_enumeration_has_a_label_for_each_member() -> None:
    assert set(VERDICTS) == set(Verdict)
    assert set(STATES) == set(JobState)
    assert set(TYPES) == set(JobType)


def test_every_score_is_shown() -> None:
    assert set(SCORES) | {"overall_score", "neutral"} == set(Scorecard.__struct_fields__)


def test_decisions_are_ordered_for_reading() -> None:
    decisions = [
        Decision(url="d", verdict=Verdict.FAILED, explanation=""),
        Decision(url="c", verdict=Verdict.BELOW_CUT, explanation=""),
        Decision(url="b", verdict=Verdict.KEPT, explanation="", rank=2),
        Decision(url="a", verdict=Verdict.DUPLICATE, explanation=""),
        Decision(url="e", verdict=Verdict.KEPT, explanation="", rank=1),
    ]
    assert [decision.url for decision in by_verdict(decisions)] == ["e", "b", "a", "c", "d"]


@pytest.mark.parametrize("url", ["https://a.example/?q=1", "HTTP://a.example/"])
def test_http_addresses_are_links(url: str) -> None:
    assert web_link(url) == url


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", " javascript:x", "//a.example", "https://["]
)
def test_other_addresses_are_not_links(url: str) -> None:
    assert web_link(url) is None
