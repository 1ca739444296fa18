"""Average linkage of many, without a matrix of distances."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nlp.embedding.embedder import Vectors
from nlp.similarity.neighbours import Pairs, Places
from nlp.similarity.vectors import rounded

CHUNK = 512
"""Pairs of groups whose cosine is taken at once: their vectors, 1.5 MB, stay in the caches."""

SLACK = np.float32(0.01)
"""Of the cosine of a pair that joins, by which a third may be farther and still join with it."""

SMALL = 16
"""A group so many times smaller hardly moves the one that it joins. Without this, pairs in the
same cluster agreed with the exact ones by half."""


class Groups:
    """Groups of unit vectors that join while their mean cosine is at least a threshold.

    The result is nearly that of `joined_exactly`, reached another way:

    - the mean cosine between two groups of unit vectors is the product of their sums, divided by
      their sizes: no distances are kept;
    - groups can only join if a pair across them reaches the threshold, so a list of such pairs is
      all that is looked at;
    - a join never brings the joined group nearer to a third than its nearer half was, so all
      pairs of groups that are nearest to each other may join at once (reciprocal
      agglomeration, Sumengen et al., 2021), and a pair below the threshold is done with;
    - a small third group whose nearest is one of two that join, and nearly as near, joins with
      them: else a large event takes in its reports one by one (as in (1 + ε)-approximate
      linkage, Dhulipala et al., TeraHAC, 2024).
    """

    def __init__(self, rows: Vectors, sizes: Places, pairs: Pairs, threshold: float) -> None:
        """`rows` are unit rows, each of which stands for `sizes` equal ones, and are used up."""
        self._count = len(rows)
        self._sums = rows
        self._sums *= sizes[:, None].astype(np.float32)
        self._sizes = sizes.astype(np.int64)
        self._threshold = np.float32(threshold)
        self._of = np.arange(self._count)
        kept = pairs.cosine >= self._threshold
        self._first, self._second = pairs.first[kept], pairs.second[kept]
        self._cosine = pairs.cosine[kept]

    def join(self) -> Places:
        """Join all that belong together: the group of each row, named after one of its rows."""
        while len(self._cosine):
            self._join(*self._nearest())
        return self._of

    def _nearest(self) -> tuple[Places, Places]:
        """The pairs of which each is the other's nearest, and the nearest pair of each group.

        Of equal ones the first counts. There is at least one, as the nearest pair of all is among
        them. A group without a pair has the number of pairs for its nearest.
        """
        greatest = np.full(self._count, -2.0, dtype=np.float32)
        np.maximum.at(greatest, self._first, self._cosine)
        np.maximum.at(greatest, self._second, self._cosine)
        of_first = self._cosine == greatest[self._first]
        of_second = self._cosine == greatest[self._second]
        best = np.full(self._count, len(self._cosine))
        for side, chosen in ((self._first, of_first), (self._second, of_second)):
            numbers = np.flatnonzero(chosen)
            np.minimum.at(best, side[numbers], numbers)
        both = np.flatnonzero(of_first & of_second)
        mutual = both[(best[self._first[both]] == both) & (best[self._second[both]] == both)]
        return mutual, best

    def _attached(self, mutual: Places, best: Places) -> tuple[Places, Places]:
        """Groups that join with one of a pair, and which of the pair's names they take."""
        stay, gone = self._first[mutual], self._second[mutual]
        name = np.full(self._count, -1)
        name[stay] = name[gone] = stay
        reach = np.full(self._count, np.inf, dtype=np.float32)
        reach[stay] = reach[gone] = self._cosine[mutual] - SLACK
        groups = np.flatnonzero((best < len(self._cosine)) & (name < 0))
        edges = best[groups]
        nearest = self._first[edges] + self._second[edges] - groups
        near = self._cosine[edges] >= reach[nearest]
        near &= self._sizes[groups] * SMALL <= self._sizes[nearest]
        return groups[near], name[nearest[near]]

    def _join(self, mutual: Places, best: Places) -> None:
        more, names = self._attached(mutual, best)
        gone = np.concatenate([self._second[mutual], more])
        stay = np.concatenate([self._first[mutual], names])
        np.add.at(self._sums, stay, self._sums[gone])
        np.add.at(self._sizes, stay, self._sizes[gone])
        moved = np.arange(self._count)
        moved[gone] = stay
        self._of = moved[self._of]
        changed = np.zeros(self._count, dtype=np.bool_)
        changed[stay] = True
        self._relabel(moved, changed)

    def _relabel(self, moved: Places, changed: npt.NDArray[np.bool_]) -> None:
        """The pairs of the groups as they are now, in ascending order."""
        one, other = moved[self._first], moved[self._second]
        first, second = np.minimum(one, other), np.maximum(one, other)
        touched = changed[first] | changed[second]
        anew = touched & (first != second)
        keys = _once(first[anew] * self._count + second[anew])
        cosine = self._means(keys // self._count, keys % self._count)
        near = cosine >= self._threshold
        old = first[~touched] * self._count + second[~touched]
        keys = np.concatenate([old, keys[near]])
        order = np.argsort(keys, kind="stable")
        self._first, self._second = keys[order] // self._count, keys[order] % self._count
        self._cosine = np.concatenate([self._cosine[~touched], cosine[near]])[order]

    def _means(self, first: Places, second: Places) -> Vectors:
        """The mean cosine of each two groups, of shape (m,)."""
        means = np.empty(len(first), dtype=np.float32)
        for start in range(0, len(first), CHUNK):
            one, other = first[start : start + CHUNK], second[start : start + CHUNK]
            products = np.einsum("ij,ij->i", self._sums[one], self._sums[other])
            means[start : start + CHUNK] = products / (self._sizes[one] * self._sizes[other])
        return rounded(means)


def _once(keys: Places) -> Places:
    """Sorted, each once; numpy's own took 28 times as long on two million numbers."""
    ordered = np.sort(keys)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=-1))]
