"""The terms of a query, and how often an article mentions them.

`query_terms` are the stems that a query is looked up by. `TermCounts` is all that relevance needs
of an article's words: it is kept as evidence when the text itself is not.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from msgspec import Struct

from nlp.neutral import Unmeasurable
from nlp.text.words import stems, words

STOPWORDS = frozenset({
    "a", "about", "after", "all", "an", "and", "any", "are", "as", "at", "be", "been", "but",
    "by", "can", "did", "do", "does", "for", "from", "had", "has", "have", "how", "i", "if",
    "in", "into", "is", "it", "its", "more", "most", "new", "not", "of", "on", "or", "our",
    "over", "so", "than", "that", "the", "their", "them", "then", "there", "these", "they",
    "this", "to", "up", "was", "we", "were", "what", "when", "where", "which", "who", "why",
    "will", "with", "you", "your",
})  # fmt: skip
"""English only, and fewer than in `nlp.text.stopwords`, whose lists also hold common verbs and
nouns that a query may be about."""

MAX_TERMS = 64
"""A query of 500 characters has fewer words; in Chinese it may have 500, and each is counted."""

TITLE_WEIGHT = 2.0
"""A word in the title counts as two in the text. Cranfield is flat from 1 to 3."""

MAX_FREQUENT_STEMS = 64
"""Stems kept beside the query's. 32 cost 0.4 of nDCG@10 on Cranfield; all of them gave no more."""

MAX_COUNT = 255
"""Of a frequent stem: its count is stored in one byte."""


class TermCounts(Struct, frozen=True, kw_only=True):
    """How often an article mentions the terms of one query and its other frequent stems.

    Less than 1 KB. For a text of 700 words it takes 0.7 ms to make if the stemmer has seen all its
    words, 4 ms if all are new, and 0.4 KB as msgpack.
    """

    in_title: tuple[int, ...]
    """Mentions of each of `query_terms(query)`, in their order."""
    in_text: tuple[int, ...]
    text_words: int
    frequent: bytes
    """CRC-32 of the most frequent other stems, little-endian; for relevance feedback."""
    frequencies: bytes
    """Mentions of each of these, title included, one byte each: at most 255."""


def query_terms(query: str | None) -> tuple[str, ...]:
    """The distinct stems of the query's words, in order, without stop words; at most 64.

    A query of stop words alone ("The Who") keeps them. Raises `Unmeasurable` where there is no word
    at all.
    """
    tokens = words(query or "")
    if not tokens:
        raise Unmeasurable("No query was given.")
    content_words = [token for token in tokens if token not in STOPWORDS]
    return tuple(dict.fromkeys(stems(content_words or tokens)))[:MAX_TERMS]


def term_counts(query: str | None, title: str, text: str) -> TermCounts:
    """What `nlp.relevance` needs of an article's words.

    Terms are whole words by stem: "ai" is not in "said". Raises `Unmeasurable` where the query
    has no word.
    """
    return article_stems(title, text).for_query(query)


@dataclass(frozen=True)
class ArticleStems:
    """The stems of an article, counted once for any number of queries."""

    in_title: Counter[str]
    in_text: Counter[str]
    content_stems: Sequence[str]
    """Without stop words, the most frequent first."""

    def for_query(self, query: str | None) -> TermCounts:
        """Raises `Unmeasurable` where the query has no word."""
        terms = query_terms(query)
        most_frequent = self.content_stems[: MAX_FREQUENT_STEMS + len(terms)]
        others = [stem for stem in most_frequent if stem not in terms][:MAX_FREQUENT_STEMS]
        counts = [min(MAX_COUNT, self.in_title[stem] + self.in_text[stem]) for stem in others]
        return TermCounts(
            in_title=tuple(self.in_title[term] for term in terms),
            in_text=tuple(self.in_text[term] for term in terms),
            text_words=self.in_text.total(),
            frequent=struct.pack(f"<{len(others)}I", *map(_hash, others)),
            frequencies=bytes(counts),
        )


def article_stems(title: str, text: str) -> ArticleStems:
    """The stems of title and text, each distinct word stemmed once."""
    title_words, text_words = Counter(words(title)), Counter(words(text))
    weights: Counter[str] = Counter()
    for counts, weight in ((title_words, int(TITLE_WEIGHT)), (text_words, 1)):
        content_words = {word: n * weight for word, n in counts.items() if word not in STOPWORDS}
        weights.update(_by_stem(content_words))
    return ArticleStems(
        in_title=_by_stem(title_words),
        in_text=_by_stem(text_words),
        content_stems=[stem for stem, _ in weights.most_common()],
    )


def _by_stem(word_counts: Mapping[str, int]) -> Counter[str]:
    stem_counts: Counter[str] = Counter()
    for stem, count in zip(stems(word_counts), word_counts.values(), strict=True):
        stem_counts[stem] += count
    return stem_counts


@lru_cache(maxsize=65_536)
def _hash(stem: str) -> int:
    return zlib.crc32(stem.encode())
