"""Texts are embedded in batches that a budget of tokens bounds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlp.embedding.onnx_embedder import MASKED, batches, packed, pooled


@given(st.lists(st.integers(1, 256)), st.integers(1, 2048))
def test_each_text_is_in_one_batch_and_no_batch_exceeds_the_budget(
    lengths: list[int], budget: int
) -> None:
    made = list(batches(lengths, budget))
    assert sorted(place for batch in made for place in batch) == list(range(len(lengths)))
    for batch in made:
        longest = max(lengths[place] for place in batch)
        tokens = sum(lengths[place] for place in batch)
        assert (tokens <= budget and len(batch) * longest**2 <= budget**2) or len(batch) == 1


def test_texts_of_like_length_stand_together() -> None:
    assert list(batches([3, 90, 3, 100, 3], budget=180)) == [[3], [1, 0, 2, 4]]
    assert list(batches([9, 1, 9, 1], budget=18)) == [[0, 2], [1, 3]]


def test_a_short_text_is_not_made_as_long_as_a_long_one() -> None:
    assert list(batches([90, 1, 1], budget=100)) == [[0], [1, 2]]


def test_tokens_lie_end_to_end() -> None:
    inputs = packed([[7, 8, 9], [5]])
    assert inputs["ids"].tolist() == [7, 8, 9, 5]
    assert inputs["positions"].tolist() == [0, 1, 2, 0]
    assert inputs["slots"].tolist() == [[0, 1, 2], [3, 0, 0]]
    assert inputs["rows"].tolist() == [0, 1, 2, 3]
    assert (inputs["bias"][:, 0, 0] == np.array([[0, 0, 0], [0, MASKED, MASKED]])).all()
    assert inputs["padded"]


def test_texts_of_one_length_need_no_mask() -> None:
    assert not packed([[7, 8], [5, 6]])["padded"]


def test_a_text_is_the_mean_of_its_tokens_at_length_one() -> None:
    vectors = np.array([[3, 0], [3, 8], [0, 5]], dtype=np.float32)
    assert np.allclose(pooled(vectors, [2, 1]), np.array([[0.6, 0.8], [0, 1]]))
