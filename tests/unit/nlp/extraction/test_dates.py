"""The date that a page declares, by the precedence of its sources."""

from __future__ import annotations

import datetime as dt

import pytest

from nlp.dates import ParsedDate
from nlp.extraction.linked_data import linked_article
from nlp.extraction.markup import bounded, parse
from nlp.extraction.metadata import meta_contents
from nlp.extraction.publication import publication_of

META = '<meta property="article:published_time" content="{}">'
JSON_LD = '<script type="application/ld+json">{{"@type": %s, "datePublished": "{}"}}</script>'
LINKED, BROKEN = JSON_LD % '"NewsArticle"', JSON_LD % "oops"
SCRIPT = '<script>{{"datePublished": "{}"}}</script>'
IN_ADDRESS = "https://a.example/2025/06/03/bridge"


def publication(
    head: str, url: str = "https://a.example/bridge", shown: str = "", language: str = "en"
) -> ParsedDate | None:
    html = f"<html lang={language}><head>{head}</head><body>{shown}<p>Text</p></body></html>"
    tree = parse(html)
    assert tree is not None
    linked = linked_article(tree)
    tree = bounded(tree, len(html))
    return publication_of(tree, meta_contents(tree), linked, html, url)


def published(head: str, url: str = "https://a.example/bridge") -> dt.datetime | None:
    date = publication(head, url)
    return date.time if date else None


@pytest.mark.parametrize(
    ("head", "url", "expected"),
    [
        (META.format("2025-06-01T10:00:00Z"), "", "2025-06-01T10:00+00:00"),
        (META.format("2025-06-01T10:00:00+0200"), "", "2025-06-01T08:00+00:00"),
        (META.format("2025-06-01"), "", "2025-06-01T00:00+00:00"),
        (META.format("2099-01-01T00:00:00Z"), "", "2099-01-01T00:00+00:00"),
        (META.format("0000-00-00T00:00:00Z"), "", None),
        (META.format("0001-01-01T00:00:00+14:00"), "", None),
        (META.format("9999-12-31T23:59:59-12:00"), "", None),
        (LINKED.format("0001-01-01T00:00:00+14:00"), "", None),
        ('<meta name="citation_online_date" content="2025/06/01">', "", "2025-06-01T00:00+00:00"),
        (META.format("Sun Jun 01 2025 10:00:00 GMT+0200"), "", "2025-06-01T08:00+00:00"),
        (LINKED.format("Sun, 01 Jun 2025 10:00:00 -0500"), "", "2025-06-01T15:00+00:00"),
        (LINKED.format("2025-6-1T9:00:00Z"), "", "2025-06-01T09:00+00:00"),
        (META.format("yesterday"), IN_ADDRESS, "2025-06-03T00:00+00:00"),
        (LINKED.format("2025-06-03T09:00:00Z"), IN_ADDRESS, "2025-06-03T09:00+00:00"),
        (BROKEN.format("2025-06-03T09:00:00Z"), "", "2025-06-03T09:00+00:00"),
        (SCRIPT.format("2025-06-03T09:00:00Z"), IN_ADDRESS, "2025-06-03T09:00+00:00"),
        (SCRIPT.format("2024-01-01T09:00:00Z"), IN_ADDRESS, "2025-06-03T00:00+00:00"),
        (SCRIPT.format("2024-01-01T09:00:00Z"), "", "2024-01-01T09:00+00:00"),
        ("", "", None),
    ],
)
def test_the_publication_date(head: str, url: str, expected: str | None) -> None:
    date = published(head, url or "https://a.example/bridge")
    assert date == (dt.datetime.fromisoformat(expected) if expected else None)
    assert date is None or date.utcoffset() == dt.timedelta(0)


CHANGED = '<time itemprop="dateModified" datetime="2025-06-05T10:00:00Z">{}</time>'
LATE = '<time itemprop="datePublished" datetime="2025-06-03T22:30:00-04:00">June 3</time>'
MENU = '<nav><time datetime="2020-01-01">x</time></nav>'
COMMENTS = '<ul class="comments"><li class="date">1 May 2020</li></ul>'


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (LATE, "04 02:30"),
        ('<time datetime="2025-06-03">3 June</time>', "03 00:00"),
        ('<span class="date">2025年6月3日 9時30分</span>', "03 00:00"),
        ('<p class="fecha">3 de junio de 2025, 9:30</p>', "03 00:00"),
        ('<div class="article-date">3 июня 2025</div>', "03 00:00"),
        (CHANGED.format("3 June 2025 | Updated 5 June 2025"), "03 00:00"),
        (MENU + '<p class="date">3 June 2025</p>', "03 00:00"),
        (COMMENTS + '<p class="date">3 June 2025</p>', "03 00:00"),
        ('<p class="date">Posted June 3rd, 2025 9:30 PM EDT</p>', "04 01:30"),
    ],
)
def test_the_date_that_a_page_shows(shown: str, expected: str) -> None:
    date = publication("", shown=shown)
    assert date is not None
    assert f"{date.time:%Y-%m-%d %H:%M}" == f"2025-06-{expected}"
    assert not date.is_guess


@pytest.mark.parametrize(
    ("shown", "language", "day", "is_guess"),
    [
        ('<p class="date">03/06/2025</p>', "en-GB", "2025-06-03", False),
        ('<p class="date">03/06/2025</p>', "en", "2025-03-06", True),
        ("<p>Text</p><footer>Copyright 3 June 2025</footer>", "en", "2025-06-03", True),
    ],
)
def test_a_date_that_is_guessed_says_so(
    shown: str, language: str, day: str, is_guess: bool
) -> None:
    date = publication("", shown=shown, language=language)
    assert date is None or date.is_guess == is_guess
    assert (date is not None and f"{date.time:%Y-%m-%d}" == day) or "Copyright" in shown
