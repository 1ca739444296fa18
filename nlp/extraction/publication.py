"""The date on which a page was published."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import islice

from htmldate import find_date
from lxml.etree import _Element

from nlp.dates import LATEST_YEAR, MAX_DATE_CHARS, ParsedDate, parse_date
from nlp.extraction.linked_data import PUBLISHED, LinkedArticle
from nlp.extraction.markup import short_text
from nlp.extraction.metadata import Metas, meta_values

MAX_SHOWN = 100
"""Elements with a date that are looked at; that of the page is among the first."""

MAX_SHOWN_CHARS = 200
"""A longer text is more than a date."""

_DATE_NAMES = (
    "article:published_time", "og:published_time", "article:published", "datepublished",
    "citation_online_date", "citation_publication_date", "citation_date", "dc.date.issued",
    "dcterms.issued", "dc.date", "dcterms.date", "dcterms.created", "dc.date.created",
    "parsely-pub-date", "sailthru.date", "publish-date", "publish_date", "publication_date",
    "pubdate", "published-date", "publisheddate", "datecreated", "date",
)  # fmt: skip
_PUBLISHED_NAME = re.compile(
    r"(?:^|[\s_-])(?:pub|publ\w*|date|datum|fecha|data|time|timestamp|posted|created|entry-date"
    r"|dateline|zeit|byline|meta)(?:$|[\s_-])|publish|date-?time|post-?date|pub-?date|article-?date",
    re.IGNORECASE,
)
_MODIFIED_NAME = re.compile(r"modif|update|edited|revis", re.IGNORECASE)
_NOT_OF_THE_PAGE = re.compile(
    r"comment|respon[ds]|related|recommend|promo|teaser|sidebar|widget|popular|latest|most-|footer"
    r"|copyright|event|calendar|weather",
    re.IGNORECASE,
)
_OUTSIDE = frozenset(("nav", "aside", "footer", "form", "a"))
MAX_BOXES = 8
"""Elements around a date whose names are looked at."""


def publication_of(
    tree: _Element, metas: Metas, linked: LinkedArticle, html: str, url: str
) -> ParsedDate | None:
    """The publication date that a page declares or shows, or None.

    The first of: a meta element such as `article:published_time`; the page's article in JSON-LD; a
    `time` element or another with a machine-readable date; a date beside the text, of which only
    the day is taken, for a shown time is local; the date in the address or in the markup
    that htmldate finds (Barbaresi, JOSS 2020). The last is a guess unless it is in the address. A
    day without a time takes that of a `datePublished` of the same day anywhere in `html`. A time
    without zone is read as UTC. Future dates are kept.
    """
    language = tree.get("lang")
    for value in (*meta_values(metas, _DATE_NAMES), linked.published):
        if date := parse_date(value, language):
            return date
    in_scripts = [date for match_ in PUBLISHED.finditer(html) if (date := parse_date(match_[1]))]
    day = next(_shown(tree, language), None) or _in_address_or_markup(tree, url)
    if day is None or day.has_time:
        return day or next(iter(in_scripts), None)
    one_day = dt.timedelta(days=1)  # the time zone may move a timestamp to the day before or after
    same_day = (date for date in in_scripts if -one_day <= date.time - day.time < 2 * one_day)
    return next(same_day, day)


# What the page shows


def _shown(tree: _Element, language: str | None) -> Iterator[ParsedDate]:
    """The dates in elements that are made for one, the surest first."""
    times: list[ParsedDate] = []
    days: list[ParsedDate] = []
    for element, is_modified in islice(_elements(tree), MAX_SHOWN):
        if not _is_of_the_page(element):
            continue
        written = element.get("datetime") or element.get("content") or element.get("title")
        if written and not is_modified and (date := parse_date(written, language)):
            times.append(date)
            continue
        date = parse_date(short_text(element, MAX_SHOWN_CHARS) or "", language)
        if date and not (is_modified and _is_same_day(written, date)):
            days.append(_day_of(date))
    return iter((*times, *days))


def _elements(tree: _Element) -> Iterator[tuple[_Element, bool]]:
    """The elements that may hold the date, each with whether it is declared as that of a change."""
    for element in tree.iter():
        itemprop = element.get("itemprop") or ""
        names = f"{element.get('class') or ''} {element.get('id') or ''}"
        if (
            element.tag == "time"
            or itemprop in ("datePublished", "dateModified")
            or _PUBLISHED_NAME.search(names)
        ):
            yield element, bool(_MODIFIED_NAME.search(f"{itemprop} {names}"))


def _is_of_the_page(element: _Element) -> bool:
    box: _Element | None = element
    for _ in range(MAX_BOXES):
        if box is None or box.tag in ("body", "html"):
            break
        names = f"{box.get('class') or ''} {box.get('id') or ''}"[:MAX_DATE_CHARS]
        if box.tag in _OUTSIDE or _NOT_OF_THE_PAGE.search(names):
            return False
        box = box.getparent()
    return True


def _is_same_day(written: str | None, shown: ParsedDate) -> bool:
    date = parse_date(written or "")
    return date is not None and date.time.date() == shown.time.date()


def _day_of(date: ParsedDate) -> ParsedDate:
    if date.has_zone:
        return date
    midnight = date.time.replace(hour=0, minute=0, second=0, microsecond=0)
    return ParsedDate(time=midnight, is_guess=date.is_guess)


def _in_address_or_markup(tree: _Element, url: str) -> ParsedDate | None:
    day: str | None = find_date(
        tree,
        url=url,
        original_date=True,
        extensive_search=False,  # which takes any date in the text for the date of publication
        max_date=f"{LATEST_YEAR}-12-31",
    )
    date = parse_date(day or "")
    if date is None:
        return None
    is_in_address = f"{date.time:%Y/%m/%d}" in url or f"{date.time:%Y-%m-%d}" in url
    return ParsedDate(time=date.time, is_guess=not is_in_address)
