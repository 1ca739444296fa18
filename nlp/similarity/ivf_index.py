"""Nearly all pairs of near vectors among very many, by an inverted file (IVF) of cells."""

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
"""Members of a cell that are multiplied at once, however many it has."""

PROBES = 8
"""Cells in which an article looks for neighbours, its own included. With 15,000 articles of
`scripts/bench selection`, 4 found every pair and 2 all but 0.007 %; real articles are less tidy."""

ROUNDS = 2
"""Rounds of moving the cells' centres; four found no more than two."""

Places = npt.NDArray[np.int64]


class Pairs(Struct, frozen=True, kw_only=True):
    """Pairs of places with their cosines, in ascending order, each pair once; of shape (m,)."""

    first: Places
    second: Places
    """Greater than `first`."""
    cosine: Vectors


def near_pairs(rows: Vectors, floor: float, limit: int, *, earlier: bool = False) -> Pairs:
    """Pairs of unit rows whose cosine is at least `floor`, without looking at all n² pairs.

    The rows are assigned to some √n cells around moving centres, and each looks for others in the
    PROBES cells nearest to it (an inverted file, Jégou et al., TPAMI 2011), where it takes the
    `limit` nearest of each MEMBERS. With `earlier` it takes only rows before it. Cosines are exact;
    a pair may be missed. Nothing is random: the same rows give the same pairs. A row of zeros is in
    no pair.
    """
    nonzero = np.flatnonzero(rows.any(axis=1))
    if not len(nonzero):
        return _pairs([], len(rows))
    probes = _probes(rows, nonzero, _centres(rows, nonzero))
    parts: list[tuple[Places, Places, Vectors]] = []
    for members, visitors in _cells(nonzero, probes):
        for start in range(0, len(members), MEMBERS):
            part = members[start : start + MEMBERS]
            parts += _neighbours(rows, visitors, part, floor, limit, earlier=earlier)
    return _pairs(parts, len(rows))


def _centres(rows: Vectors, nonzero: Places) -> Vectors:
    """Unit vectors, about the root of their number, that the rows gather around."""
    count = max(1, round(len(nonzero) ** 0.5))
    chosen = nonzero[np.linspace(0, len(nonzero) - 1, count).astype(np.int64)]
    centres = rows[chosen].copy()
    for _ in range(ROUNDS):
        nearest = _probes(rows, nonzero, centres, probes=1)[:, 0]
        for cell, members in _members(nonzero, nearest):
            centre = rows[members].sum(axis=0)
            centres[cell] = centre / max(float(np.linalg.norm(centre)), 1e-9)
    return centres


def _probes(rows: Vectors, nonzero: Places, centres: Vectors, probes: int = PROBES) -> Places:
    """The cells nearest to each row, the nearest first, of shape (len(nonzero), ≤ probes)."""
    probes = min(probes, len(centres))
    cells = np.empty((len(nonzero), probes), dtype=np.int64)
    for start in range(0, len(nonzero), BLOCK):
        cosines = rounded(rows[nonzero[start : start + BLOCK]] @ centres.T)
        near = np.argpartition(-cosines, probes - 1, axis=1)[:, :probes]
        ranks = np.argsort(-np.take_along_axis(cosines, near, axis=1), axis=1, kind="stable")
        cells[start : start + BLOCK] = np.take_along_axis(near, ranks, axis=1)
    return cells


def _members(places: Places, cells: Places) -> Iterator[tuple[int, Places]]:
    """Each cell that is not empty, with its places in ascending order."""
    order = np.argsort(cells, kind="stable")
    numbers, starts = np.unique(cells[order], return_index=True)
    for number, members in zip(numbers, np.split(places[order], starts[1:]), strict=True):
        yield int(number), members


def _cells(nonzero: Places, probes: Places) -> Iterator[tuple[Places, Places]]:
    """The members of each cell, and the rows that look for neighbours in it, its members too."""
    places = np.repeat(nonzero, probes.shape[1])
    visitors = dict(_members(places, probes.ravel()))
    for cell, members in _members(nonzero, probes[:, 0]):
        yield members, visitors[cell]


def _neighbours(
    rows: Vectors, visitors: Places, members: Places, floor: float, limit: int, *, earlier: bool
) -> Iterator[tuple[Places, Places, Vectors]]:
    """The nearest members of each visitor: smaller place, greater place, cosine."""
    member_rows = rows[members]
    for start in range(0, len(visitors), BLOCK):
        guests = visitors[start : start + BLOCK]
        cosines = rounded(rows[guests] @ member_rows.T)
        excluded = members >= guests[:, None] if earlier else members == guests[:, None]
        cosines[excluded] = -2.0
        _keep_best(cosines, floor, limit)
        guest, member = np.nonzero(cosines >= np.float32(floor))
        one, other = guests[guest], members[member]
        yield np.minimum(one, other), np.maximum(one, other), cosines[guest, member]


def _keep_best(cosines: Vectors, floor: float, limit: int) -> None:
    """Exclude all but the `limit` greatest of each row."""
    crowded = np.flatnonzero(np.count_nonzero(cosines >= np.float32(floor), axis=1) > limit)
    if len(crowded):
        full = cosines[crowded]
        best = np.argpartition(-full, limit - 1, axis=1)[:, :limit]
        kept = np.full_like(full, -2.0)
        np.put_along_axis(kept, best, np.take_along_axis(full, best, axis=1), axis=1)
        cosines[crowded] = kept


def _pairs(parts: list[tuple[Places, Places, Vectors]], count: int) -> Pairs:
    """Sorted, each pair once."""
    none = np.empty(0, dtype=np.int64)
    keys = np.concatenate([none, *(first * count + second for first, second, _ in parts)])
    cosines = np.concatenate([np.empty(0, dtype=np.float32), *(cosine for _, _, cosine in parts)])
    keys, once = np.unique(keys, return_index=True)
    return Pairs(first=keys // max(count, 1), second=keys % max(count, 1), cosine=cosines[once])
