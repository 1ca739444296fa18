"""An embedder that remembers short texts: the query of a job comes with each of its articles."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from nlp.embedding.embedder import Embedder, Vectors

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

    @property
    def exact(self) -> bool:
        return self._embedder.exact

    @property
    def identity(self) -> str:
        return self._embedder.identity

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
