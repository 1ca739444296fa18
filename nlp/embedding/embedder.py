"""Embedders: from texts to unit vectors whose cosine says how much they have in common."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nlp.text.words import stems, words

Vectors = npt.NDArray[np.float32]

LEAD_WORDS = 200
"""Words of a text that are embedded after its title: together they fill 256 tokens."""

MAX_CACHED_CHARS = 500
"""Length of the texts that are cached; a query may be this long."""

MAX_CACHED_TEXTS = 1024


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def dimension(self) -> int:
        """The length of a vector."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit rows of shape (len(texts), dimension), float32.

        The same text gives the same row, within 1e-5, whatever texts are beside it; an embedder may
        promise that to the last bit. An empty text has a unit row too, without meaning.
        """


def title_and_lead(title: str, text: str) -> str:
    """The part of an article that is embedded: its title and its first LEAD_WORDS words."""
    return f"{title}. {' '.join(text[: LEAD_WORDS * 12].split()[:LEAD_WORDS])}"


class HashingEmbedder:
    """A deterministic stand-in without a model: a signed, hashed bag of word stems.

    Feature hashing (Weinberger et al., ICML 2009): texts with words in common have a high
    cosine, others one near 0. It does not know meanings.
    """

    def __init__(self, dimension: int = 256) -> None:
        self._dimension = dimension

    @property
    def dimension(self) -> int:
        return self._dimension

    def encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for stem in ["", *stems(words(text))]:
                digest = int.from_bytes(hashlib.blake2b(stem.encode(), digest_size=8).digest())
                row[digest % self._dimension] += 1.0 if digest >> 63 else -1.0
            row /= np.linalg.norm(row) or 1.0
        return rows


class CachingEmbedder:
    """Caches the rows of the latest MAX_CACHED_TEXTS short texts of another embedder.

    The query of a job comes with each of its articles; without the cache each would pay for
    embedding it again.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._cache: OrderedDict[str, Vectors] = OrderedDict()

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As `Embedder.encode`: shape (len(texts), dimension), float32, unit rows."""
        new = [text for text in dict.fromkeys(texts) if text not in self._cache]
        encoded = dict(zip(new, self._embedder.encode(new), strict=True)) if new else {}
        rows = [encoded[text] if text in encoded else self._cached(text) for text in texts]
        self._store({text: row for text, row in encoded.items() if len(text) <= MAX_CACHED_CHARS})
        return np.stack(rows) if rows else np.zeros((0, self.dimension), dtype=np.float32)

    def _cached(self, text: str) -> Vectors:
        self._cache.move_to_end(text)
        return self._cache[text]

    def _store(self, rows: dict[str, Vectors]) -> None:
        self._cache.update(rows)
        while len(self._cache) > MAX_CACHED_TEXTS:
            self._cache.popitem(last=False)
