"""A query is embedded once, however many articles it comes with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nlp.embedding.embedder import (
    MAX_CACHED_CHARS,
    MAX_CACHED_TEXTS,
    CachingEmbedder,
    HashingEmbedder,
    Vectors,
)


class RecordingEmbedder(HashingEmbedder):
    """Records the texts that it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return super().encode(texts)


def test_a_short_text_is_embedded_once_and_keeps_its_row() -> None:
    recording = RecordingEmbedder()
    embedder = CachingEmbedder(recording)
    first = embedder.encode(["solar power", "an article"])
    second = embedder.encode(["another article", "solar power"])
    assert np.array_equal(first[0], second[1])
    assert recording.texts.count("solar power") == 1


def test_a_long_text_is_not_cached() -> None:
    recording = RecordingEmbedder()
    embedder = CachingEmbedder(recording)
    text = "x" * (MAX_CACHED_CHARS + 1)
    embedder.encode([text])
    embedder.encode([text])
    assert recording.texts == [text, text]


def test_the_cache_is_bounded_and_evicts_the_least_recently_used() -> None:
    recording = RecordingEmbedder()
    embedder = CachingEmbedder(recording)
    embedder.encode(["kept"])
    for n in range(MAX_CACHED_TEXTS):
        embedder.encode([f"query {n}", "kept"])
    embedder.encode(["kept", "query 0"])
    assert recording.texts.count("kept") == 1
    assert recording.texts.count("query 0") == 2
