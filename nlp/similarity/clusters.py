"""Average linkage of many, without a matrix of distances."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nlp.analysis import Fingerprint
from nlp.embedding.embedder import Vectors
from nlp.similarity.fingerprint import rounded, telling_rows, unit_rows
from nlp.similarity.ivf_index import BLOCK, Pairs, Places, pairs_in_cells

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


GONE = np.float32(-9.0)
"""In place of a cosine to itself or to what was joined."""


def joined_exactly(rows: Vectors, sizes: Places, threshold: float) -> Places:
    """The group of each unit row, named after its first; each row stands for `sizes` equal ones.

    Average linkage (Sokal and Michener, 1958) cut at the threshold. Groups can only join if a pair
    across them reaches it, so each part of the graph of such pairs is handled by itself, in a
    float32 matrix of its own. The tests compare it with scipy's `linkage`, which is not used here:
    it needs the distances of all pairs as float64, 100 MB for 5,000 articles, cannot start with
    groups of equal rows, and the library takes 99 MB of disk for this one function.
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
    """For each row, the first row that a chain of pairs at the threshold connects it with."""
    labels = np.arange(len(rows))
    for start in range(0, len(rows), BLOCK):
        cosines = rounded(rows[start : start + BLOCK] @ rows[: start + BLOCK].T)
        one, other = np.nonzero(cosines >= np.float32(threshold))
        labels = connect(labels, one + start, other)
    return labels


def connect(labels: Places, first: Places, second: Places) -> Places:
    """The components of a graph after edges from `first` to `second` are added to it.

    `labels` has the first vertex of each vertex's component, before and after. Each component is
    hooked to the least that an edge leads to, and pointers are halved until each leads to the end
    of its path (Shiloach and Vishkin, 1982).
    """
    while True:
        one, other = labels[first], labels[second]
        apart = one != other
        if not apart.any():
            return labels
        first, second = first[apart], second[apart]
        parents = np.arange(len(labels))
        np.minimum.at(parents, np.maximum(one, other)[apart], np.minimum(one, other)[apart])
        while not np.array_equal(parents, parents[parents]):
            parents = parents[parents]
        labels = parents[labels]


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


EXACT = 5_000
"""Up to so many articles every pair is looked at."""

MOST = 32
"""Neighbours that an article of more names in each cell. Groups inherit them when they join, so
few are enough."""


CREDIT = 1.5
"""What the cosine of the telling words counts. Reports of one event share some .15 of them, others
.05, while their embeddings are at .61 in the middle: on the made events of `scripts/bench quality`
BCubed F1 rose from .725 to .883. More credit joined other games and cars among real pages."""


def clusters(
    prints: Sequence[Fingerprint], clustering_threshold: float, exact: int = EXACT
) -> list[int]:
    """The cluster number of each article, given best first.

    Average linkage on the cosine of title and lead: two groups join while the mean cosine between
    them is at least the threshold (single linkage would chain stories together). To the cosine is
    added what the articles share of names, numbers and other rare words, see CREDIT: other outlets
    tell an event in other words, but not with other names.

    Up to `exact` articles this is what a full matrix gives. Of more, joins are looked for among
    near neighbours, still decided by the exact mean, and without the credit: a hundred
    thousand articles have enough in common by chance. Clusters are numbered from 0 by their best
    article.
    """
    few = len(prints) <= exact
    rows = _credited(prints) if few else unit_rows(prints)
    places, of = _distinct(rows)
    rows = rows if len(places) == len(rows) else rows[places]
    sizes = np.bincount(of, minlength=len(rows))
    if few:
        found = joined_exactly(rows, sizes, clustering_threshold)
    else:
        pairs = pairs_in_cells(rows, clustering_threshold, MOST)
        found = Groups(rows, sizes, pairs, clustering_threshold).join()
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(found[row]), len(numbers)) for row in of]


def _credited(prints: Sequence[Fingerprint]) -> Vectors:
    """Rows whose product is the cosine and the credit; of zeros where there is no embedding."""
    rows = unit_rows(prints)
    if not any(one.words for one in prints):
        return rows
    telling = telling_rows(prints) * np.float32(CREDIT**0.5)
    telling[~rows.any(axis=1)] = 0.0
    return np.hstack([rows, telling])


def _distinct(rows: Vectors) -> tuple[Places, Places]:
    """The place of each different row, and which of those each row is; a row of zeros is alone."""
    seen: dict[bytes, int] = {}
    places: list[int] = []
    of = np.empty(len(rows), dtype=np.int64)
    for place, row in enumerate(rows):
        key = hashlib.blake2b(row, digest_size=16).digest() if row.any() else b"%d" % place
        of[place] = seen.setdefault(key, len(seen))
        if of[place] == len(places):
            places.append(place)
    return np.array(places, dtype=np.int64), of
