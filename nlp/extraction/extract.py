"""From the bytes of a page to its article, or to the reason why it is not one."""

from __future__ import annotations

import re
from unicodedata import normalize

from nlp.analysis import Rejection
from nlp.article import Article, Page
from nlp.extraction.authors import author_of
from nlp.extraction.charset import decode
from nlp.extraction.linked_data import linked_article
from nlp.extraction.main_text import main_text
from nlp.extraction.markup import bounded, parse
from nlp.extraction.metadata import meta_contents
from nlp.extraction.publication import publication_of
from nlp.extraction.titles import title_of
from nlp.text.words import words
from nlp.urls import canonical_url, registrable_domain

MAX_HTML_CHARS = 5_000_000
"""Read of a page; the fetcher limits its bytes before."""

MAX_TAGS = 30_000
"""The page is cut after this many; nine in ten news pages have fewer than 2,500."""

MAX_TEXT_CHARS = 200_000
"""Kept of one text, some 33,000 words; every later stage is linear in it."""

MAX_BINARY_SHARE = 0.02
"""A page with a larger share of control characters in its first 4,096 is binary data."""

_NO_TEXT = Rejection(reason="no_text", detail="The page has no readable text.")
_NO_ARTICLE = Rejection(
    reason="no_article", detail="The page lists articles or asks for consent; it is no article."
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def extract(page: Page, min_word_count: int) -> Article | Rejection:
    """The article of `page`, or why it is not one. Raises only MemoryError, for any bytes.

    The time is bounded because the input is: by MAX_HTML_CHARS and MAX_TAGS here, and by the limits
    of `nlp.extraction.markup` on elements, text, depth, names and attributes. What exceeds them is
    left out, and the article is made from the rest. `scripts/bench fuzz` prints the slowest page it
    finds. The language is set by a later stage.
    """
    try:
        html = _html(page)
        return _article(page.url, html, min_word_count) if html else _not_readable()
    except MemoryError:  # concerns the whole process; its runner decides
        raise
    except Exception as error:  # a parser may raise anything on a hostile page
        return _not_readable(f"{type(error).__name__} while reading the page.")


def _html(page: Page) -> str | None:
    """The page as characters, cut to its limits; None where it is binary data."""
    text = decode(page.body, page.content_type)[:MAX_HTML_CHARS]
    beginning = text[:4096]
    if len(_CONTROL.findall(beginning)) > MAX_BINARY_SHARE * len(beginning):
        return None
    return _cut_after_max_tags(text) or " "


def _cut_after_max_tags(text: str) -> str:
    if text.count("<") <= MAX_TAGS:
        return text
    return "<".join(text.split("<", MAX_TAGS)[:MAX_TAGS])


def _not_readable(detail: str = "The page is not text that can be read.") -> Rejection:
    return Rejection(reason="not_readable", detail=detail)


def _article(url: str, html: str, min_word_count: int) -> Article | Rejection:
    canonical, domain = canonical_url(url), registrable_domain(url)
    tree = parse(html)
    if tree is None:
        return _NO_TEXT
    linked = linked_article(tree)
    tree = bounded(tree, len(html))
    metas = meta_contents(tree)
    title = title_of(tree, metas, linked, url)
    author = author_of(tree, metas, linked)
    published = publication_of(tree, metas, linked, html, url)
    whole = main_text(tree, url, title, linked)
    if whole is None:
        return _NO_ARTICLE
    text = normalize("NFC", whole.replace("\xad", ""))[:MAX_TEXT_CHARS]
    if not text:
        return _NO_TEXT
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
        publish_date=published.time if published else None,
        publish_date_is_guess=published is not None and published.is_guess,
    )
