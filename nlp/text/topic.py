"""What a query asks for, as stems that can be looked up in a text."""

from __future__ import annotations

from nlp.neutral import Unmeasurable
from nlp.text.words import stems, words

FUNCTION_WORDS = frozenset({
    "a", "about", "after", "all", "an", "and", "any", "are", "as", "at", "be", "been", "but",
    "by", "can", "did", "do", "does", "for", "from", "had", "has", "have", "how", "i", "if",
    "in", "into", "is", "it", "its", "more", "most", "new", "not", "of", "on", "or", "our",
    "over", "so", "than", "that", "the", "their", "them", "then", "there", "these", "they",
    "this", "to", "up", "was", "we", "were", "what", "when", "where", "which", "who", "why",
    "will", "with", "you", "your",
})  # fmt: skip
"""Words of English that say nothing of what a text is about."""

MAX_TERMS = 64
"""A query of 500 characters has fewer words; in Chinese it may have 500, and each is counted."""


def topic_terms(query: str | None) -> tuple[str, ...]:
    """The distinct stems of the query's words, in order, without function words; at most 64.

    A query of function words alone ("The Who") keeps them. Raises `Unmeasurable` where there
    is no word at all.
    """
    tokens = words(query or "")
    if not tokens:
        raise Unmeasurable("No query was given.")
    telling = [token for token in tokens if token not in FUNCTION_WORDS]
    return tuple(dict.fromkeys(stems(telling or tokens)))[:MAX_TERMS]
