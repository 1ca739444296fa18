"""Pairs of near vectors are found in cells, but for few."""

from __future__ import annotations

import numpy as np

from nlp.embedding.embedder import Vectors
from nlp.similarity.ivf_index import Pairs, near_pairs


def rows(count: int, dimension: int = 16, seed: int = 3) -> Vectors:
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((20, dimension))
    made = centres[chance.integers(0, 20, count)] + 0.4 * chance.standard_normal((count, dimension))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def told(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def near(made: Vectors, floor: float) -> set[tuple[int, int]]:
    """All of them, by the matrix."""
    cosines = np.triu(np.round(made @ made.T, 5), k=1)
    first, second = np.nonzero(cosines >= np.float32(floor))
    return set(zip(first.tolist(), second.tolist(), strict=True))


def test_cells_miss_few_and_invent_none() -> None:
    made = rows(2_000)
    exact = near(made, 0.8)
    found = told(near_pairs(made, 0.8, limit=500))
    assert found <= exact
    assert len(found) >= 0.99 * len(exact)


def test_of_a_crowd_each_takes_its_nearest() -> None:
    made = rows(600)
    found = near_pairs(made, 0.5, limit=3)
    assert len(found.first) < len(near(made, 0.5)) / 3
    nearest = np.round(made @ made.T - 2 * np.eye(600, dtype=np.float32), 5).max(axis=1)
    best = np.full(600, -1.0, dtype=np.float32)
    np.maximum.at(best, found.first, found.cosine)
    np.maximum.at(best, found.second, found.cosine)
    reached = nearest >= 0.5
    assert np.mean(best[reached] == nearest[reached]) > 0.98


def test_the_same_rows_give_the_same_pairs_and_zeros_none() -> None:
    made = rows(500)
    made[100:200] = 0.0
    one, other = (near_pairs(made, 0.3, limit=8) for _ in range(2))
    assert told(one) == told(other)
    assert not {place for pair in told(one) for place in pair} & set(range(100, 200))
    assert len(near_pairs(np.zeros((5, 4), dtype=np.float32), 0.3, limit=8).first) == 0
    assert len(near_pairs(np.zeros((0, 4), dtype=np.float32), 0.3, limit=8).first) == 0
