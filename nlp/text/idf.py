"""The inverse document frequency of English words, estimated without a collection of texts."""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache
from importlib.resources import files

from nlp.minilm import MODEL_PACKAGE

ARTICLE_WORDS = 700
"""The length of the texts whose share is estimated: a news article."""

UNKNOWN_RANK = 45_000
"""The rank of a word outside the vocabulary: about twice that of the last one in it."""

ZIPF_SHIFT, ZIPF_SCALE = 2.7, 10.0
"""The word of rank r makes up 1 / (10 (r + 2.7)) of a text (the law of Zipf and Mandelbrot)."""


def idf(word: str) -> float:
    """The inverse document frequency of a case-folded word, estimated: 0 for "the", 7 at most.

    It is -log of the share of articles that contain the word. The share is derived from the word's
    rank by frequency: the vocabulary of BERT (Devlin et al., NAACL 2019), in the package of the
    sentence model, is in that order. So an article has the same keywords in every job. On 108 news
    pages, rank and document frequency correlate with a Spearman coefficient of .73 (words in ten or
    more pages) and .65 (in three or more); up to rank 10,000 the estimated share of articles is at
    most twice the counted one. A word with a hyphen has the idf of its rarest part.
    """
    rank = _ranks().get(word) or max(map(_rank, word.replace("‑", "-").split("-")))
    return -math.log1p(-math.exp(-ARTICLE_WORDS / (ZIPF_SCALE * (rank + ZIPF_SHIFT))))


@lru_cache(maxsize=16_384)
def _rank(word: str) -> int:
    ranks = _ranks()
    return ranks.get(word) or ranks.get(_without_accents(word), UNKNOWN_RANK)


def is_known(word: str) -> bool:
    """Whether the case-folded word is one of the 22,698 in the vocabulary."""
    return word in _ranks()


@lru_cache(maxsize=1)
def _ranks() -> dict[str, int]:
    """Word → rank by frequency, from 1: the vocabulary from "the" on, without its word pieces."""
    vocabulary = files(MODEL_PACKAGE) / "model" / "vocab.txt"
    lines = vocabulary.read_text("utf-8").splitlines()
    ranked = lines[lines.index("the") :]
    whole = (word for word in ranked if len(word) > 1 and not word.startswith("##"))
    return {word: rank for rank, word in enumerate(whole, start=1)}


def _without_accents(word: str) -> str:
    """The spelling of the vocabulary."""
    plain = unicodedata.normalize("NFD", word)
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Mn")
