"""Which of the articles that stay has the vector nearest to another's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct

from nlp.analysis import Fingerprint
from nlp.decision import Match, Nearest
from nlp.embedding.embedder import Vectors
from nlp.similarity.fingerprint import rounded, shingles_of, unit_rows
from nlp.similarity.ivf_index import pairs_in_cells
from nlp.similarity.shingle_index import Places, Shares, ShingleIndex

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


EXACT = 5_000
"""Up to so many articles each is held against all that stay."""

CONTAINMENT = 0.6
"""Share of the shorter text's shingles. Copies of five kinds, with a new byline, with a new
lead, cut to 60 %, thinned by 10 or by 30 %, share 0.73 or more on all but one of 120 real pages;
cosine ≥ 0.97 alone found 98, 27, 84, 69 and 14 % of them."""

NOTICES = 30
"""Shingles beyond that share that are asked for as well: what all pages of a site may hold, its
notice of cookies or its request to sign up, is no sign of a story."""

SHORT_CONTAINMENT = 0.75
"""No more than this share is asked for, however short the text is."""

OWN_SHARE = 0.3
"""Of the shingles of the article that goes. A round-up is not merged for one item that it quotes
in full: most of it would be lost. A teaser of a longer article is."""


class Resemblance(Struct, frozen=True, kw_only=True):
    """What an article has in common with those better than it."""

    match: Match | None
    """The article that it repeats; None where it stays."""
    nearest: Nearest | None
    """None for the first, which has none before it, and of many articles where none is near."""


def duplicates(
    prints: Sequence[Fingerprint],
    urls: Sequence[str],
    dup_sim_threshold: float,
    exact: int = EXACT,
) -> list[Resemblance]:
    """For each article, best first, the better one that it repeats, and the most alike.

    `urls` are canonical. An article is held against those that stay, never against one that was
    itself merged, so a chain of small changes cannot swallow what differs from the article
    that stays. It repeats one if they share canonical URL or text, if enough of its 5-word
    shingles are contained (see CONTAINMENT, NOTICES, OWN_SHARE), or if the cosine of title and
    lead reaches the threshold. Of several, the strongest sign decides, then its degree, then
    the order.

    Exact up to `exact` articles. Of more, whoever shares text or direction is looked up in a
    sampled index of shingles and in cells of vectors, and then compared exactly.
    """
    return _Comparison(prints, dup_sim_threshold, exact).run(urls)


class _Comparison:
    """What stays so far; articles come best first."""

    def __init__(self, prints: Sequence[Fingerprint], threshold: float, exact: int) -> None:
        self._prints = prints
        # As a float32 holds the threshold: a cosine of 0.97 is to reach 0.97.
        self._threshold = float(np.float32(threshold))
        sampled = len(prints) > exact
        shingles = [shingles_of(one) for one in prints]
        self._index = ShingleIndex(shingles, sampled=sampled)
        rows = unit_rows(prints)
        self._standing = np.full(len(prints), -1, dtype=np.int64)
        self._alikes: Alikes = (
            NearbyAlikes(rows, self._standing) if sampled else AllAlikes(rows, self._standing)
        )
        self._urls: dict[str, int] = {}
        self._texts: dict[str, int] = {}

    def run(self, urls: Sequence[str]) -> list[Resemblance]:
        """Each article in its turn."""
        return [self._compare(place, url) for place, url in enumerate(urls)]

    def _compare(self, place: int, url: str) -> Resemblance:
        match = self._same(place, url)
        nearest = None
        if match is None:
            match, nearest = self._near(place)
        if match is None:
            self._stays(place, url)
        else:
            self._standing[place] = match.original
            nearest = self._beside(place, match.original)
        return Resemblance(match=match, nearest=nearest)

    def _stays(self, place: int, url: str) -> None:
        self._standing[place] = place
        self._index.add(place)
        self._urls[url] = place
        self._texts[self._prints[place].text_sha256] = place

    def _same(self, place: int, url: str) -> Match | None:
        same_url = self._urls.get(url)
        if same_url is not None:
            return Match(original=same_url, matched_by="canonical_url", similarity=1.0)
        same_text = self._texts.get(self._prints[place].text_sha256)
        if same_text is not None:
            return Match(original=same_text, matched_by="text_hash", similarity=1.0)
        return None

    def _near(self, place: int) -> tuple[Match | None, Nearest | None]:
        others, shares = self._index.alike(place)
        told = [
            (share, -other)
            for other, share in zip(others.tolist(), shares.tolist(), strict=True)
            if share >= CONTAINMENT and self._tells(place, other, share)
        ]
        if told:
            share, minus = max(told)
            return _match(-minus, "shingles", share), None
        alike = self._alikes.best(place)
        if alike is not None and alike[1] >= self._threshold:
            return _match(alike[0], "embedding", alike[1]), None
        nearest = self._nearest(others, shares, alike)
        return None, None if nearest is None else self._beside(place, nearest)

    def _nearest(
        self, others: Places, shares: Shares, alike: tuple[int, float] | None
    ) -> int | None:
        """Of the most alike in text and in direction, the one that is nearer to a duplicate."""
        if not len(others):
            return alike[0] if alike else None
        textual = int(np.argmax(shares))
        if alike and shares[textual] * self._threshold <= alike[1] * CONTAINMENT:
            return alike[0]
        return int(others[textual])

    def _tells(self, place: int, other: int, share: float) -> bool:
        """Whether what two texts share makes one of them a copy."""
        smaller = min(self._index.size(place), self._index.size(other))
        shared = share * smaller
        wanted = min(CONTAINMENT * smaller + NOTICES, SHORT_CONTAINMENT * smaller)
        # A product of a share is off in its last digit: 15 of 20 are three quarters.
        return shared + 1e-6 >= wanted and shared >= OWN_SHARE * self._index.size(place)

    def _beside(self, place: int, other: int) -> Nearest:
        return Nearest(
            original=other,
            containment=round(self._index.containment(place, other), 4),
            cosine=round(self._alikes.cosine(place, other), 4),
        )


def _match(original: int, matched_by: str, similarity: float) -> Match:
    return Match(original=original, matched_by=matched_by, similarity=round(similarity, 4))
