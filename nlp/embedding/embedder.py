"""From texts to unit vectors whose cosine says how much they have in common."""

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
"""Words of a text that follow its title into the embedding: with it they fill 256 tokens."""


class Embedder(Protocol):
    """What turns texts into vectors."""

    @property
    def dimension(self) -> int:
        """The length of a vector."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit rows of shape (len(texts), dimension), float32.

        The same text gives the same row, within 1e-5, whatever stands beside it; an embedder
        may promise it to the last bit. An empty text too has a unit row, which means nothing.
        """


def title_and_lead(title: str, text: str) -> str:
    """What of an article is embedded: its title and its first LEAD_WORDS words."""
    return f"{title}. {' '.join(text[: LEAD_WORDS * 12].split()[:LEAD_WORDS])}"


class HashingEmbedder:
    """A deterministic stand-in without a model: a signed, hashed bag of word stems.

    Feature hashing (Weinberger et al., ICML 2009): texts with words in common have a high
    cosine, others one near 0. It knows nothing of meaning.
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


LONGEST = 500
"""Characters of what is remembered; as long as a query may be."""

MOST = 1024


class RememberingEmbedder:
    """Asks another embedder, once for each short text while it is among the latest 1,024.

    Without it every article would pay for its query's run as well.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: OrderedDict[str, Vectors] = OrderedDict()

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As `Embedder.encode`: shape (len(texts), dimension), float32, unit rows."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        encoded = dict(zip(new, self._embedder.encode(new), strict=True)) if new else {}
        rows = [encoded[text] if text in encoded else self._recall(text) for text in texts]
        self._remember({text: row for text, row in encoded.items() if len(text) <= LONGEST})
        return np.stack(rows) if rows else np.zeros((0, self.dimension), dtype=np.float32)

    def _recall(self, text: str) -> Vectors:
        self._known.move_to_end(text)
        return self._known[text]

    def _remember(self, rows: dict[str, Vectors]) -> None:
        self._known.update(rows)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
