"""The title, author and publication date of a page, from its meta elements, JSON-LD or markup."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from html import unescape

from htmldate import find_date
from lxml.etree import _Element
from trafilatura.json_metadata import normalize_authors
from trafilatura.metadata import extract_author, extract_title

from nlp.extraction.linked_data import PUBLISHED, LinkedArticle

MAX_TITLE_CHARS = 500
MAX_AUTHOR_CHARS = 200

EARLIEST_YEAR = 1990
LATEST_YEAR = 2100
"""A date outside these years is a mistake of the page."""

_TITLE_NAMES = (
    "og:title", "twitter:title", "citation_title", "dc.title", "dcterms.title", "headline",
    "parsely-title", "sailthru.title", "title",
)  # fmt: skip
_AUTHOR_NAMES = (
    "author", "article:author", "og:author", "og:article:author", "byl", "citation_author",
    "creator", "dc.creator", "dcterms.creator", "parsely-author", "sailthru.author",
)  # fmt: skip
_DATE_NAMES = (
    "article:published_time", "og:published_time", "datepublished", "date", "dc.date",
    "dc.date.issued", "parsely-pub-date", "pubdate",
)  # fmt: skip
_SEPARATORS = ("|", "-", "–", "—", ":", "·", "»")
_TAG = re.compile(r"<[^<>]{0,200}>")


def meta_contents(tree: _Element) -> dict[str, list[str]]:
    """The meta elements of `tree`: lower-case property, name or itemprop → contents."""
    contents: dict[str, list[str]] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop")
        content = one_line(meta.get("content"), MAX_TITLE_CHARS)
        if name and content:
            contents.setdefault(name[:100].strip().lower(), []).append(content)
    return contents


def title_of(tree: _Element, metas: dict[str, list[str]], linked: LinkedArticle) -> str | None:
    """The title: from a meta element, from JSON-LD, or from the headings by trafilatura.

    The name of the site at its end is cut off where a meta element gives that name.
    """
    for value in (*_values(metas, _TITLE_NAMES), linked.headline):
        if title := one_line(value, MAX_TITLE_CHARS):
            return _without_site(title, metas)
    return one_line(extract_title(tree), MAX_TITLE_CHARS)


def _without_site(title: str, metas: dict[str, list[str]]) -> str:
    for site in metas.get("og:site_name", ()):
        rest = title.removesuffix(site).rstrip()
        if title.endswith(site) and rest.endswith(_SEPARATORS):
            return rest.rstrip("".join(_SEPARATORS) + " ") or title
    return title


def author_of(tree: _Element, metas: dict[str, list[str]], linked: LinkedArticle) -> str | None:
    """The author, or several joined by "; ", cleaned by trafilatura's rules.

    From JSON-LD, else from meta elements (a single word there is a login rather than a name), else
    from the markup of the byline.
    """
    if author := _cleaned(linked.authors):
        return author
    author = _cleaned(_values(metas, _AUTHOR_NAMES))
    if author and " " in author:
        return author
    return one_line(extract_author(tree), MAX_AUTHOR_CHARS)


def publish_date(
    tree: _Element, metas: dict[str, list[str]], linked: LinkedArticle, html: str, url: str
) -> dt.datetime | None:
    """The publication date that a page declares, aware and in UTC, or None.

    The first of: a meta element such as `article:published_time`; the page's article in JSON-LD;
    the date that htmldate reads in the address and the markup (Barbaresi, JOSS 2020), which has no
    time of day and takes that of a `datePublished` of the same day anywhere in `html`; the first
    such `datePublished`. A time without zone is read as UTC. Future dates are kept.
    """
    for value in (*_values(metas, _DATE_NAMES), linked.published):
        if timestamp := _parsed(value):
            return timestamp
    in_scripts = [
        timestamp for match_ in PUBLISHED.finditer(html) if (timestamp := _parsed(match_.group(1)))
    ]
    day = _parsed(_day_in_markup(tree, url) or "")
    if day is None:
        return in_scripts[0] if in_scripts else None
    one_day = dt.timedelta(days=1)  # the time zone may move a timestamp to the day before or after
    same_day = (stamp for stamp in in_scripts if -one_day <= stamp - day < 2 * one_day)
    return next(same_day, day)


def one_line(value: str | None, limit: int) -> str | None:
    """`value` unescaped, white space folded, cut to `limit` characters; None where it is empty."""
    return " ".join(unescape((value or "")[: 4 * limit]).split())[:limit].strip() or None


def _values(metas: dict[str, list[str]], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        yield from metas.get(name, ())


def _cleaned(names: Iterator[str] | tuple[str, ...]) -> str | None:
    author: str | None = None
    for name in names:
        author = normalize_authors(author, _TAG.sub("", name[:MAX_AUTHOR_CHARS]))
    return one_line(author, MAX_AUTHOR_CHARS)


def _day_in_markup(tree: _Element, url: str) -> str | None:
    day: str | None = find_date(
        tree,
        url=url,
        original_date=True,
        extensive_search=False,  # which takes any date in the text for the date of publication
        max_date=f"{LATEST_YEAR}-12-31",
    )
    return day


def _parsed(text: str) -> dt.datetime | None:
    """The ISO 8601 date or time, in UTC; None for other text and for implausible years."""
    try:
        time = dt.datetime.fromisoformat(text.strip())
        time = time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    return time if EARLIEST_YEAR <= time.year <= LATEST_YEAR else None
