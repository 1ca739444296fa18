"""Which articles answer a query, best first."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter

from tests.sampleweb.catalogue import ARTICLES, SampleArticle

TITLE_WEIGHT = 5
PHRASE_BONUS = 3.0
_NOT_TERMS = frozenset({"a", "an", "and", "for", "in", "of", "on", "or", "the", "to"})
_OPERATOR = re.compile(r"\b\w+:\S+")
"""Such as GDELT's `sourcelang:english`."""


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def terms(query: str) -> list[str]:
    """What a query asks for, without operators and little words."""
    found = dict.fromkeys(words(_OPERATOR.sub(" ", query)))
    return [word for word in found if word not in _NOT_TERMS]


@functools.cache
def _counts(article: SampleArticle) -> Counter[str]:
    counts = Counter(words(article.text))
    for word in words(article.title):
        counts[word] += TITLE_WEIGHT
    return counts


def _weight(term: str) -> float:
    """How telling a term is: the rarer, the more."""
    holding = sum(1 for article in ARTICLES if term in _counts(article))
    return math.log(1 + len(ARTICLES) / (1 + holding))


def _score(article: SampleArticle, asked: list[str]) -> float:
    counts = _counts(article)
    matched = [term for term in asked if term in counts]
    if 2 * len(matched) < len(asked):
        return 0.0
    score = sum(math.log1p(counts[term]) * _weight(term) for term in matched)
    phrase = f" {' '.join(asked)} "
    return score + PHRASE_BONUS * (phrase in f" {' '.join(words(article.text))} ")


@functools.cache
def search(query: str) -> tuple[SampleArticle, ...]:
    """Articles with at least half of the terms; equal scores are ordered by address."""
    asked = terms(query)
    if not asked:
        return ()
    scored = ((_score(article, asked), article) for article in ARTICLES)
    hits = [(score, article) for score, article in scored if score > 0]
    hits.sort(key=lambda hit: (-hit[0], hit[1].url))
    return tuple(article for _, article in hits)
