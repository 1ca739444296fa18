"""Clusters: which articles tell the same story in other words, by average linkage.

Up to MAX_EXACT articles every pair is looked at; above that, pairs from cells of near vectors.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nlp.analysis import Fingerprint
from nlp.embedding.embedder import Vectors
from nlp.similarity.fingerprint import rounded, unit_rows
from nlp.similarity.ivf_index import BLOCK, Pairs, Places, near_pairs
from nlp.similarity.story_terms import term_rows

MAX_EXACT = 5_000
"""Up to this many articles, every pair is looked at."""

EMBEDDING_SHARE, WORDS_SHARE, NAMES_SHARE = 0.30, 0.85, 1.05
"""Weights of the three cosines in the similarity of two reports: of their embeddings, of their
words and of their names. Chosen on the events of ../shared/data so that .75 parts stories;
`scripts/bench quality --only clusters` shows what they give on topics that they were not chosen on.
"""

NEAR_DAYS, FAR_DAYS, FAR_PENALTY = 7.0, 60.0, 0.5
"""Reports of one event come within days. From NEAR_DAYS between two dates to FAR_DAYS the
similarity falls by up to FAR_PENALTY, as much as half of the names: so two quarterly reports are
two stories. No more, as pages may state a wrong date. Not fitted: the events have no dates."""

EXCLUDED = np.float32(-9.0)
"""In place of the cosine of a group to itself or to what was joined."""

NEIGHBOURS_PER_CELL = 32
"""Neighbours that are kept per article and cell. Groups inherit them when they join, so few are
enough."""

CHUNK = 512
"""Pairs of groups whose cosine is computed at once: their vectors, 1.5 MB, stay in the caches."""

SLACK = np.float32(0.01)
"""A third group may be this much farther than a joining pair and still join with it."""

SMALL_RATIO = 16
"""A group that is smaller by this factor hardly moves the one that it joins. Without this, only
half of the pairs in the same cluster agreed with the exact ones."""


Days = npt.NDArray[np.float64]


def clusters(
    prints: Sequence[Fingerprint],
    clustering_threshold: float,
    max_exact: int = MAX_EXACT,
    published: Sequence[dt.datetime | None] = (),
) -> list[int]:
    """The cluster number of each article, given best first.

    Average linkage: two groups join while the mean similarity between them is at least the
    threshold (single linkage would chain stories together). The similarity adds up the cosines of
    title and lead, of words and of names, see NAMES_SHARE: other outlets report an event in other
    words, but not with other names, and another event of the same kind has other ones. It falls
    with the time between the dates of publication, which are aware; none are known if `published`
    is empty.

    Up to `max_exact` articles the result is that of a full matrix. Above that, joins are looked for
    among near neighbours, still decided by the exact mean, and by the cosine of title and lead
    alone, without dates: a hundred thousand articles have enough in common by chance. Clusters are
    numbered from 0 by their best article.
    """
    exact = len(prints) <= max_exact
    rows = _story_rows(prints) if exact else unit_rows(prints)
    days = _days(published) if exact and published else np.full(len(prints), np.nan)
    places, distinct_of = _distinct(rows, days)
    rows, days = (rows, days) if len(places) == len(rows) else (rows[places], days[places])
    sizes = np.bincount(distinct_of, minlength=len(rows))
    if exact:
        groups = exact_linkage(rows, sizes, clustering_threshold, days)
    else:
        pairs = near_pairs(rows, clustering_threshold, NEIGHBOURS_PER_CELL)
        groups = SparseLinkage(rows, sizes, pairs, clustering_threshold).join()
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(groups[row]), len(numbers)) for row in distinct_of]


def _story_rows(prints: Sequence[Fingerprint]) -> Vectors:
    """Rows whose product is the similarity of two reports; of zeros without an embedding.

    Where no article has terms, it is the cosine of the embeddings. An article without names, as in
    a script that has no capitals, is compared by its words instead.
    """
    rows = unit_rows(prints)
    if not any(print_.story_words for print_ in prints):
        return rows
    words = term_rows([print_.story_words for print_ in prints])
    names = term_rows([print_.story_names or print_.story_words for print_ in prints])
    shares = ((rows, EMBEDDING_SHARE), (words, WORDS_SHARE), (names, NAMES_SHARE))
    joined = np.hstack([part * np.float32(share**0.5) for part, share in shares])
    joined[~rows.any(axis=1)] = 0.0
    return joined


def _days(published: Sequence[dt.datetime | None]) -> Days:
    """Days since 1970; NaN without a date."""
    seconds = [np.nan if date is None else date.timestamp() for date in published]
    return np.array(seconds) / 86_400


def _too_late(days: Days) -> Vectors:
    """What the similarity of each pair loses by the time between; nothing without both dates."""
    apart = np.abs(days[:, None] - days[None, :])
    shares = np.clip((apart - NEAR_DAYS) / (FAR_DAYS - NEAR_DAYS), 0.0, 1.0)
    return np.asarray(FAR_PENALTY * np.nan_to_num(shares), dtype=np.float32)


def _distinct(rows: Vectors, days: Days) -> tuple[Places, Places]:
    """The place of each different row and date, and the number of each row's own among them.

    Each row of zeros counts as different.
    """
    seen: dict[bytes, int] = {}
    places: list[int] = []
    numbers = np.empty(len(rows), dtype=np.int64)
    for place, row in enumerate(rows):
        key = hashlib.blake2b(row, digest_size=16).digest() if row.any() else b"%d" % place
        key += days[place].tobytes()
        numbers[place] = seen.setdefault(key, len(seen))
        if numbers[place] == len(places):
            places.append(place)
    return np.array(places, dtype=np.int64), numbers


def exact_linkage(rows: Vectors, sizes: Places, threshold: float, days: Days) -> Places:
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
            cosines = rows[members] @ rows[members].T
            if not np.isnan(days[members]).all():
                cosines -= _too_late(days[members])
            cosines = rounded(cosines)
            groups[members] = members[
                _NearestNeighbourChain(cosines, sizes[members], threshold).join()
            ]
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


class _NearestNeighbourChain:
    """Average linkage by nearest-neighbour chains (Benzécri, 1982; Murtagh, 1983), in n² time.

    A chain leads from any group to its nearest, and from there to its nearest, until two are each
    other's nearest: these join. A join never brings the joined group nearer to a third than its
    nearer half was, so the order of joins does not matter, and a group whose nearest is too far is
    complete.
    """

    def __init__(self, cosines: Vectors, sizes: Places, threshold: float) -> None:
        self._cosines = cosines
        np.fill_diagonal(self._cosines, EXCLUDED)
        self._sizes = sizes.astype(np.float32)
        # Means count as rounded to five decimals.
        self._threshold = np.float32(threshold) - np.float32(5e-6)
        self._groups = np.arange(len(cosines))

    def join(self) -> Places:
        open_groups = np.ones(len(self._groups), dtype=np.bool_)
        for first in range(len(self._groups)):
            chain = [first] if open_groups[first] else []
            while chain:
                self._step(chain, open_groups)
        return self._first_members()

    def _step(self, chain: list[int], open_groups: npt.NDArray[np.bool_]) -> None:
        """Extend the chain to the nearest of its end, or join its last two, or drop its end."""
        end = chain[-1]
        row = self._cosines[end]
        nearest = int(np.argmax(row))
        if row[nearest] < self._threshold:
            open_groups[end] = False
            chain.pop()
        elif len(chain) > 1 and row[chain[-2]] == row[nearest]:
            stay, gone = sorted(chain[-2:])
            self._join(stay, gone)
            open_groups[gone] = False
            del chain[-2:]
            if not chain:
                chain.append(stay)
        else:
            chain.append(nearest)

    def _join(self, stay: int, gone: int) -> None:
        own, other = self._sizes[stay], self._sizes[gone]
        row = (own * self._cosines[stay] + other * self._cosines[gone]) / (own + other)
        row[self._cosines[stay] == EXCLUDED] = EXCLUDED
        row[gone] = EXCLUDED
        self._cosines[stay] = self._cosines[:, stay] = row
        self._cosines[gone] = self._cosines[:, gone] = EXCLUDED
        self._sizes[stay] = own + other
        self._groups[gone] = stay

    def _first_members(self) -> Places:
        """Each row's group, named after its first; a group joins only what comes before it."""
        for place, group in enumerate(self._groups):
            self._groups[place] = self._groups[group]
        return self._groups


