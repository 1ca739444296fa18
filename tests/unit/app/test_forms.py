"""The forms, as browsers send them."""

from __future__ import annotations

import pytest

from app.pages.forms import TopicForm, UrlForm, parse_form
from tasks.errors import InvalidRequest
from tasks.jobs.job import BatchAnalysis, TopicCuration
from tasks.jobs.options import JobOptions, WeightOptions


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


def test_the_folded_options_of_a_form() -> None:
    form = parse_form(
        b"form=topic&topic=tea&max_articles=5&apply_diversity=on&domain_cap=1&min_relevance=12.5"
        b"&weights=recency%3D0.4,+ner%3D0&published_after=2026-03-01&languages=en,+de"
        b"&exclude_domains=a.example+b.example&sources=feeds&min_word_count=&cluster_cap=+"
    )
    params = form.submission().params
    assert isinstance(params, TopicCuration)
    assert params.options == JobOptions(
        domain_cap=1,
        min_relevance=12.5,
        weights=WeightOptions(recency=0.4, ner=0.0),
        published_after_ms=1_772_323_200_000,
        languages=("en", "de"),
        exclude_domains=("a.example", "b.example"),
        sources=("feeds",),
    )
    assert form.has_options


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("domain_cap=1.5", "domain_cap must be a whole number"),
        ("min_relevance=much", "min_relevance must be a number"),
        ("published_after=yesterday", "published_after must be a day such as 2026-03-01"),
        ("published_after=20000-01-01", "published_after must be a day"),
        ("weights=speed%3D1", "weights must be such as recency=0.4"),
        ("weights=recency%3Dmuch", "weights.recency must be a number"),
    ],
)
def test_an_option_that_cannot_be_read_is_refused(field: str, message: str) -> None:
    form = parse_form(f"form=topic&topic=tea&max_articles=5&{field}".encode())
    with pytest.raises(InvalidRequest, match=message):
        form.submission()
