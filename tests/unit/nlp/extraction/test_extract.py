"""A page becomes an article or is rejected with a reason; no input makes extraction raise."""

from __future__ import annotations

import datetime as dt
import gzip
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.analysis import Rejection
from nlp.article import Article, Page
from nlp.extraction.extract import MAX_TEXT_CHARS, extract
from tests.unit.nlp.samples import html, news_page, page, prose


def extracted(of: Page, min_word_count: int = 300) -> Article:
    outcome = extract(of, min_word_count)
    assert isinstance(outcome, Article), outcome
    return outcome


def rejected(of: Page, min_word_count: int = 300) -> Rejection:
    outcome = extract(of, min_word_count)
    assert isinstance(outcome, Rejection), outcome
    return outcome


def test_an_article_has_its_parts_and_not_the_menu() -> None:
    head = "<meta name='author' content='Ada Lovelace'>"
    head += "<meta property='article:published_time' content='2025-06-14T22:30:00-04:00'>"
    article = extracted(news_page(head=head))
    assert article.title == "A bridge is opened"
    assert article.author == "Ada Lovelace"
    assert article.publish_date == dt.datetime(2025, 6, 15, 2, 30, tzinfo=dt.UTC)
    assert article.domain == "northwire.example"
    assert article.canonical_url == "https://www.northwire.example/news/bridge"
    assert article.word_count >= 300
    assert article.text.startswith("The ")
    assert "Contact us" not in article.text


@pytest.mark.parametrize(("written_in", "declared"), [("cp1252", "utf-8"), ("utf-8", "latin-1")])
def test_a_wrongly_declared_charset_does_no_harm(written_in: str, declared: str) -> None:
    text = "The café’s naïve plan – £5 – failed. " + prose(1)
    body = html(title="“Café” closes", paragraphs=[text]).encode(written_in)
    article = extracted(page(body, f"text/html; charset={declared}"))
    assert article.title == "“Café” closes"
    assert "café’s naïve plan – £5" in article.text


def test_a_short_text_is_rejected_with_both_numbers() -> None:
    outcome = rejected(page(html(paragraphs=[prose(1, 6)])))
    assert outcome.reason == "too_short"
    count = int(outcome.detail.split()[0])
    assert outcome.detail == f"{count} words, an article needs 300."
    assert isinstance(extract(page(html(paragraphs=[prose(1, 6)])), count), Article)


def test_a_page_without_title_is_rejected() -> None:
    assert rejected(page(html(title=None, paragraphs=[prose(1)]))).reason == "no_title"


@pytest.mark.parametrize("body", [b"", b"   ", b"<html></html>", html(title="Only").encode()])
def test_a_page_without_text_is_rejected(body: bytes) -> None:
    assert rejected(page(body)).reason == "no_text"


@pytest.mark.parametrize(
    "body",
    [
        random.Random(1).randbytes(50_000),
        gzip.compress(html(paragraphs=[prose(1)]).encode()),
        b"\x00" * 10_000,
        b"%PDF-1.7\n" + random.Random(2).randbytes(5_000),
    ],
    ids=["random", "gzip", "nul", "pdf"],
)
def test_binary_data_is_not_readable(body: bytes) -> None:
    assert rejected(page(body)).reason == "not_readable"


@pytest.mark.parametrize("tag", ["div", "b", "table><tr><td", "ul><li"])
def test_deep_nesting_does_not_raise(tag: str) -> None:
    extract(page(html(paragraphs=[f"<{tag}>" * 20_000 + prose(1)])), 300)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "run",
    [b"\xff\xfe\xfd hello " * 100_000, b" " * 1_000_000 + b".", b"<" * 150_000, b". " * 300_000],
    ids=["undeclared bytes", "spaces", "open tags", "full stops"],
)
def test_time_is_linear_in_a_page_made_of_one_run(run: bytes) -> None:
    extract(page(b"<html><title>T</title><body><p>" + run, None), 1)


def test_nuls_within_a_page_are_dropped() -> None:
    article = extracted(page(html(paragraphs=["The\x00 bridge. " + prose(1)])))
    assert "The bridge." in article.text


def test_a_long_text_is_cut() -> None:
    article = extracted(page(html(paragraphs=["word " * 100_000])))
    assert len(article.text) <= MAX_TEXT_CHARS


def test_an_invalid_url_is_a_reason_not_an_error() -> None:
    odd = Page(url="not a url", body=news_page().body)
    assert rejected(odd).reason == "not_readable"


@given(st.binary(max_size=300), st.none() | st.text(max_size=30))
def test_no_bytes_make_it_raise(body: bytes, content_type: str | None) -> None:
    wrapped = b"<html><body><p>" + body + b"</p></body></html>"
    extract(page(wrapped, content_type), 1)
