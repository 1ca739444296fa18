"""Near-duplicates: which articles say the same in the same words, and which article is nearest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct

from nlp.analysis import Fingerprint
from nlp.decision import Match, Nearest
from nlp.embedding.embedder import Vectors
from nlp.similarity.fingerprint import rounded, shingles_of, unit_rows
from nlp.similarity.ivf_index import near_pairs
from nlp.similarity.shingle_index import Places, Shares, ShingleIndex

MAX_EXACT = 5_000
"""Up to this many articles, each is compared with all that stay."""

CONTAINMENT = 0.6
"""Share of the shorter text's shingles. Copies of five kinds, with a new byline, with a new
lead, cut to 60 %, thinned by 10 or by 30 %, share 0.73 or more on all but one of 120 real pages;
cosine ≥ 0.97 alone found 98, 27, 84, 69 and 14 % of them."""

BOILERPLATE_SHINGLES = 30
"""Shingles required beyond that share: what all pages of a site may contain, such as a cookie
notice or a request to sign up, is no sign of a story."""

SHORT_CONTAINMENT = 0.75
"""The highest share that is required, however short the text is."""

OWN_SHARE = 0.3
"""Required share of the shingles of the article that would be merged. A round-up is not merged
because of one item that it quotes in full: most of it would be lost. A teaser of a longer article
is merged."""

BLOCK = 256
"""Rows multiplied at once with all before them: 5 MB for 5,000 articles."""

NEIGHBOURS_PER_CELL = 8
"""Earlier neighbours that are kept per article and cell, above MAX_EXACT articles."""

MIN_COSINE = 0.5
"""Cosine from which articles are neighbours, above MAX_EXACT articles; a lower one says nothing
about two articles."""


class Resemblance(Struct, frozen=True, kw_only=True):
    """What an article has in common with better ones."""

    match: Match | None
    """The article that it repeats; None if it stays."""
    nearest: Nearest | None
    """None for the first article, and above MAX_EXACT articles if none is near."""


def duplicates(
    prints: Sequence[Fingerprint],
    urls: Sequence[str],
    dup_sim_threshold: float,
    max_exact: int = MAX_EXACT,
) -> list[Resemblance]:
    """For each article, best first, the better one that it repeats, and the nearest one.

    `urls` are canonical. An article is compared with those that stay, never with one that was
    itself merged, so a chain of small changes cannot swallow what differs from the article that
    stays. It repeats another if they share canonical URL or text, if enough of its 5-word shingles
    are contained (see CONTAINMENT, BOILERPLATE_SHINGLES, OWN_SHARE), or if the cosine of title and
    lead reaches the threshold. Of several matches, the strongest sign decides, then its degree,
    then the order.

    Up to `max_exact` articles the comparison is exhaustive. Above that, candidates are looked up in
    a sampled index of shingles and in cells of vectors, and are then compared exactly.
    """
    return _Comparison(prints, dup_sim_threshold, max_exact).run(urls)


class _Comparison:
    """Compares articles one by one, best first, with those that stay."""

    def __init__(self, prints: Sequence[Fingerprint], threshold: float, max_exact: int) -> None:
        self._prints = prints
        # As float32 holds the threshold, so that a cosine of 0.97 reaches 0.97.
        self._threshold = float(np.float32(threshold))
        sampled = len(prints) > max_exact
        self._index = ShingleIndex([shingles_of(print_) for print_ in prints], sampled=sampled)
        rows = unit_rows(prints)
        self._originals = np.full(len(prints), -1, dtype=np.int64)
        finder = ApproximateNearest if sampled else ExactNearest
        self._finder: NearestFinder = finder(rows, self._originals)
        self._urls: dict[str, int] = {}
        self._texts: dict[str, int] = {}

    def run(self, urls: Sequence[str]) -> list[Resemblance]:
        return [self._compare(place, url) for place, url in enumerate(urls)]

    def _compare(self, place: int, url: str) -> Resemblance:
        match = self._identical(place, url)
        nearest = None
        if match is None:
            match, nearest = self._similar(place)
        if match is None:
            self._stays(place, url)
        else:
            self._originals[place] = match.original
            nearest = self._beside(place, match.original)
        return Resemblance(match=match, nearest=nearest)

    def _stays(self, place: int, url: str) -> None:
        self._originals[place] = place
        self._index.add(place)
        self._urls[url] = place
        self._texts[self._prints[place].text_sha256] = place

    def _identical(self, place: int, url: str) -> Match | None:
        same_url = self._urls.get(url)
        if same_url is not None:
            return Match(original=same_url, matched_by="canonical_url", similarity=1.0)
        same_text = self._texts.get(self._prints[place].text_sha256)
        if same_text is not None:
            return Match(original=same_text, matched_by="text_hash", similarity=1.0)
        return None

    def _similar(self, place: int) -> tuple[Match | None, Nearest | None]:
        others, shares = self._index.sharing(place)
        copies = [
            (share, -other)
            for other, share in zip(others.tolist(), shares.tolist(), strict=True)
            if share >= CONTAINMENT and self._is_copy(place, other, share)
        ]
        if copies:
            share, minus_original = max(copies)
            return _match(-minus_original, "shingles", share), None
        by_vector = self._finder.nearest(place)
        if by_vector is not None and by_vector[1] >= self._threshold:
            return _match(by_vector[0], "embedding", by_vector[1]), None
        nearest = self._nearest(others, shares, by_vector)
        return None, None if nearest is None else self._beside(place, nearest)

    def _nearest(
        self, others: Places, shares: Shares, by_vector: tuple[int, float] | None
    ) -> int | None:
        """Of the nearest in text and the nearest by vector, the one nearer to its threshold."""
        if not len(others):
            return by_vector[0] if by_vector else None
        by_text = int(np.argmax(shares))
        if by_vector and shares[by_text] * self._threshold <= by_vector[1] * CONTAINMENT:
            return by_vector[0]
        return int(others[by_text])

    def _is_copy(self, place: int, other: int, share: float) -> bool:
        """Whether the shingles that two texts share make the first a copy."""
        smaller = min(self._index.size(place), self._index.size(other))
        shared = share * smaller
        required = min(CONTAINMENT * smaller + BOILERPLATE_SHINGLES, SHORT_CONTAINMENT * smaller)
        # A product of a share is off in its last digit: 15 of 20 are three quarters.
        return shared + 1e-6 >= required and shared >= OWN_SHARE * self._index.size(place)

    def _beside(self, place: int, other: int) -> Nearest:
        return Nearest(
            original=other,
            containment=round(self._index.containment(place, other), 4),
            cosine=round(self._finder.cosine(place, other), 4),
        )


def _match(original: int, matched_by: str, similarity: float) -> Match:
    return Match(original=original, matched_by=matched_by, similarity=round(similarity, 4))


class NearestFinder(Protocol):
    """Finds the nearest vector among the articles that stay.

    It reads the array `originals`, which its caller fills in order: an article's own place if it
    stays, else that of the article it was merged into.
    """

    def nearest(self, place: int) -> tuple[int, float] | None:
        """Place and cosine of the nearest that stays before this place, the first of equals.

        None if none is near.
        """

    def cosine(self, place: int, other: int) -> float:
        """The cosine of two articles; 0 if either has no vector."""


class ExactNearest:
    """Multiplies each row with all before it, in blocks."""

    def __init__(self, rows: Vectors, originals: Places) -> None:
        self._rows = rows
        self._originals = originals
        self._places = np.arange(len(rows))
        self._start = -1
        self._block = np.empty((0, 0), dtype=np.float32)

    def nearest(self, place: int) -> tuple[int, float] | None:
        start = place - place % BLOCK
        if start != self._start:
            end = min(start + BLOCK, len(self._rows))
            self._block = rounded(self._rows[start:end] @ self._rows[:end].T)
            self._start = start
        stays = self._originals[:place] == self._places[:place]
        if not stays.any():
            return None
        cosines = np.where(stays, self._block[place - start, :place], np.float32(-2.0))
        best = int(np.argmax(cosines))
        return best, float(cosines[best])

    def cosine(self, place: int, other: int) -> float:
        return _cosine(self._rows, place, other)


class ApproximateNearest:
    """Looks among the neighbours in cells of vectors, and what those were merged into."""

    def __init__(self, rows: Vectors, originals: Places) -> None:
        self._rows = rows
        self._originals = originals
        pairs = near_pairs(rows, MIN_COSINE, NEIGHBOURS_PER_CELL, earlier=True)
        order = np.argsort(pairs.second, kind="stable")
        self._earlier = pairs.first[order]
        self._bounds = np.searchsorted(pairs.second[order], np.arange(len(rows) + 1))

    def nearest(self, place: int) -> tuple[int, float] | None:
        neighbours = self._earlier[self._bounds[place] : self._bounds[place + 1]]
        if not len(neighbours):
            return None
        staying = np.unique(self._originals[neighbours])
        cosines = rounded(self._rows[staying] @ self._rows[place])
        best = int(np.argmax(cosines))
        return int(staying[best]), float(cosines[best])

    def cosine(self, place: int, other: int) -> float:
        return _cosine(self._rows, place, other)


def _cosine(rows: Vectors, place: int, other: int) -> float:
    return float(rounded(np.dot(rows[place], rows[other])))
