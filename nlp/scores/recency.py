"""How new an article is."""

from __future__ import annotations

import datetime as dt

from nlp.analysis import AnalysisPolicy
from nlp.neutral import Unmeasurable
from nlp.text.words import words

_DAY = dt.timedelta(days=1)


def recency(published: dt.datetime | None, now: dt.datetime, half_life_days: float) -> float:
    """How new an article is, 0–100: 100 · 0.5 ^ (age / half-life), both in days.

    Both times are aware. A date in the future counts as now. Raises `Unmeasurable` where the page
    has no date.
    """
    if published is None:
        raise Unmeasurable("The page gives no publication date.")
    age_days = max(dt.timedelta(0), now - published) / _DAY
    return float(100.0 * 0.5 ** (age_days / half_life_days))


def half_life_days(query: str | None, policy: AnalysisPolicy) -> float:
    """The half-life for the topic of `query`; the shortest if several topics match.

    A topic matches if its words occur in the query, whole and next to each other.
    """
    query_words = words(query or "")
    matching = [
        days
        for topic, days in policy.topic_half_life_days.items()
        if _contains(query_words, words(topic))
    ]
    return min(matching, default=policy.half_life_days)


def _contains(query: list[str], topic: list[str]) -> bool:
    return bool(topic) and any(
        query[start : start + len(topic)] == topic for start in range(len(query) - len(topic) + 1)
    )
