"""When a page says that it was published."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

EARLIEST_YEAR = 1990
LATEST_YEAR = 2100
"""Beyond these a date is a mistake of the page, not a date."""

_META = re.compile(r"<meta\s[^>]{1,500}>", re.IGNORECASE)
_META_NAME = re.compile(
    r"""(?:property|name|itemprop)\s*=\s*["']?(?:article:published_time|og:published_time"""
    r"""|datePublished|date|dc\.date(?:\.issued)?|parsely-pub-date|pubdate)["'\s/>]""",
    re.IGNORECASE,
)
_META_CONTENT = re.compile(r"""content\s*=\s*["']([^"']{8,40})["']""", re.IGNORECASE)
_JSON_LD = re.compile(r'"datePublished"\s*:\s*"([^"]{8,40})"')


def publish_date(html: str, day: str | None) -> dt.datetime | None:
    """The publication date that `html` declares, aware and in UTC, or None.

    In this order: a meta element (`article:published_time` and its kin), which speaks for the
    page; `day`, htmldate's finding as YYYY-MM-DD, made precise by a JSON-LD `datePublished`
    of that day, for JSON-LD may also speak of the articles that are linked; the first
    `datePublished`. A time without zone is read as UTC. Future dates are kept.
    """
    declared = next(_declared_in_meta(html), None)
    if declared is not None:
        return declared
    stamps = [stamp for found in _JSON_LD.finditer(html) if (stamp := _moment(found.group(1)))]
    reference = _moment(day) if day else None
    if reference is None:
        return stamps[0] if stamps else None
    one_day = dt.timedelta(days=1)  # a zone may move the stamp to the day beside it
    close = (s for s in stamps if -one_day <= s - reference < 2 * one_day)
    return next(close, reference)


def _declared_in_meta(html: str) -> Iterator[dt.datetime]:
    for element in _META.finditer(html):
        content = _META_CONTENT.search(element.group())
        if content and _META_NAME.search(element.group()):
            stamp = _moment(content.group(1))
            if stamp is not None:
                yield stamp


def _moment(text: str) -> dt.datetime | None:
    try:
        stamp = dt.datetime.fromisoformat(text.strip())
        stamp = stamp.replace(tzinfo=dt.UTC) if stamp.tzinfo is None else stamp.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    return stamp if EARLIEST_YEAR <= stamp.year <= LATEST_YEAR else None
