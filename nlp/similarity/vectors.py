"""Vectors of several articles as one matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from nlp.analysis import Fingerprint
from nlp.embedding.embedder import Vectors
from nlp.similarity.fingerprint import embedding_of

COSINE_DECIMALS = 5
"""Cosines are rounded before they are compared: processors differ in the seventh."""


def unit_rows(prints: Sequence[Fingerprint]) -> Vectors:
    """The embeddings as unit rows, of shape (n, dimension).

    One that is missing, not finite, or of another length than most is a row of zeros: its cosine
    is 0 to all.
    """
    found = [embedding_of(fingerprint) for fingerprint in prints]
    dimension = _commonest(len(row) for row in found if len(row))
    rows = np.zeros((len(found), dimension), dtype=np.float32)
    for place, row in enumerate(found):
        if len(row) == dimension:
            rows[place] = row
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    good = np.isfinite(lengths) & (lengths > 0)
    rows[~good] = 0.0
    rows /= np.where(good, lengths, 1.0).astype(np.float32)[:, None]
    return rows


def _commonest(lengths: Iterable[int]) -> int:
    """The length that most have; of several the greatest."""
    counts = Counter(lengths)
    return max(counts, key=lambda length: (counts[length], length), default=0)


def rounded(cosines: Vectors) -> Vectors:
    """Dot products of unit rows as cosines that may be compared."""
    return cosines.round(COSINE_DECIMALS)