class SparseLinkage:
    """Average linkage of many unit vectors from their near pairs, without a matrix of distances.

    The result is nearly that of `exact_linkage`, reached another way:

    - the mean cosine between two groups of unit vectors is the product of their sums, divided by
      their sizes: no distances are kept;
    - groups can only join if a pair across them reaches the threshold, so only a list of such pairs
      is looked at;
    - a join never brings the joined group nearer to a third than its nearer half was, so all
      pairs of groups that are nearest to each other may join at once (reciprocal
      agglomeration, Sumengen et al., 2021), and a pair below the threshold is dropped;
    - a small third group whose nearest is one of two that join, and nearly as near, joins with
      them: otherwise a large event would take in its reports one by one (as in (1 + ε)-approximate
      linkage, Dhulipala et al., TeraHAC, 2024).
    """

    def __init__(self, rows: Vectors, sizes: Places, pairs: Pairs, threshold: float) -> None:
        """Each of the unit `rows` stands for `sizes` equal ones. `rows` is overwritten."""
        self._count = len(rows)
        self._sums = rows
        self._sums *= sizes[:, None].astype(np.float32)
        self._sizes = sizes.astype(np.int64)
        self._threshold = np.float32(threshold)
        self._groups = np.arange(self._count)
        kept = pairs.cosine >= self._threshold
        self._first, self._second = pairs.first[kept], pairs.second[kept]
        self._cosine = pairs.cosine[kept]

    def join(self) -> Places:
        """The group of each row, named after one of its rows."""
        while len(self._cosine):
            self._join(*self._nearest())
        return self._groups

    def _nearest(self) -> tuple[Places, Places]:
        """The pairs that are each other's nearest, and the nearest pair of each group.

        Of equal pairs the first counts. There is at least one, as the nearest pair of all is among
        them. For a group without a pair, the number of pairs takes the place of its nearest.
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
        """Small groups that join with a pair, and the group of the pair that they join."""
        stay, gone = self._first[mutual], self._second[mutual]
        name = np.full(self._count, -1)
        name[stay] = name[gone] = stay
        reach = np.full(self._count, np.inf, dtype=np.float32)
        reach[stay] = reach[gone] = self._cosine[mutual] - SLACK
        groups = np.flatnonzero((best < len(self._cosine)) & (name < 0))
        edges = best[groups]
        nearest = self._first[edges] + self._second[edges] - groups
        near = self._cosine[edges] >= reach[nearest]
        near &= self._sizes[groups] * SMALL_RATIO <= self._sizes[nearest]
        return groups[near], name[nearest[near]]

    def _join(self, mutual: Places, best: Places) -> None:
        more, names = self._attached(mutual, best)
        gone = np.concatenate([self._second[mutual], more])
        stay = np.concatenate([self._first[mutual], names])
        np.add.at(self._sums, stay, self._sums[gone])
        np.add.at(self._sizes, stay, self._sizes[gone])
        moved = np.arange(self._count)
        moved[gone] = stay
        self._groups = moved[self._groups]
        changed = np.zeros(self._count, dtype=np.bool_)
        changed[stay] = True
        self._relabel(moved, changed)

    def _relabel(self, moved: Places, changed: npt.NDArray[np.bool_]) -> None:
        """Rename the groups in the pairs, in ascending order, and recompute changed cosines."""
        left, right = moved[self._first], moved[self._second]
        first, second = np.minimum(left, right), np.maximum(left, right)
        touched = changed[first] | changed[second]
        recomputed = touched & (first != second)
        keys = _unique(first[recomputed] * self._count + second[recomputed])
        cosine = self._means(keys // self._count, keys % self._count)
        near = cosine >= self._threshold
        old = first[~touched] * self._count + second[~touched]
        keys = np.concatenate([old, keys[near]])
        order = np.argsort(keys, kind="stable")
        self._first, self._second = keys[order] // self._count, keys[order] % self._count
        self._cosine = np.concatenate([self._cosine[~touched], cosine[near]])[order]

    def _means(self, first: Places, second: Places) -> Vectors:
        """The mean cosine of each pair of groups, of shape (m,)."""
        means = np.empty(len(first), dtype=np.float32)
        for start in range(0, len(first), CHUNK):
            left, right = first[start : start + CHUNK], second[start : start + CHUNK]
            products = np.einsum("ij,ij->i", self._sums[left], self._sums[right])
            means[start : start + CHUNK] = products / (self._sizes[left] * self._sizes[right])
        return rounded(means)


def _unique(keys: Places) -> Places:
    """Sorted and distinct; `np.unique` took 28 times as long on two million numbers."""
    ordered = np.sort(keys)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=-1))]
