"""Pairs of vectors that point the same way, nearly all of them, among very many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from nlp.embedding.embedder import Vectors
from nlp.similarity.fingerprint import rounded

BLOCK = 1024
"""Rows multiplied at once: a block of cosines stays below 17 MB."""

MEMBERS = 4096
"""Of a cell that are multiplied at once, however many it has."""

PROBES = 8
"""Cells in which an article looks for neighbours, its own included. Of 15,000 articles of
`scripts/bench selection` 4 found every pair and 2 all but 0.007 %; real ones are less tidy."""

ROUNDS = 2
"""Of moving the cells' centres; four found no more than two."""

Places = npt.NDArray[np.int64]


class Pairs(Struct, frozen=True, kw_only=True):
    """Pairs of places with their cosines, in ascending order, each pair once; of shape (m,)."""

    first: Places
    second: Places
    """Greater than `first`."""
    cosine: Vectors


def pairs_in_cells(rows: Vectors, floor: float, most: int, *, earlier: bool = False) -> Pairs:
    """Pairs of unit rows whose cosine is at least `floor`, without looking at all n².

    The rows are dealt to some √n cells around moving centres, and each looks for others in the
    PROBES cells nearest to it (an inverted file, Jégou et al., TPAMI 2011), where it takes the
    `most` nearest of any MEMBERS. With `earlier` it takes only rows before it. Cosines are exact;
    a pair may be missed. No chance is used: the same rows give the same pairs.
    """
    told = np.flatnonzero(rows.any(axis=1))
    if not len(told):
        return _pairs([], len(rows))
    probes = _probes(rows, told, _centres(rows, told))
    found: list[tuple[Places, Places, Vectors]] = []
    for members, visitors in _cells(told, probes):
        for start in range(0, len(members), MEMBERS):
            part = members[start : start + MEMBERS]
            found += _met(rows, visitors, part, floor, most, earlier=earlier)
    return _pairs(found, len(rows))


def _centres(rows: Vectors, told: Places) -> Vectors:
    """Unit vectors, about the root of their number, that the rows gather around."""
    count = max(1, round(len(told) ** 0.5))
    chosen = told[np.linspace(0, len(told) - 1, count).astype(np.int64)]
    centres = rows[chosen].copy()
    for _ in range(ROUNDS):
        nearest = _probes(rows, told, centres, probes=1)[:, 0]
        for cell, members in _members(told, nearest):
            centre = rows[members].sum(axis=0)
            centres[cell] = centre / max(float(np.linalg.norm(centre)), 1e-9)
    return centres


def _probes(rows: Vectors, told: Places, centres: Vectors, probes: int = PROBES) -> Places:
    """The cells nearest to each row, the nearest first, of shape (len(told), ≤ probes)."""
    probes = min(probes, len(centres))
    found = np.empty((len(told), probes), dtype=np.int64)
    for start in range(0, len(told), BLOCK):
        cosines = rounded(rows[told[start : start + BLOCK]] @ centres.T)
        near = np.argpartition(-cosines, probes - 1, axis=1)[:, :probes]
        ranks = np.argsort(-np.take_along_axis(cosines, near, axis=1), axis=1, kind="stable")
        found[start : start + BLOCK] = np.take_along_axis(near, ranks, axis=1)
    return found


def _members(places: Places, cells: Places) -> Iterator[tuple[int, Places]]:
    """Each cell that is not empty, with its places in ascending order."""
    order = np.argsort(cells, kind="stable")
    numbers, starts = np.unique(cells[order], return_index=True)
    for number, members in zip(numbers, np.split(places[order], starts[1:]), strict=True):
        yield int(number), members


def _cells(told: Places, probes: Places) -> Iterator[tuple[Places, Places]]:
    """The members of each cell, and all that look there, its members too."""
    places = np.repeat(told, probes.shape[1])
    visitors = dict(_members(places, probes.ravel()))
    for cell, members in _members(told, probes[:, 0]):
        yield members, visitors[cell]


def _met(
    rows: Vectors, visitors: Places, members: Places, floor: float, most: int, *, earlier: bool
) -> Iterator[tuple[Places, Places, Vectors]]:
    """The nearest members of each visitor: smaller place, greater place, cosine."""
    met = rows[members]
    for start in range(0, len(visitors), BLOCK):
        guests = visitors[start : start + BLOCK]
        cosines = rounded(rows[guests] @ met.T)
        barred = members >= guests[:, None] if earlier else members == guests[:, None]
        cosines[barred] = -2.0
        _keep_best(cosines, floor, most)
        guest, member = np.nonzero(cosines >= np.float32(floor))
        one, other = guests[guest], members[member]
        yield np.minimum(one, other), np.maximum(one, other), cosines[guest, member]


def _keep_best(cosines: Vectors, floor: float, most: int) -> None:
    """Strike out all but the `most` greatest of each row."""
    crowded = np.flatnonzero(np.count_nonzero(cosines >= np.float32(floor), axis=1) > most)
    if len(crowded):
        full = cosines[crowded]
        best = np.argpartition(-full, most - 1, axis=1)[:, :most]
        kept = np.full_like(full, -2.0)
        np.put_along_axis(kept, best, np.take_along_axis(full, best, axis=1), axis=1)
        cosines[crowded] = kept


def _pairs(found: list[tuple[Places, Places, Vectors]], count: int) -> Pairs:
    """Sorted, each pair once."""
    none = np.empty(0, dtype=np.int64)
    keys = np.concatenate([none, *(first * count + second for first, second, _ in found)])
    cosines = np.concatenate([np.empty(0, dtype=np.float32), *(part[2] for part in found)])
    keys, once = np.unique(keys, return_index=True)
    return Pairs(first=keys // max(count, 1), second=keys % max(count, 1), cosine=cosines[once])
