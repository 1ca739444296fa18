"""An inverted index of shingles: which of the articles that stay share text with another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nlp.similarity.fingerprint import Shingles

MIN_SHINGLES = 20
"""A share of fewer says nothing: two notices of one line may contain the same phrase."""

SAMPLED_SHARE = 1 / 4
"""Share of the range of hashes that a sampled index looks up. Of pairs of texts that share 60
shingles, one in 30 million then has none in common in the sample. Of pairs of 20 shingles that just
reach MIN_SHARE, 97 % were found; of pairs of 40, 99.8 %."""

MAX_HOLDERS = 64
"""A sampled shingle that this many staying articles contain is a phrase of its site or language,
no sign of a story; it is not looked up."""

MIN_SHARE = 0.6
"""Candidates from the sample may fall short of this share by three standard deviations."""

Places = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

_NONE = np.empty(0, dtype=np.int64)


class ShingleIndex:
    """The shingles of the articles that stay, each with the articles that contain it.

    Articles are added one by one, so that a query never meets one that was merged: a thousand
    copies cost a thousand look-ups of one article, not half a million pairs. With `sampled`, only
    the lowest part of the range of hashes is looked up, the same in every text (Manber, USENIX
    1994), and the shingles of its candidates are counted in full. That preserves containment, which
    the bands of MinHash do not: the first 60 % of a text have a Jaccard index of 0.6 with it.
    """

    def __init__(self, shingles: Sequence[Shingles], *, sampled: bool) -> None:
        self._shingles = shingles
        self._sampled = sampled
        self._sizes = np.array([len(own) for own in shingles], dtype=np.int64)
        parts = [_lowest(own) for own in shingles] if sampled else list(shingles)
        self._part_sizes = np.array([len(part) for part in parts], dtype=np.int64)
        self._number(parts)

    def _number(self, parts: Sequence[Shingles]) -> None:
        """Number the shingles that two articles contain; the others need no room in the index."""
        flat = np.concatenate([np.empty(0, dtype=np.uint64), *parts])
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
        first = np.ones(len(flat), dtype=np.bool_)
        first[1:] = ordered[1:] != ordered[:-1]
        starts = np.flatnonzero(first)
        holders = np.diff(np.append(starts, len(flat)))
        number = np.where(holders > 1, np.cumsum(holders > 1) - 1, -1).astype(np.int32)
        numbers = np.empty(len(flat), dtype=np.int32)
        numbers[order] = np.repeat(number, holders)
        shared = numbers >= 0
        # The count of shared shingles before an article's first is where its numbers begin.
        ends = np.concatenate([[0], np.cumsum(self._part_sizes)])
        self._bounds = np.concatenate([[0], np.cumsum(shared)])[ends]
        self._numbers = numbers[shared]
        rooms = holders[holders > 1]
        self._starts = np.cumsum(rooms) - rooms
        self._held = np.zeros(len(rooms), dtype=np.int64)
        self._owners = np.empty(int(rooms.sum()), dtype=np.int32)

    def add(self, place: int) -> None:
        """Add an article that stays: later ones are compared with it."""
        own = self._numbers_of(place)
        self._owners[self._starts[own] + self._held[own]] = place
        self._held[own] += 1

    def sharing(self, place: int) -> tuple[Places, Shares]:
        """The staying articles that share text with this one, ascending, and their containment.

        Containment is |A ∩ B| / min(|A|, |B|) (Broder 1997), exact; 0 if either has fewer than
        MIN_SHINGLES. A sampled index gives only articles that may share MIN_SHARE.
        """
        others, shared = self._counted(place)
        if self._sampled and len(others):
            smaller = np.minimum(self._part_sizes[others], self._part_sizes[place])
            spread = np.sqrt(MIN_SHARE * (1 - MIN_SHARE) * smaller)
            others = others[shared >= MIN_SHARE * smaller - 3 * spread]
            shared = np.array(
                [self._in_common(place, other) for other in others.tolist()], np.int64
            )
        return others, self._share(place, others, shared)

    def containment(self, place: int, other: int) -> float:
        """|A ∩ B| / min(|A|, |B|) of two articles; 0 if either has fewer than MIN_SHINGLES."""
        shared = np.array([self._in_common(place, other)])
        return float(self._share(place, np.array([other]), shared)[0])

    def size(self, place: int) -> int:
        """The number of an article's shingles."""
        return int(self._sizes[place])

    def _numbers_of(self, place: int) -> npt.NDArray[np.int32]:
        return self._numbers[self._bounds[place] : self._bounds[place + 1]]

    def _counted(self, place: int) -> tuple[Places, Places]:
        """The staying articles that share looked-up shingles, and the number that each shares."""
        own = self._numbers_of(place)
        counts = self._held[own]
        used = np.flatnonzero((counts > 0) & (counts < MAX_HOLDERS) if self._sampled else counts)
        if not len(used):
            return _NONE, _NONE
        counts, starts = counts[used], self._starts[own[used]]
        # The rooms start, start + 1, … of every shingle, all in one array.
        ends = counts.cumsum()
        steps = np.arange(ends[-1]) - (ends - counts).repeat(counts)
        owners = self._owners[starts.repeat(counts) + steps]
        others, shared = np.unique(owners, return_counts=True)
        return others.astype(np.int64), shared

    def _in_common(self, place: int, other: int) -> int:
        own, others = self._shingles[place], self._shingles[other]
        if not len(own) or not len(others):
            return 0
        positions = np.minimum(np.searchsorted(others, own), len(others) - 1)
        return int(np.count_nonzero(others[positions] == own))

    def _share(self, place: int, others: Places, shared: Places) -> Shares:
        if not len(others):
            return np.empty(0, dtype=np.float64)
        smaller = np.minimum(self._sizes[others], self._sizes[place])
        return np.where(smaller >= MIN_SHINGLES, shared / np.maximum(smaller, 1), 0.0)


def _lowest(own: Shingles) -> Shingles:
    return own[: np.searchsorted(own, np.uint64(2**64 * SAMPLED_SHARE))]
