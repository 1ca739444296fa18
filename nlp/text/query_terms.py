"""What a query asks for, as stems that can be looked up in a text."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Sequence
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
"""Words of English that say nothing of what a text is about."""

MAX_TERMS = 64
"""A query of 500 characters has fewer words; in Chinese it may have 500, and each is counted."""


def query_terms(query: str | None) -> tuple[str, ...]:
    """The distinct stems of the query's words, in order, without function words; at most 64.

    A query of function words alone ("The Who") keeps them. Raises `Unmeasurable` where there
    is no word at all.
    """
    tokens = words(query or "")
    if not tokens:
        raise Unmeasurable("No query was given.")
    telling = [token for token in tokens if token not in STOPWORDS]
    return tuple(dict.fromkeys(stems(telling or tokens)))[:MAX_TERMS]


TITLE_WEIGHT = 2.0
"""A word in the title counts as two in the text. Cranfield is flat from 1 to 3."""

MAX_FREQUENT_STEMS = 64
"""Stems kept beside the query's. 32 cost 0.4 of nDCG@10 on Cranfield; all of them gave no more."""

MAX_COUNT = 255


class TermCounts(Struct, frozen=True, kw_only=True):
    """An article's words in the light of one query, in less than 1 KB.

    For a text of 700 words it takes 0.7 ms to make where its words are known to the stemmer, 4 ms
    where all are new, and 0.4 KB as msgpack.
    """

    in_title: tuple[int, ...]
    """Mentions of each of `topic_terms(query)`, in their order."""
    in_text: tuple[int, ...]
    text_words: int
    frequent: bytes
    """CRC-32 of the most frequent other stems, little-endian: what feedback learns from."""
    frequencies: bytes
    """Mentions of each of these, title included, one byte each: at most 255."""


@dataclass(frozen=True)
class ArticleStems:
    """The stems of an article, counted once for any number of queries."""

    in_title: Counter[str]
    in_text: Counter[str]
    telling: Sequence[str]
    """The stems that are no function words, the most frequent first."""

    def for_query(self, query: str | None) -> TermCounts:
        """Raises `Unmeasurable` where the query has no word."""
        terms = query_terms(query)
        others = [
            stem for stem in self.telling[: MAX_FREQUENT_STEMS + len(terms)] if stem not in terms
        ]
        kept = others[:MAX_FREQUENT_STEMS]
        counts = [min(MAX_COUNT, self.in_title[stem] + self.in_text[stem]) for stem in kept]
        return TermCounts(
            in_title=tuple(self.in_title[term] for term in terms),
            in_text=tuple(self.in_text[term] for term in terms),
            text_words=self.in_text.total(),
            frequent=struct.pack(f"<{len(kept)}I", *map(_name, kept)),
            frequencies=bytes(counts),
        )


def term_counts(query: str | None, title: str, text: str) -> TermCounts:
    """What `nlp.relevance` needs of an article's words.

    Terms are whole words by stem: "ai" is not in "said". Raises `Unmeasurable` where the query
    has no word.
    """
    return article_stems(title, text).for_query(query)


def article_stems(title: str, text: str) -> ArticleStems:
    """The stems of title and text, each distinct word stemmed once."""
    title_words, text_words = Counter(words(title)), Counter(words(text))
    weights: Counter[str] = Counter()
    for counted, weight in ((title_words, int(TITLE_WEIGHT)), (text_words, 1)):
        telling = {word: n * weight for word, n in counted.items() if word not in STOPWORDS}
        weights.update(_by_stem(telling))
    return ArticleStems(
        in_title=_by_stem(title_words),
        in_text=_by_stem(text_words),
        telling=[stem for stem, _ in weights.most_common()],
    )


def _by_stem(counted: dict[str, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for stem, count in zip(stems(counted), counted.values(), strict=True):
        found[stem] += count
    return found


@lru_cache(maxsize=65_536)
def _name(stem: str) -> int:
    return zlib.crc32(stem.encode())
