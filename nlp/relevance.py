"""How much an article is about the query."""

from __future__ import annotations

from collections import Counter

import numpy as np

from nlp.embedder import Vectors
from nlp.topic import topic_terms
from nlp.words import stems, words

SATURATION = 1.2
"""BM25's k1: how soon more mentions stop counting."""

LENGTH_SHARE = 0.4
"""BM25's b: how far the length of a text discounts its mentions."""

USUAL_WORDS = 600
"""The length at which nothing is discounted; one article has no collection to average over."""

TITLE_WEIGHT = 3.0
"""A word in the title counts as three in the text."""

UNRELATED_COSINE, SAME_COSINE = 0.05, 0.70
"""What all-MiniLM-L6-v2 gives for a short query and a text beside it, or right on it."""


def lexical_relevance(query: str | None, title: str, text: str) -> float:
    """How much title and text speak the words of the query, 0–100.

    The mean over the query's terms of 100 · tf / (tf + 1.2), where tf weighs title and text
    and discounts length as BM25F does (Robertson and Zaragoza, 2009). Without its inverse
    document frequency: a single article has no collection. Terms are whole words by stem:
    "ai" is not in "said". Raises `Unmeasurable` where the query has no word.
    """
    terms = topic_terms(query)
    in_title, in_text = Counter(stems(words(title))), Counter(stems(words(text)))
    length = 1 - LENGTH_SHARE + LENGTH_SHARE * in_text.total() / USUAL_WORDS
    frequencies = [TITLE_WEIGHT * in_title[term] + in_text[term] / length for term in terms]
    return 100.0 * sum(tf / (tf + SATURATION) for tf in frequencies) / len(terms)


def semantic_relevance(query: Vectors, article: Vectors) -> float:
    """How near in meaning query and article are, 0–100.

    Both are unit vectors of shape (dimension,); their cosine is mapped in a straight line
    from UNRELATED_COSINE at 0 to SAME_COSINE at 100, and held within.
    """
    cosine = float(np.dot(query, article))
    share = (cosine - UNRELATED_COSINE) / (SAME_COSINE - UNRELATED_COSINE)
    return 100.0 * min(1.0, max(0.0, share))
