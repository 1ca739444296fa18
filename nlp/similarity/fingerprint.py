"""Fingerprints: what near-duplicates and clusters are found by, and how to read it back.

A fingerprint has the hash of the text, its shingles, the embedding of title and lead, and the
terms that tell stories apart.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from nlp.analysis import Fingerprint
from nlp.embedding.embedder import Vectors
from nlp.similarity.story_terms import story_names, story_words
from nlp.text.words import words

SHINGLE_WORDS = 5
"""Broder's w-shingling (SEQUENCES 1997); five words in a row are seldom shared by chance."""

Shingles = npt.NDArray[np.uint64]

_MULTIPLIER = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def fingerprint(text: str, embedding: Vectors, title: str = "") -> Fingerprint:
    """The fingerprint of an article, the same in every process and on every machine.

    `embedding` is the unit vector of title and lead, of shape (dimension,).
    """
    return Fingerprint(
        text_sha256=hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest(),
        shingles=shingles(words(text)).astype("<u8").tobytes(),
        embedding=embedding.astype("<f4").tobytes(),
        story_words=story_words(title, text).tobytes(),
        story_names=story_names(title, text).tobytes(),
    )


def shingles(tokens: list[str]) -> Shingles:
    """Sorted, distinct 64-bit hashes of every five words in a row; none of fewer than five."""
    hashes = {token: _word_hash(token) for token in set(tokens)}
    row = np.fromiter((hashes[token] for token in tokens), dtype=np.uint64, count=len(tokens))
    return shingles_of_words(row)


def shingles_of_words(row: npt.NDArray[np.uint64]) -> Shingles:
    """The shingles of a text whose words have these hashes, in order.

    A window is a polynomial of its words' hashes modulo 2^64, as in Karp and Rabin (1987), for
    all windows at once.
    """
    count = len(row) - SHINGLE_WORDS + 1
    if count < 1:
        return np.empty(0, dtype=np.uint64)
    windows = np.zeros(count, dtype=np.uint64)
    for place in range(SHINGLE_WORDS):
        power = np.uint64(pow(_MULTIPLIER, place + 1, _MASK + 1))
        windows += row[place : place + count] * power
    return np.unique(windows)


def _word_hash(token: str) -> int:
    return int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")


def shingles_of(print_: Fingerprint) -> Shingles:
    """The shingles of a fingerprint, sorted, of shape (n,)."""
    return np.frombuffer(print_.shingles, dtype="<u8")


def embedding_of(print_: Fingerprint) -> Vectors:
    """The embedding of a fingerprint, of shape (dimension,)."""
    return np.frombuffer(print_.embedding, dtype="<f4")


COSINE_DECIMALS = 5
"""Cosines are rounded before they are compared: processors differ in the seventh decimal."""


def unit_rows(prints: Sequence[Fingerprint]) -> Vectors:
    """The embeddings as unit rows, of shape (n, dimension).

    An embedding that is missing, not finite, or of another length than most becomes a row of zeros:
    its cosine to all others is 0.
    """
    embeddings = [embedding_of(fingerprint) for fingerprint in prints]
    dimension = _commonest(len(row) for row in embeddings if len(row))
    rows = np.zeros((len(embeddings), dimension), dtype=np.float32)
    for place, row in enumerate(embeddings):
        if len(row) == dimension:
            rows[place] = row
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    good = np.isfinite(lengths) & (lengths > 0)
    rows[~good] = 0.0
    rows /= np.where(good, lengths, 1.0).astype(np.float32)[:, None]
    return rows


def _commonest(lengths: Iterable[int]) -> int:
    """The commonest length; of several the greatest."""
    counts = Counter(lengths)
    return max(counts, key=lambda length: (counts[length], length), default=0)


def rounded(cosines: Vectors) -> Vectors:
    """Dot products of unit rows as cosines that can be compared."""
    return cosines.round(COSINE_DECIMALS)
