"""The publication date that a page declares."""

from __future__ import annotations

import datetime as dt

from htmldate import find_date
from lxml.etree import _Element

from nlp.extraction.linked_data import PUBLISHED, LinkedArticle

EARLIEST_YEAR = 1990
LATEST_YEAR = 2100
"""A date outside these years is a mistake of the page."""

_META_NAMES = (
    "article:published_time", "og:published_time", "datepublished", "date", "dc.date",
    "dc.date.issued", "parsely-pub-date", "pubdate",
)  # fmt: skip


def publish_date(
    tree: _Element, metas: dict[str, list[str]], linked: LinkedArticle, html: str, url: str
) -> dt.datetime | None:
    """The publication date that a page declares, aware and in UTC, or None.

    The first of: a meta element such as `article:published_time`; the page's article in JSON-LD;
    the date that htmldate reads in the address and the markup (Barbaresi, JOSS 2020), which has no
    time of day and takes that of a `datePublished` of the same day anywhere in `html`; the first
    such `datePublished`. A time without zone is read as UTC. Future dates are kept.
    """
    declared = [value for name in _META_NAMES for value in metas.get(name, ())]
    for value in (*declared, linked.published):
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
