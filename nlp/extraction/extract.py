"""From a page's bytes to its readable part."""

from __future__ import annotations

import re

from nlp.analysis import Rejection
from nlp.article import Article, Page
from nlp.extraction.charset import decode
from nlp.extraction.dates import publish_date
from nlp.extraction.linked_data import linked_article
from nlp.extraction.main_text import main_text
from nlp.extraction.markup import bounded, parse
from nlp.extraction.metadata import author_of, declared, title_of
from nlp.text.words import words
from nlp.urls import canonical_url, registrable_domain

MAX_HTML_CHARS = 5_000_000
"""What is read of a page; the fetcher's bound on its bytes comes first."""

MAX_TAGS = 30_000
"""What follows the last of so many is not read; nine in ten news pages have below 2,500."""

MAX_TEXT_CHARS = 200_000
"""What is read of one text, some 33,000 words; every later stage is linear in it."""

MAX_BINARY_SHARE = 0.02
"""Control characters beyond this share of the first 4,096 are not text."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def extract(page: Page, min_word_count: int) -> Article | Rejection:
    """The article of `page`, or why it is none. Raises at most MemoryError, whatever the bytes.

    The time is bounded too, for what is read is: MAX_HTML_CHARS, MAX_TAGS, and in the tree
    `nlp.extraction.markup`'s bounds on elements, text, depth, names and attributes. What is beyond
    them is left out, and the article made from the rest. `scripts/bench fuzz` prints the slowest
    page found. The language, the summary and the entities are for later stages to set.
    """
    try:
        html = _html(page)
        return _article(page.url, html, min_word_count) if html else _not_readable()
    except MemoryError:  # of the whole process; whoever runs it knows what may be taken
        raise
    except Exception as error:  # a parser may raise anything on a hostile page
        return _not_readable(f"{type(error).__name__} while reading the page.")


def _html(page: Page) -> str | None:
    """The page as characters, up to its bounds, or None where it is binary data."""
    text = decode(page.body, page.content_type)[:MAX_HTML_CHARS]
    beginning = text[:4096]
    if len(_CONTROL.findall(beginning)) > MAX_BINARY_SHARE * len(beginning):
        return None
    return _within_tags(text) or " "


def _within_tags(text: str) -> str:
    if text.count("<") <= MAX_TAGS:
        return text
    return "<".join(text.split("<", MAX_TAGS)[:MAX_TAGS])


def _not_readable(detail: str = "The page is not text that can be read.") -> Rejection:
    return Rejection(reason="not_readable", detail=detail)


def _article(url: str, html: str, min_word_count: int) -> Article | Rejection:
    canonical, domain = canonical_url(url), registrable_domain(url)
    tree = parse(html)
    if tree is None:
        return Rejection(reason="no_text", detail="The page has no readable text.")
    linked = linked_article(tree)
    tree = bounded(tree, len(html))
    metas = declared(tree)
    title = title_of(tree, metas, linked)
    author = author_of(tree, metas, linked)
    published = publish_date(tree, metas, linked, html, url)
    text = main_text(tree, url, title, linked)[:MAX_TEXT_CHARS]
    if not text:
        return Rejection(reason="no_text", detail="The page has no readable text.")
    if title is None:
        return Rejection(reason="no_title", detail="The page has no title.")
    word_count = len(words(text))
    if word_count < min_word_count:
        detail = f"{word_count} words, an article needs {min_word_count}."
        return Rejection(reason="too_short", detail=detail)
    return Article(
        url=url,
        canonical_url=canonical,
        domain=domain,
        title=title,
        text=text,
        word_count=word_count,
        author=author,
        publish_date=published,
    )
