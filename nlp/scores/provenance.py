"""Where an article comes from: how new it is, and the reputation of its publisher and author."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct

from nlp.analysis import AnalysisPolicy
from nlp.neutral import NEUTRAL, Unmeasurable
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


DATA = Path(__file__).parents[1] / "data" / "reputation.toml"

_BETWEEN_AUTHORS = re.compile(r"\s*(?:[;,&|]|\band\b)\s*")


class Reputations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of the data file, whose header says how its values were judged."""

    domains: dict[str, float]
    """Registrable domain → 0–100."""
    suffixes: dict[str, float]
    """Public suffix reserved for institutions → 0–100."""
    authors: dict[str, float]
    """Case-folded name → points added for this author."""


def load_reputations(path: Path = DATA) -> Reputations:
    """Read the data file. Raises msgspec.ValidationError where its structure is wrong."""
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Reputations)


def reputation(domain: str, author: str | None, known: Reputations) -> float:
    """The reputation of publisher and author, 0–100.

    The value of the domain, else of its longest institutional suffix ("ac.uk"), else the neutral
    50; plus the points of the best-known author, capped at 100.
    """
    base = known.domains.get(domain)
    if base is None:
        base = _suffix_value(domain, known)
    names = _BETWEEN_AUTHORS.split((author or "").casefold())
    boost = max((known.authors.get(name.strip(), 0.0) for name in names), default=0.0)
    return min(100.0, max(0.0, base + boost))


def _suffix_value(domain: str, known: Reputations) -> float:
    labels = domain.split(".")
    for start in range(1, len(labels)):
        value = known.suffixes.get(".".join(labels[start:]))
        if value is not None:
            return value
    return NEUTRAL
