"""When a page says that it was published."""

from __future__ import annotations

import datetime as dt

from htmldate import find_date
from lxml.etree import _Element

from nlp.extraction.linked_data import PUBLISHED, LinkedArticle

EARLIEST_YEAR = 1990
LATEST_YEAR = 2100
"""Beyond these a date is a mistake of the page, not a date."""

_META_NAMES = (
    "article:published_time", "og:published_time", "datepublished", "date", "dc.date",
    "dc.date.issued", "parsely-pub-date", "pubdate",
)  # fmt: skip


def publish_date(
    tree: _Element, metas: dict[str, list[str]], linked: LinkedArticle, html: str, url: str
) -> dt.datetime | None:
    """The publication date that a page declares, aware and in UTC, or None.

    In this order: a meta element (`article:published_time` and its kin); the page's article in
    JSON-LD; htmldate's finding in address and markup (Barbaresi, JOSS 2020), which has no time of
    day and gets that of a `datePublished` of the same day anywhere in `html`; the first such
    stamp. A time without zone is read as UTC. Future dates are kept.
    """
    declared = [value for name in _META_NAMES for value in metas.get(name, ())]
    for value in (*declared, linked.published):
        if stamp := _moment(value):
            return stamp
    stamps = [stamp for found in PUBLISHED.finditer(html) if (stamp := _moment(found.group(1)))]
    reference = _moment(_day_in_markup(tree, url) or "")
    if reference is None:
        return stamps[0] if stamps else None
    one_day = dt.timedelta(days=1)  # a zone may move the stamp to the day beside it
    close = (stamp for stamp in stamps if -one_day <= stamp - reference < 2 * one_day)
    return next(close, reference)


def _day_in_markup(tree: _Element, url: str) -> str | None:
    found: str | None = find_date(
        tree,
        url=url,
        original_date=True,
        extensive_search=False,  # it takes any date in the text for the publication's
        max_date=f"{LATEST_YEAR}-12-31",
    )
    return found


def _moment(text: str) -> dt.datetime | None:
    try:
        stamp = dt.datetime.fromisoformat(text.strip())
        stamp = stamp.replace(tzinfo=dt.UTC) if stamp.tzinfo is None else stamp.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    return stamp if EARLIEST_YEAR <= stamp.year <= LATEST_YEAR else None
