"""Clusters are those of average linkage, however they are found."""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from nlp.analysis import Fingerprint
from nlp.embedding.embedder import Vectors
from nlp.similarity.clusters import clusters, connect
from nlp.similarity.fingerprint import fingerprint

THRESHOLD = 0.75


def prints(rows: npt.ArrayLike) -> list[Fingerprint]:
    """Articles without words, so that only their directions tell."""
    return [
        Fingerprint(text_sha256="", shingles=b"", embedding=np.asarray(row, "<f4").tobytes())
        for row in np.asarray(rows)
    ]


def around(seed: int, count: int, events: int, dimension: int) -> Vectors:
    """Unit rows around the directions of events, themselves around three topics."""
    chance = np.random.default_rng(seed)
    topics = chance.standard_normal((3, dimension))
    centres = topics[chance.integers(0, 3, events)] + 0.6 * chance.standard_normal(
        (events, dimension)
    )
    rows = centres[chance.integers(0, events, count)] + 0.5 * chance.standard_normal(
        (count, dimension)
    )
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def by_matrix(rows: Vectors) -> list[int]:
    """What scipy's average linkage gives on the whole matrix."""
    cosines = np.round(rows @ rows.T, 5).astype(np.float64)
    tree = linkage((1 - cosines)[np.triu_indices(len(rows), k=1)].clip(0), method="average")
    numbers: dict[int, int] = {}
    found = fcluster(tree, 1 - THRESHOLD + 5e-6, criterion="distance")
    return [numbers.setdefault(int(label), len(numbers)) for label in found]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dimension", [8, 48])
def test_they_are_those_of_the_whole_matrix(seed: int, dimension: int) -> None:
    rows = around(seed, 200, 30, dimension)
    expected = by_matrix(rows)
    assert 10 < len(set(expected)) < 190
    assert clusters(prints(rows), THRESHOLD) == expected
    assert clusters(prints(rows), THRESHOLD, max_exact=0) == expected


VERTICES = st.integers(min_value=0, max_value=19)


@given(st.lists(st.lists(st.tuples(VERTICES, VERTICES), min_size=1, max_size=20), max_size=4))
def test_components_are_those_of_scipy(parts: list[list[tuple[int, int]]]) -> None:
    """The edges come in parts, as from blocks of rows."""
    labels = np.arange(20)
    for part in parts:
        first, second = np.array(part).T
        labels = connect(labels, first, second)
    edges = [edge for part in parts for edge in part]
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(edges)), (ends[0], ends[1])), shape=(20, 20))
    numbers = connected_components(graph, directed=False)[1]
    assert labels.tolist() == [numbers.tolist().index(number) for number in numbers]


@pytest.mark.parametrize("exact", [5_000, 0])
def test_all_alike_is_one_cluster_and_none_is_none(exact: int) -> None:
    assert clusters([], THRESHOLD, exact) == []
    assert clusters(prints([[1, 0]]), THRESHOLD, exact) == [0]
    assert clusters(prints([[1, 0]] * 50), THRESHOLD, exact) == [0] * 50
    assert clusters(prints([[1, 0]] * 3 + [[0, 1]] * 3), THRESHOLD, exact) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("exact", [5_000, 0])
def test_an_article_without_embedding_stands_alone(exact: int) -> None:
    odd = [b"", bytes(8), np.full(2, np.nan, "<f4").tobytes(), np.ones(3, "<f4").tobytes()]
    lost = [
        Fingerprint(text_sha256="", shingles=b"", embedding=embedding, words=b"same" * 4)
        for embedding in odd
    ]
    both = prints([[1, 0], [1, 0], [0, 1]])
    assert clusters([*both, *lost], THRESHOLD, exact) == [0, 0, 1, 2, 3, 4, 5]


def test_a_group_of_many_equal_articles_counts_as_many() -> None:
    # A third at 50° of four equal ones and 10° of another: the mean to the five is below .75.
    angles = np.radians([0, 0, 0, 0, 40, 50])
    rows = np.column_stack([np.cos(angles), np.sin(angles)])
    assert clusters(prints(rows), THRESHOLD) == by_matrix(rows.astype(np.float32))


def test_names_in_common_bring_two_reports_together() -> None:
    angle = np.radians(50)
    rows = np.array([[1, 0, 0], [np.cos(angle), np.sin(angle), 0], [0, 0, 1]], dtype=np.float32)
    texts = [
        "Centrel blamed a wildfire for the blackout in Brannock on Thursday.",
        "Brannock sat in the dark: Centrel lost two lines to a wildfire, a blackout of six hours.",
        "Gardeners in Osk grow beans.",
    ]
    told = [fingerprint(text, row) for text, row in zip(texts, rows, strict=True)]
    assert clusters(told, THRESHOLD) == [0, 0, 1]
    assert clusters(prints(rows), THRESHOLD) == [0, 1, 2]


def quarterly(date: str) -> Fingerprint:
    text = f"Centrel of Brannock told of its sales and profit in the quarter to {date}."
    vector = np.eye(3, dtype=np.float32)[0]
    return fingerprint(text, vector, "Centrel reports its quarter")


def test_two_reports_of_one_kind_are_two_stories_if_months_lie_between_them() -> None:
    day = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    told = [quarterly("March"), quarterly("June"), quarterly("March, it said")]
    far = [
        Fingerprint(**{**asdict(print_), "embedding": embedding.tobytes()})
        for print_, embedding in zip(told, np.eye(3, dtype="<f4"), strict=True)
    ]
    dates = [day, day + dt.timedelta(days=91), day + dt.timedelta(days=2)]
    threshold = 1.4
    assert clusters(far, threshold) == [0, 0, 0]
    assert clusters(far, threshold, published=dates) == [0, 1, 0]
    assert clusters(far, threshold, published=[None, dates[1], None]) == [0, 0, 0]


@given(st.lists(st.integers(min_value=0, max_value=12), max_size=30), st.booleans())
def test_clusters_are_numbered_by_their_best_article(turns: list[int], many: bool) -> None:
    angles = np.radians(np.array(turns, dtype=np.float64) * 15)
    rows = np.column_stack([np.cos(angles), np.sin(angles)])
    found = clusters(prints(rows), THRESHOLD, max_exact=0 if many else 5_000)
    firsts = list(dict.fromkeys(found))
    assert firsts == list(range(len(firsts)))
    by_turn = dict(zip(turns, found, strict=True))
    assert [by_turn[turn] for turn in turns] == found


@pytest.mark.parametrize("exact", [5_000, 0])
def test_one_large_event_is_one_cluster(exact: int) -> None:
    chance = np.random.default_rng(2)
    rows = np.array([4.0, *[0.0] * 31]) + 0.3 * chance.standard_normal((500, 32))
    assert clusters(prints(rows), THRESHOLD, exact) == [0] * 500
