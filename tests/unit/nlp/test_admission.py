"""Which articles a job accepts at all, and what it says of the others."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec.structs import replace

from nlp.decision import Verdict
from nlp.ranking.admission import Admission, not_admitted
from tests.unit.nlp.samples import NOW, evidence

ARTICLE = replace(evidence(url="https://news.a.example/1").article, publish_date=NOW, language="en")


@pytest.mark.parametrize(
    "admission",
    [
        Admission(),
        Admission(published_after=NOW - dt.timedelta(seconds=1)),
        Admission(languages=("de", "en")),
        Admission(include_domains=("b.example", "a.example")),
        Admission(include_domains=("news.a.example",)),
        Admission(exclude_domains=("www.a.example", "ws.a.example")),
    ],
)
def test_what_is_accepted(admission: Admission) -> None:
    assert admission.objection(ARTICLE) is None


@pytest.mark.parametrize(
    ("admission", "objection"),
    [
        (
            Admission(published_after=NOW),
            "It was published 15 June 2025 at 12:00 UTC, and the job asks for articles published "
            "after 15 June 2025 at 12:00 UTC.",
        ),
        (Admission(languages=("de", "fr")), "Its language is en, and the job asks for de or fr."),
        (
            Admission(include_domains=("b.example", "ews.a.example")),
            "The job asks only for some domains, and news.a.example is none of them.",
        ),
        (Admission(exclude_domains=("a.example",)), "The job excludes news.a.example."),
        (
            Admission(include_domains=("a.example",), exclude_domains=("news.a.example",)),
            "The job excludes news.a.example.",
        ),
    ],
)
def test_what_is_not(admission: Admission, objection: str) -> None:
    assert admission.objection(ARTICLE) == objection
    assert not_admitted(ARTICLE, objection).verdict is Verdict.NOT_ADMITTED


def test_what_is_not_known_is_not_accepted() -> None:
    bare = replace(ARTICLE, publish_date=None, language=None)
    dated = Admission(published_after=dt.datetime(2025, 6, 1, tzinfo=dt.UTC))
    assert dated.objection(bare) == (
        "It gives no date, and the job asks for articles published after 1 June 2025."
    )
    english = Admission(languages=("en",))
    assert english.objection(bare) == "Its language is not known, and the job asks for en."
