"""From a page's bytes to its readable part."""

from __future__ import annotations

from html import unescape

from trafilatura import bare_extraction
from trafilatura.settings import Document

from nlp.analysis import Rejection
from nlp.article import Article, Page
from nlp.charset import decode
from nlp.dates import LATEST_YEAR, publish_date
from nlp.urls import canonical_url, registrable_domain
from nlp.words import words

MAX_TAGS = 100_000
"""Pages with more are refused: a tag takes some 50 µs, and real articles have below 20,000."""

MAX_TEXT_CHARS = 200_000
"""What is read of one text, some 33,000 words; every later stage is linear in it."""

MAX_TITLE_CHARS = 500
MAX_AUTHOR_CHARS = 200

MAX_BINARY_SHARE = 0.02
"""Control characters beyond this share of the first 4,096 are not text."""

_CONTROLS = {code: None for code in range(32) if chr(code) not in "\t\n\r"}


def extract(page: Page, min_word_count: int) -> Article | Rejection:
    """The article of `page`, or why it is none; never raises, whatever the bytes are.

    Text, title and author are trafilatura's (Barbaresi, ACL 2021), in favour of precision and
    without comments. The language, the summary and the entities are for later stages to set.
    """
    try:
        html = _html(page)
        return _article(page.url, html, min_word_count) if html else _not_readable()
    except Exception as error:  # a parser may raise anything on a hostile page
        return _not_readable(f"{type(error).__name__} while reading the page.")


def _html(page: Page) -> str | None:
    """The page as characters, or None where it is binary data or made of tags."""
    text = decode(page.body, page.content_type)
    beginning = text[:4096]
    controls = len(beginning) - len(beginning.translate(_CONTROLS))
    if controls > MAX_BINARY_SHARE * len(beginning) or text.count("<") > 2 * MAX_TAGS:
        return None
    return text.translate(_CONTROLS) or " "


def _not_readable(detail: str = "The page is not text that can be read.") -> Rejection:
    return Rejection(reason="not_readable", detail=detail)


def _article(url: str, html: str, min_word_count: int) -> Article | Rejection:
    document = _document(url, html)
    title = _line(document.title, MAX_TITLE_CHARS) if document else None
    text = _body(document.text or "", title) if document else ""
    if document is None or not text:
        return Rejection(reason="no_text", detail="The page has no readable text.")
    if title is None:
        return Rejection(reason="no_title", detail="The page has no title.")
    word_count = len(words(text))
    if word_count < min_word_count:
        detail = f"{word_count} words, an article needs {min_word_count}."
        return Rejection(reason="too_short", detail=detail)
    return Article(
        url=url,
        canonical_url=canonical_url(url),
        domain=registrable_domain(url),
        title=title,
        text=text,
        word_count=word_count,
        author=_line(document.author, MAX_AUTHOR_CHARS),
        publish_date=publish_date(html, document.date),
    )


def _document(url: str, html: str) -> Document | None:
    document = bare_extraction(
        html,
        url=url,
        favor_precision=True,
        include_comments=False,
        with_metadata=True,
        date_extraction_params={
            "original_date": True,
            # The extensive search takes any date in the text for the publication's.
            "extensive_search": False,
            "max_date": f"{LATEST_YEAR}-12-31",
        },
    )
    return document if isinstance(document, Document) else None


def _body(text: str, title: str | None) -> str:
    """The text within its bound, without the title where it repeats it as its first line."""
    first, _, rest = text.strip().partition("\n")
    body = rest if title and _line(first, MAX_TITLE_CHARS) == title else text
    return body.strip()[:MAX_TEXT_CHARS]


def _line(value: str | None, limit: int) -> str | None:
    return " ".join(unescape(value or "").split())[:limit].strip() or None
