"""The sample web keeps its promises: enough articles, all distinct, and a batch as announced."""

from __future__ import annotations

import datetime as dt
import functools
import re
from itertools import combinations

import pytest
import trafilatura
from trafilatura.settings import Document

from nlp.article import Page
from nlp.feeds.feed import FeedRequest
from nlp.feeds.reader import read_feed
from tests.sampleweb.catalogue import (
    ARTICLES,
    BATCH_FAILURES,
    BATCH_OF_50,
    HOSTS,
    OPML_URL,
    TOPICS,
    TROUBLES,
    SampleArticle,
    article,
    articles,
    urls,
)
from tests.sampleweb.feeds import PRINTING_HOSTS
from tests.sampleweb.search import search
from tests.sampleweb.site import Site

TODAY = dt.date(2026, 11, 23)
ORIGINALS = [one for one in ARTICLES if one.original]
ONE_OF_EACH_LAYOUT = list({one.host.layout: one for one in ORIGINALS}.values())


@functools.cache
def shingles(one: SampleArticle) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", one.text.lower())
    return frozenset(tuple(words[i : i + 5]) for i in range(len(words) - 4))


def containment(one: SampleArticle, other: SampleArticle) -> float:
    smaller, larger = sorted((shingles(one), shingles(other)), key=len)
    return len(smaller & larger) / len(smaller)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_there_are_enough_articles_on_enough_hosts() -> None:
    assert len(ORIGINALS) >= 50
    assert len({one.host.domain for one in ARTICLES}) >= 12
    assert len({one.host.layout for one in ARTICLES}) >= 4
    assert len(set(urls())) == len(ARTICLES)


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_is_covered_widely_and_by_name(topic: str) -> None:
    own = [one for one in articles(topic) if one.original]
    assert len(own) >= 11
    assert len({one.host.domain for one in own}) >= 8
    assert all(topic in one.text.lower() for one in own)


def test_every_article_is_long_enough() -> None:
    assert min(one.word_count for one in ORIGINALS) >= 330
    assert min(one.word_count for one in ARTICLES) >= 300


def test_stories_are_distinct() -> None:
    alike = [
        (one.slug, other.slug)
        for one, other in combinations(ORIGINALS, 2)
        if containment(one, other) > 0.02
    ]
    assert alike == []


def test_copies_leads_and_retellings_are_what_they_are_marked_as() -> None:
    copies = [(one, article(one.copy_of)) for one in ARTICLES if one.copy_of]
    leads = [(one, article(one.lead_of)) for one in ARTICLES if one.lead_of]
    retellings = [(one, article(one.retells)) for one in ARTICLES if one.retells]
    assert len(copies) >= 6
    assert len(leads) >= 4
    assert len(retellings) >= 3
    for one, source in [*copies, *leads]:
        assert containment(one, source) >= 0.6
    for one, source in [*copies, *leads, *retellings]:
        assert one.title != source.title
        assert one.author != source.author
        assert one.host.domain != source.host.domain


def test_the_batch_holds_45_articles_and_5_kinds_of_failure() -> None:
    assert len(set(BATCH_OF_50)) == len(BATCH_OF_50) == 50
    assert set(BATCH_OF_50) - set(urls()) == set(BATCH_FAILURES)
    assert len(set(BATCH_FAILURES.values())) == len(BATCH_FAILURES) == 5


def test_every_address_is_answered() -> None:
    site = Site(TODAY)
    assert {site.answer(url).status for url in urls()} == {200}
    unanswered = [url for url in TROUBLES if site.answer(url).status == 404]
    assert [TROUBLES[url].what for url in unanswered] == ["404"]
    assert site.answer("http://www.nowhere.example/").status == 502


@pytest.mark.parametrize("one", ONE_OF_EACH_LAYOUT, ids=lambda one: one.host.layout)
def test_extraction_finds_the_article_and_nothing_around_it(one: SampleArticle) -> None:
    page = Site(TODAY).answer(one.url).body
    found = trafilatura.bare_extraction(page, favor_precision=True, with_metadata=True)
    assert isinstance(found, Document)
    assert squeezed(found.text or "") == squeezed(one.text)
    assert (found.title, found.author) == (one.title, one.author)
    assert found.date == one.published(TODAY).date().isoformat()


def test_every_host_has_a_feed_of_its_articles() -> None:
    site = Site(TODAY)
    listed = site.answer(OPML_URL).body.decode()
    for host in PRINTING_HOSTS:
        assert f'xmlUrl="{host.feed_url}"' in listed
        page = Page(url=host.feed_url, body=site.answer(host.feed_url).body)
        feed = read_feed(FeedRequest(page=page))
        own = [one for one in ARTICLES if one.host == host]
        assert {entry.title for entry in feed.entries} == {one.title for one in own}
        assert all(entry.published for entry in feed.entries)
    assert set(HOSTS) - {host.name for host in PRINTING_HOSTS} == {"trouble.sampleweb.example"}


@pytest.mark.parametrize("topic", TOPICS)
def test_search_puts_the_topic_first(topic: str) -> None:
    assert {one.topic for one in search(topic)[:12]} == {topic}
