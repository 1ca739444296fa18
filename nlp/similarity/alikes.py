"""Which of the articles that stay has the vector nearest to another's."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from nlp.embedding.embedder import Vectors
from nlp.similarity.neighbours import Places, pairs_in_cells
from nlp.similarity.vectors import rounded

BLOCK = 256
"""Rows multiplied at once with all before them: 5 MB for 5,000 articles."""

MOST = 8
"""Earlier neighbours that an article of many names in each cell."""

FLOOR = 0.5
"""Cosine from which articles of many are neighbours. Of 100 words in common that is nothing."""


class Alikes(Protocol):
    """Cosines to the articles that stay.

    It reads the places where the articles stand, which its caller fills in order: an article's own
    place if it stays, else that of the article it was merged into.
    """

    def best(self, place: int) -> tuple[int, float] | None:
        """The nearest that stays before this place, the first of equals; None if none is near."""

    def cosine(self, place: int, other: int) -> float:
        """Of two articles; 0 where either has no vector."""


class AllAlikes:
    """Exact: each row times all before it, in blocks."""

    def __init__(self, rows: Vectors, standing: Places) -> None:
        self._rows = rows
        self._standing = standing
        self._staying = np.arange(len(rows))
        self._start = -1
        self._block = np.empty((0, 0), dtype=np.float32)

    def best(self, place: int) -> tuple[int, float] | None:
        start = place - place % BLOCK
        if start != self._start:
            end = min(start + BLOCK, len(self._rows))
            self._block = rounded(self._rows[start:end] @ self._rows[:end].T)
            self._start = start
        stays = self._standing[:place] == self._staying[:place]
        if not stays.any():
            return None
        cosines = np.where(stays, self._block[place - start, :place], np.float32(-2.0))
        best = int(np.argmax(cosines))
        return best, float(cosines[best])

    def cosine(self, place: int, other: int) -> float:
        return _cosine(self._rows, place, other)


class NearbyAlikes:
    """Among the neighbours that cells of vectors give, and what those were merged into."""

    def __init__(self, rows: Vectors, standing: Places) -> None:
        self._rows = rows
        self._standing = standing
        pairs = pairs_in_cells(rows, FLOOR, MOST, earlier=True)
        order = np.argsort(pairs.second, kind="stable")
        self._earlier = pairs.first[order]
        self._bounds = np.searchsorted(pairs.second[order], np.arange(len(rows) + 1))

    def best(self, place: int) -> tuple[int, float] | None:
        neighbours = self._earlier[self._bounds[place] : self._bounds[place + 1]]
        if not len(neighbours):
            return None
        stay = np.unique(self._standing[neighbours])
        cosines = rounded(self._rows[stay] @ self._rows[place])
        best = int(np.argmax(cosines))
        return int(stay[best]), float(cosines[best])

    def cosine(self, place: int, other: int) -> float:
        return _cosine(self._rows, place, other)


def _cosine(rows: Vectors, place: int, other: int) -> float:
    return float(rounded(np.dot(rows[place], rows[other])))
