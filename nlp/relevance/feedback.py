"""What the best articles of a job say about the others: pseudo-relevance feedback."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nlp.relevance.bm25 import Floats, length_discounts, rarity, saturated
from nlp.text.term_counts import TermCounts

NEW_TERMS = 20
"""Stems that the best articles add to the query. 10 and 40 are as good on Cranfield."""


class Best:
    """The articles that the others are compared to, as places with weights that sum to 1."""

    def __init__(self, places: Sequence[int], weights: Floats) -> None:
        self.places = np.asarray(places, dtype=np.int64)
        self.weights = weights

    def mean(self, values: Floats) -> float:
        """Their weighted mean of one value per article."""
        return float(self.weights @ values[self.places])


def likeness(best: Best, vectors: Floats, counts: Sequence[TermCounts]) -> Floats:
    """How like the best each article is, of shape (n,); at most 1, as like as they are each other.

    In meaning and in words, half each. `vectors` are unit rows of shape (n, dimension), of zeros
    where an embedding failed: such an article is compared in words alone, and one without words in
    meaning alone. NaN where neither can be compared.
    """
    both = np.stack([_like_in_meaning(best, vectors), _like_in_words(best, counts)])
    known = np.count_nonzero(~np.isnan(both), axis=0)
    total = np.where(np.isnan(both), 0.0, both).sum(axis=0)
    return np.where(known > 0, np.minimum(total / np.maximum(known, 1), 1.0), np.nan)


def _like_in_meaning(best: Best, vectors: Floats) -> Floats:
    """The dot product with the weighted mean of the best (Rocchio, 1971); NaN without a vector."""
    centre = best.weights @ vectors[best.places]
    own = float(centre @ centre)
    if own == 0.0:
        return np.full(len(vectors), np.nan)
    return np.where(vectors.any(axis=1), vectors @ centre / own, np.nan)


def _like_in_words(best: Best, counts: Sequence[TermCounts]) -> Floats:
    """BM25 for the stems that mark the best: their share of each text, by rarity.

    The relevance model of Lavrenko and Croft (SIGIR 2001) on the most frequent stems of each
    article. NaN where there is nothing to compare.
    """
    stems = FrequentStems(counts)
    mentions, worth = stems.marking(best)
    total = worth.sum()
    if total == 0.0:
        return np.full(len(counts), np.nan)
    found = saturated(mentions * length_discounts(counts)[:, None]) @ (worth / total)
    return np.where(stems.kept > 0, found / best.mean(found), np.nan)


class FrequentStems:
    """The frequent stems of all articles, as one table of article, stem and mentions."""

    def __init__(self, counts: Sequence[TermCounts]) -> None:
        self.kept = np.array([len(one.frequencies) for one in counts], dtype=np.int64)
        self._articles = np.repeat(np.arange(len(counts)), self.kept)
        self._stems = np.frombuffer(b"".join(one.frequent for one in counts), dtype="<u4")
        joined = b"".join(one.frequencies for one in counts)
        self._mentions = np.frombuffer(joined, dtype=np.uint8).astype(np.float64)

    def marking(self, best: Best) -> tuple[Floats, Floats]:
        """Mentions of what marks the best, of shape (n, terms), and the worth of each term."""
        names = np.unique(np.concatenate([self._stems[self._of(place)] for place in best.places]))
        rows = np.flatnonzero(np.isin(self._stems, names))
        columns = np.searchsorted(names, self._stems[rows])
        worth = self._shares(best, names)
        worth *= rarity(np.bincount(columns, minlength=len(names)), len(self.kept))
        # By worth, then by name: the order of the articles must not count.
        chosen = np.lexsort((names, -np.round(worth, 12)))[:NEW_TERMS]
        table = np.zeros((len(self.kept), len(names)))
        table[self._articles[rows], columns] = self._mentions[rows]
        return table[:, chosen], worth[chosen]

    def _shares(self, best: Best, names: npt.NDArray[np.uint32]) -> Floats:
        """The weighted mean of each stem's share of the best articles' mentions."""
        shares = np.zeros(len(names))
        for place, weight in zip(best.places, best.weights, strict=True):
            mentions = self._mentions[self._of(place)]
            columns = np.searchsorted(names, self._stems[self._of(place)])
            np.add.at(shares, columns, weight * mentions / max(mentions.sum(), 1.0))
        return shares

    def _of(self, place: np.int64) -> slice:
        end = int(self.kept[: place + 1].sum())
        return slice(end - int(self.kept[place]), end)
