"""Average linkage with every cosine looked at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from nlp.embedding.embedder import Vectors
from nlp.similarity.neighbours import BLOCK, Places
from nlp.similarity.vectors import rounded

GONE = np.float32(-9.0)
"""In place of a cosine to itself or to what was joined."""


def joined_exactly(rows: Vectors, sizes: Places, threshold: float) -> Places:
    """The group of each unit row, named after its first; each row stands for `sizes` equal ones.

    Average linkage (Sokal and Michener, 1958) cut at the threshold. Groups can only join if a pair
    across them reaches it, so what no chain of such pairs connects is dealt with apart, in a
    float32 matrix of its own.
    """
    groups = np.arange(len(rows))
    connected = _connected(rows, threshold)
    order = np.argsort(connected, kind="stable")
    starts = np.unique(connected[order], return_index=True)[1]
    for members in np.split(order, starts[1:]):
        if len(members) > 1:
            cosines = rounded(rows[members] @ rows[members].T)
            groups[members] = members[_Chain(cosines, sizes[members], threshold).join()]
    return groups


def _connected(rows: Vectors, threshold: float) -> Places:
    """The number of each row's part of the graph of pairs that reach the threshold."""
    count = len(rows)
    labels = np.arange(count)
    for start in range(0, count, BLOCK):
        cosines = rounded(rows[start : start + BLOCK] @ rows[: start + BLOCK].T)
        one, other = np.nonzero(cosines >= np.float32(threshold))
        ends = (labels[one + start], labels[other])
        graph = coo_matrix((np.ones(len(one), dtype=np.bool_), ends), shape=(count, count))
        labels = connected_components(graph, directed=False)[1][labels]
    return np.asarray(labels, dtype=np.int64)


class _Chain:
    """Nearest-neighbour chain (Benzécri, 1982; Murtagh, 1983), in n² time.

    From any group to its nearest, from there to its nearest, until two are each other's: they
    join. A join never brings the joined group nearer to a third than its nearer half was, so
    the order of joins does not matter, and a group whose nearest is too far is done with.
    """

    def __init__(self, cosines: Vectors, sizes: Places, threshold: float) -> None:
        self._cosines = cosines
        np.fill_diagonal(self._cosines, GONE)
        self._sizes = sizes.astype(np.float32)
        # Means are rounded to the last decimal that counts.
        self._least = np.float32(threshold) - np.float32(5e-6)
        self._of = np.arange(len(cosines))

    def join(self) -> Places:
        open_ = np.ones(len(self._of), dtype=np.bool_)
        for first in range(len(self._of)):
            chain = [first] if open_[first] else []
            while chain:
                self._step(chain, open_)
        return self._named()

    def _step(self, chain: list[int], open_: npt.NDArray[np.bool_]) -> None:
        """Go to the nearest of the chain's end, or join its last two, or give the end up."""
        end = chain[-1]
        row = self._cosines[end]
        nearest = int(np.argmax(row))
        if row[nearest] < self._least:
            open_[end] = False
            chain.pop()
        elif len(chain) > 1 and row[chain[-2]] == row[nearest]:
            stay, gone = sorted(chain[-2:])
            self._join(stay, gone)
            open_[gone] = False
            del chain[-2:]
            if not chain:
                chain.append(stay)
        else:
            chain.append(nearest)

    def _join(self, stay: int, gone: int) -> None:
        own, other = self._sizes[stay], self._sizes[gone]
        row = (own * self._cosines[stay] + other * self._cosines[gone]) / (own + other)
        row[self._cosines[stay] == GONE] = GONE
        row[gone] = GONE
        self._cosines[stay] = self._cosines[:, stay] = row
        self._cosines[gone] = self._cosines[:, gone] = GONE
        self._sizes[stay] = own + other
        self._of[gone] = stay

    def _named(self) -> Places:
        """Each its group's first; what a group was joined to always comes before it."""
        for place, group in enumerate(self._of):
            self._of[place] = self._of[group]
        return self._of
