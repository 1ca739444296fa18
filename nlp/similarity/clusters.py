"""Which articles tell the same story in other words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from nlp.analysis import Fingerprint
from nlp.embedding.embedder import Vectors
from nlp.similarity.exact_linkage import joined_exactly
from nlp.similarity.linkage import Groups
from nlp.similarity.neighbours import Places, pairs_in_cells
from nlp.similarity.telling_words import telling_rows
from nlp.similarity.vectors import unit_rows

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
