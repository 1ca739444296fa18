"""The forms, as browsers send them."""

from __future__ import annotations

import pytest

from app.pages.forms import TopicForm, UrlForm, parse_form
from tasks.errors import InvalidRequest
from tasks.jobs.job import BatchAnalysis, TopicCuration


def test_browsers_omit_unchecked_boxes() -> None:
    form = parse_form(b"form=topic&topic=tea+time&max_articles=5")
    assert form == TopicForm(
        topic="tea time", max_articles="5", apply_diversity=False, background=False
    )
    assert form.submission().params == TopicCuration(
        topic="tea time", max_articles=5, apply_diversity=False
    )


def test_urls_are_one_per_line() -> None:
    form = parse_form(b"form=urls&urls=https://a.example/%0D%0A%0D%0A+https://b.example/&query=tea")
    assert isinstance(form, UrlForm)
    assert form.submission().params == BatchAnalysis(
        urls=("https://a.example/", "https://b.example/"), query="tea", apply_diversity=False
    )


def test_an_empty_query_is_none() -> None:
    params = UrlForm(urls="https://a.example/", query="  ").submission().params
    assert isinstance(params, BatchAnalysis)
    assert params.query is None


def test_an_invalid_number_is_refused_with_the_label_of_the_form() -> None:
    with pytest.raises(InvalidRequest, match="Number of articles must be a whole number"):
        TopicForm(topic="tea", max_articles="9" * 5000).submission()


@pytest.mark.parametrize("body", [b"", b"form=other", b"form=topic&topic=\xff", b"a=1&" * 100])
def test_unknown_forms(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_form(body)
