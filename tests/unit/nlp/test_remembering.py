"""A query is embedded once, however many articles it comes with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nlp.embedding.embedder import LONGEST, MOST, HashingEmbedder, RememberingEmbedder, Vectors


class WatchedEmbedder(HashingEmbedder):
    """Writes down what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return super().encode(texts)


def test_a_short_text_is_asked_for_once_and_keeps_its_row() -> None:
    watched = WatchedEmbedder()
    embedder = RememberingEmbedder(watched)
    first = embedder.encode(["solar power", "an article"])
    second = embedder.encode(["another article", "solar power"])
    assert np.array_equal(first[0], second[1])
    assert watched.asked.count("solar power") == 1


def test_a_long_text_is_not_kept() -> None:
    watched = WatchedEmbedder()
    embedder = RememberingEmbedder(watched)
    text = "x" * (LONGEST + 1)
    embedder.encode([text])
    embedder.encode([text])
    assert watched.asked == [text, text]


def test_the_memory_is_bounded_and_forgets_the_least_used() -> None:
    watched = WatchedEmbedder()
    embedder = RememberingEmbedder(watched)
    embedder.encode(["kept"])
    for n in range(MOST):
        embedder.encode([f"query {n}", "kept"])
    embedder.encode(["kept", "query 0"])
    assert watched.asked.count("kept") == 1
    assert watched.asked.count("query 0") == 2
