"""Story terms: the words and the names by which reports of one event are recognised.

Outlets report an event in other words, but not with other names, numbers and places; and two events
of one kind share their common words, but not these. A term counts by its rarity, both in general
and among the articles of the job: by the second alone, the same two reports would be near in a job
of 5,000 and far apart in one of 10.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nlp.embedding.embedder import Vectors
from nlp.text.idf import idf
from nlp.text.query_terms import STOPWORDS
from nlp.text.words import MAX_WORD_CHARS, stems

READ_WORDS = 400
"""Words of title and text that are read."""

DIMENSION = 1024
"""Of a row of terms. Two texts without a term in common are then at a cosine of 0 ± .03."""

PRIOR_ARTICLES = 1000
"""Imaginary articles in which each term has its general rarity. With it one threshold serves jobs
of any size; with 300 the best thresholds of small and large jobs differ by .04, without by .16."""

RARITY_UNIT = 1 / 32
"""The idf is stored in these units, in one byte."""

TERM = np.dtype([("hash", "<u4"), ("count", "u1"), ("rarity", "u1")])
"""A term as stored: CRC-32 of its stem, its mentions (255 at most), its general idf."""

Terms = npt.NDArray[np.void]
"""Of dtype TERM, each stem once."""

_WORD = re.compile(r"[^\W_]+")
_SENTENCE_ENDS = (".", "!", "?", ":", ";", '"', "”", "…")


def story_words(title: str, text: str) -> Terms:
    """The words at the beginning of an article that are no stop words."""
    tokens = _tokens(title, text)
    words = (word.casefold() for token in tokens for word in _WORD.findall(token))
    return _terms(Counter(word for word in words if word not in STOPWORDS))


def story_names(title: str, text: str) -> Terms:
    """Those of its words that are names, as far as capitals tell.

    A word that begins a sentence counts unless it also occurs in lower case. None in a script
    without capitals.
    """
    return _terms(Counter(_names(_tokens(title, text))))


def _tokens(title: str, text: str) -> list[str]:
    """The first words, with their punctuation. The title is a sentence of its own."""
    return f"{title} . {text[: READ_WORDS * 12]}".split()[:READ_WORDS]


def _names(tokens: Sequence[str]) -> Iterator[str]:
    lower = {token for token in tokens if token.islower()}
    begins = True
    for token in tokens:
        for word in _WORD.findall(token):
            capital = len(word) > 1 and word[0].isupper() and not any(map(str.isdigit, word))
            if capital and not (begins and word.lower() in lower):
                yield word.casefold()
            begins = False
        begins = begins or token.endswith(_SENTENCE_ENDS)


def _terms(counts: Mapping[str, int]) -> Terms:
    words = [word[:MAX_WORD_CHARS] for word in counts]
    merged: dict[int, tuple[int, float]] = {}
    for word, stem, count in zip(words, stems(words), counts.values(), strict=True):
        known, rarity = merged.get(zlib.crc32(stem.encode()), (0, 7.0))
        merged[zlib.crc32(stem.encode())] = known + count, min(rarity, idf(word))
    rows = [
        (hashed, min(255, count), min(255, round(rarity / RARITY_UNIT)))
        for hashed, (count, rarity) in sorted(merged.items())
    ]
    return np.array(rows, dtype=TERM)


def term_rows(stored: Sequence[bytes]) -> Vectors:
    """A unit row for each article, of shape (n, DIMENSION): its terms, weighted.

    The weight of a term is (1 + log of its mentions) times its inverse document frequency (Spärck
    Jones, 1972) among these articles and PRIOR_ARTICLES. The terms are assigned to the dimensions
    by their hash, with its sign (Weinberger et al., ICML 2009). An article without terms has a row
    of zeros.
    """
    terms = [np.frombuffer(each, dtype=TERM) for each in stored]
    flat = np.concatenate([np.empty(0, dtype=TERM), *terms])
    _, numbers, holders = np.unique(flat["hash"], return_inverse=True, return_counts=True)
    expected = PRIOR_ARTICLES * np.exp(-RARITY_UNIT * flat["rarity"].astype(np.float64))
    weights = np.log((len(stored) + PRIOR_ARTICLES) / (holders[numbers] + expected))
    weights = np.maximum(weights, 0.0) * (1 + np.log(np.maximum(flat["count"], 1)))
    weights *= np.where(flat["hash"] >> 31, 1.0, -1.0)
    rows = np.zeros((len(stored), DIMENSION), dtype=np.float32)
    places = np.repeat(np.arange(len(stored)), [len(own) for own in terms])
    np.add.at(rows, (places, flat["hash"] % DIMENSION), weights.astype(np.float32))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
