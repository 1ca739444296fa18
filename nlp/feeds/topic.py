"""Which entries of a feed are about a topic, by the words of their titles and summaries.

An entry need not hold every word: of "artificial intelligence regulation in Europe", a headline
holds two or three. The words count by their rarity, and the articles themselves are judged later.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from nlp.feeds.feed import Entry, best_first
from nlp.neutral import Unmeasurable
from nlp.text.idf import idf
from nlp.text.query_terms import STOPWORDS, query_terms
from nlp.text.words import stems, words

MIN_MATCH = 0.4
"""Of the rarity of all words of the topic together, the share that an entry must hold. With two
words the rarer one is enough, the more common one is not."""

SUMMARY_WEIGHT = 0.8
"""Of a word that stands in the summary alone."""


def on_topic(entries: Sequence[Entry], topic: str, limit: int) -> list[Entry]:
    """At most `limit` of the entries, the best match first, of equal ones the newest; without their
    summaries. None where the topic has no word."""
    weights = _weights(topic)
    if not weights:
        return []
    matches = [replace(entry, match=_match(entry, weights), summary="") for entry in entries]
    return best_first(entry for entry in matches if entry.match >= MIN_MATCH)[:limit]


def _weights(topic: str) -> dict[str, float]:
    """The stems of the topic's words and their share of all rarity; function words do not count."""
    try:
        terms = set(query_terms(topic))
    except Unmeasurable:
        return {}
    rarity: dict[str, float] = {}
    tokens = words(topic)
    content_words = [token for token in tokens if token not in STOPWORDS] or tokens
    for word, stem in zip(content_words, stems(content_words), strict=True):
        if stem in terms:
            rarity[stem] = max(rarity.get(stem, 0.0), idf(word), MIN_RARITY)
    total = sum(rarity.values())
    return {stem: value / total for stem, value in rarity.items()}


MIN_RARITY = 0.1
"""Of a word of the topic: one of function words alone ("The Who") has them counted too."""


def _match(entry: Entry, weights: dict[str, float]) -> float:
    """The share of the topic's rarity that the entry holds, rounded so that equals are equal."""
    in_title = set(stems(words(entry.title or "")))
    in_summary = set(stems(words(entry.summary)))
    held = (
        weight * (1.0 if stem in in_title else SUMMARY_WEIGHT)
        for stem, weight in weights.items()
        if stem in in_title or stem in in_summary
    )
    return round(sum(held), 3)
